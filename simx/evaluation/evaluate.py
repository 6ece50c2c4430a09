"""An evaluation from its configuration to its report: find pictures, embed them, judge."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np

import simx
from simx.common.errors import SystemFailureError, Terminated
from simx.common.input_files import shown
from simx.common.safe_text import counted
from simx.evaluation.collection import collected, facts_of
from simx.evaluation.decoding import Decoders
from simx.evaluation.embedding import EmbeddedCell, Result, Run, embed
from simx.evaluation.examples import pictured_pairs
from simx.evaluation.figures import RANKED_BY, truth_of
from simx.evaluation.judging import judged
from simx.evaluation.truth import Pictures, read_pictures, readable
from simx.evaluation.weighing import Weighting, weightings
from simx.exporter.jobs.calibration import calibration_of
from simx.exporter.jobs.memory import default_jobs
from simx.exporter.jobs.plan import Calibration, ExportListener, ExportPlan
from simx.exporter.own_models.described import own_models
from simx.exporter.store.store import Store
from simx.exporter.weights.request import WeightsRequest
from simx.images.pictures import bundled
from simx.results.files.anonymised import anonymised
from simx.results.schema.environment import Environment
from simx.results.schema.evaluation import (
    Evaluation,
    EvaluationConfig,
    EvaluationSchemaId,
    TruthKind,
)
from simx.results.summaries.evaluated import PicturedPair
from simx.runner.bench.backbones import facts_of_own
from simx.runner.bench.cells import Workload
from simx.runner.bench.environment import describe_environment
from simx.runner.bench.reading import PictureReader
from simx.runner.bench.schedule import USUAL
from simx.runner.bench.session import exported
from simx.runner.bench.targets import (
    OpenTargets,
    Target,
    located,
    open_targets,
    planned_targets,
    useful_targets,
)
from simx.runner.measure.messages import Item
from simx.workers.worker import WorkerError

Progress = Callable[[float, str], None]
"""Called with how many steps are done, and what is done now."""

_FEW_CLASSES = "no accuracy on held-out pictures: it needs four classes, some of several pictures"
_ONE_PART = (
    "no accuracy on held-out pictures: the lines of the list are connected by pictures that they "
    "have in common, so that no part can be held out"
)

_NOTHING_HELD_OUT: dict[TruthKind, str] = {
    "classes": _FEW_CLASSES,
    "changes": "no accuracy on held-out pictures: it needs four pictures",
    "pairs": _ONE_PART,
    "triplets": _ONE_PART,
}

Steps = Callable[[int], AbstractContextManager[Progress]]
"""Returns a context for so many steps: embeddings, then searches."""

Examples = Callable[[tuple[PicturedPair, ...]], None]
"""Called with pairs of pictures to look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The files and folders of this machine that an evaluation uses, which no report names.

    ``pictures`` is the folder or list, and ``cache`` the folder of kept embeddings. ``weights`` and
    ``weights_key`` are as for ``weightings``, ``mirror`` is the URL to download weights from. int8
    is calibrated on the pictures of the folder ``calibrate``. ``models`` are ONNX files of the
    user's own, and ``preprocess`` is how their inputs are made; see ``own_models``.
    """

    pictures: Path
    store: Path
    cache: Path
    weights: tuple[str, ...] = ("auto",)
    weights_key: str | None = None
    models: tuple[str, ...] = ()
    preprocess: tuple[str, ...] = ()
    mirror: str | None = None
    offline: bool = False
    calibrate: Path | None = None


def evaluate(
    config: EvaluationConfig,
    sources: Sources,
    listener: ExportListener,
    shown_steps: Steps,
    examples: Examples | None = None,
) -> Evaluation:
    """Embed pictures by every backbone on every target, and judge the embeddings.

    Wrong arguments are refused before any export. An interrupted run keeps what it has embedded,
    and the next one goes on from there.

    Args:
        config: What to evaluate, and how. Without ``backbones``, those that the weights name, or
            everything in the store.
        sources: The files to use.
        listener: Gets messages, and hears of exports.
        shown_steps: Is entered with a number of steps before the first of them.
        examples: Gets pairs of pictures, which no report has; without it there are none.

    Raises:
        InputError: An argument is not usable, or too few pictures can be read.
        ProviderUnavailableError: A backend or a provider cannot be used here.
        SystemFailureError: The store or the cache cannot be written.
    """
    begun = time.monotonic()
    session, notes = _prepared(config, sources, listener, shown_steps)
    config, pictures = session.config, session.pictures
    items, unreadable = collected(pictures, config.seed, config.threads)
    with open_targets(session.targets) as opened:
        notes += opened.notes
        for note in notes:
            listener.notice(note)
        cells, reasons = session.embedded(opened, items)
    unreadable |= {item.path: reasons[item.key] for item in items if item.key in reasons}
    for path, reason in unreadable.items():
        name = shown(Path(path))
        listener.notice(reason if name in reason else f"{name}: {reason}")
    pictures = readable(pictures, [str(path) not in unreadable for path in pictures.files])
    places = np.flatnonzero([item.path not in unreadable for item in items])
    truth = truth_of(pictures, config.units, config.resamples, config.seed)
    if truth.folds is None:
        notes.append(_NOTHING_HELD_OUT[pictures.kind])
        listener.notice(notes[-1])
    searches = len(places) * sum(isinstance(cell, EmbeddedCell) for cell, _ in cells)
    with shown_steps(searches) as progress:
        embedded = [cell for cell, _ in cells]
        judgements = judged(embedded, places, truth, config, progress)
    if examples is not None:
        with Decoders(config.threads) as decoders:
            examples(pictured_pairs(embedded, judgements, items, places, truth, decoders))
    return Evaluation(
        schema=EvaluationSchemaId(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        simx=simx.__version__,
        environment=session.environment,
        config=anonymised(config),
        pictures=facts_of(pictures, items, unreadable, truth),
        ranked_by=RANKED_BY[truth.kind],
        cells=tuple(
            msgspec.structs.replace(judgement, weights_file=file)
            for judgement, (_, file) in zip(judgements, cells, strict=True)
        ),
        seconds=round(time.monotonic() - begun, 3),
        notes=tuple(notes),
    )


_Named = tuple[Result, str | None]
"""A cell, and the name of its weights file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    """An evaluation whose arguments were checked; ``config`` names its backbones."""

    config: EvaluationConfig
    sources: Sources
    store: Store
    weighted: Sequence[Weighting]
    calibration: Calibration | None
    targets: Sequence[Target]
    pictures: Pictures
    environment: Environment
    listener: ExportListener
    shown_steps: Steps

    def embedded(
        self, opened: OpenTargets, items: Sequence[Item]
    ) -> tuple[list[_Named], dict[str, str]]:
        """Export what the store lacks, and embed all pictures; return also why some were not read.

        Raises:
            SystemFailureError: Pictures cannot be decoded at all.
        """
        cells: list[_Named] = []
        unreadable: dict[str, str] = {}
        count = len({item.key for item in items})
        with ExitStack() as stack:
            workloads = [
                (workload, each.file)
                for each in self.weighted
                for workload in stack.enter_context(self._exported(each))
            ]
            stack.enter_context(_going_on(self.listener))
            decoders = stack.enter_context(Decoders(self.config.threads))
            run = self._run(opened, items, decoders)
            progress = stack.enter_context(self.shown_steps(count * len(workloads)))
            for place, (workload, file) in enumerate(workloads):
                name, before = workload.backbone.name, place * count

                def tell(done: int, speed: float, name: str = name, before: int = before) -> None:
                    progress(before + done, f"embedding with {name}, {speed:.0f} pictures/s")

                plans = [
                    workload.cell(target, self.config)
                    for target in opened.targets
                    if target.runs(workload.backbone)
                ]
                found, reasons = embed(run, plans, tell)
                cells += [(cell, file) for cell in found]
                unreadable |= reasons
        return cells, unreadable

    def _exported(self, of: Weighting) -> AbstractContextManager[list[Workload]]:
        config, sources = self.config, self.sources
        plan = ExportPlan(
            embedding=config.embedding,
            request=of.request,
            precisions=config.precisions,
            threads=config.threads,
            jobs=default_jobs(config.threads),
            mirror=sources.mirror,
            offline=sources.offline,
            calibration=self.calibration,
        )
        return exported(of.backbones, self.store, plan, self.listener)

    def _run(self, opened: OpenTargets, items: Sequence[Item], decoders: Decoders) -> Run:
        reader = PictureReader(decoders.launcher, dict(bundled().files()), USUAL.of_pictures)
        presets = {backbone.preset for each in self.weighted for backbone in each.backbones}
        return Run(
            launchers=opened.launchers,
            decoders=decoders,
            inputs={preset: reader.inputs(preset) for preset in presets},
            items=tuple(items),
            batch=self.config.batch,
            cache=self.sources.cache,
            software={
                "cpu": self.environment.cpu,
                "gpus": ", ".join(gpu.name for gpu in self.environment.gpus),
                **self.environment.libraries,
            },
            notice=self.listener.notice,
        )


def _prepared(
    config: EvaluationConfig, sources: Sources, listener: ExportListener, shown_steps: Steps
) -> tuple[_Session, list[str]]:
    """Check all arguments before anything is started; return also notes on them."""
    store = Store(sources.store, listener.notice)
    own = own_models(sources.models, sources.preprocess)
    weighted = []
    if config.backbones or sources.weights != ("auto",) or not own:
        weighted = weightings(
            sources.weights, sources.weights_key, config.backbones, store, config.embedding
        )
    if own:
        weighted.append(Weighting(WeightsRequest("auto"), own))
    backbones = [of for each in weighted for of in each.backbones]
    backends = tuple(map(located, config.backends))
    targets, notes = planned_targets(msgspec.structs.replace(config, backends=backends))
    targets, lacking = useful_targets(targets, backbones)
    notes += lacking
    calibration = calibration_of(sources.calibrate, config.precisions)
    pictures = read_pictures(sources.pictures)
    if pictures.skipped:
        notes.append(f"{counted(pictures.skipped, 'file')} left out: no pictures by their names")
    session = _Session(
        config=msgspec.structs.replace(
            config,
            backends=backends,
            backbones=tuple(dict.fromkeys(of.name for of in backbones)),
            models=facts_of_own(backbones),
            weights=tuple(dict.fromkeys(each.request.kind for each in weighted)),
            units=config.units if pictures.kind == "classes" else "classes",
        ),
        sources=sources,
        store=store,
        weighted=weighted,
        calibration=calibration,
        targets=targets,
        pictures=pictures,
        environment=describe_environment(),
        listener=listener,
        shown_steps=shown_steps,
    )
    return session, notes


@contextmanager
def _going_on(listener: ExportListener) -> Iterator[None]:
    """Say how an interrupted run goes on, and why pictures cannot be decoded at all."""
    try:
        yield
    except (KeyboardInterrupt, Terminated):
        listener.notice("what is embedded is kept; go on by the same command")
        raise
    except WorkerError as error:
        raise SystemFailureError(f"pictures cannot be decoded here: {error}") from None
