"""An evaluation from its configuration to its report: find pictures, embed them, judge."""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

import simx
from simx.common.anonymous import anonymous
from simx.common.errors import SystemFailureError, Terminated
from simx.common.input_files import shown
from simx.common.safe_text import counted
from simx.evaluation.decoding import Decoders
from simx.evaluation.embedding import EmbeddedCell, Reasons, Run, embed
from simx.evaluation.examples import pictured_pairs
from simx.evaluation.figures import RANKED_BY
from simx.evaluation.judging import Candidate, judged
from simx.evaluation.relations import Truth, truth_of
from simx.evaluation.truth import Pictures, collected, read_pictures, readable
from simx.evaluation.weighing import Weighting, weightings
from simx.exporter.jobs.calibration import calibration_of
from simx.exporter.jobs.memory import default_jobs
from simx.exporter.jobs.plan import ExportListener, ExportPlan
from simx.exporter.own_models.described import own_models
from simx.exporter.store.store import Store
from simx.exporter.weights.request import WeightsRequest
from simx.results.files.anonymised import anonymised
from simx.results.schema.evaluation import (
    Evaluation,
    EvaluationConfig,
    EvaluationSchemaId,
    PicturesFacts,
    TruthKind,
    Unreadable,
)
from simx.results.summaries.evaluated import PicturedPair
from simx.runner.bench.backbones import facts_of_own
from simx.runner.bench.environment import describe_environment
from simx.runner.bench.session import exported
from simx.runner.bench.targets import (
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

_CONNECTED = (
    "the lines of the list are connected by pictures that they have in common, so that no part can "
    "be held out"
)

_NOTHING_HELD_OUT: dict[TruthKind, str] = {
    "classes": "it needs four classes, some of several pictures",
    "changes": "it needs four pictures",
    "pairs": _CONNECTED,
    "triplets": _CONNECTED,
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
    session = _prepared(config, sources, listener)
    config, pictures, notes = session.config, session.pictures, session.notes
    environment = describe_environment(backbones=config.backbones)
    items, unreadable = collected(pictures, config.seed, config.threads)
    with open_targets(session.targets) as opened:
        notes += opened.notes
        for note in notes:
            listener.notice(note)
        run = Run(
            launchers=opened.launchers,
            items=items,
            batch=config.batch,
            cache=sources.cache,
            environment=environment,
            notice=listener.notice,
        )
        cells, reasons = _embedded(session, opened.targets, run, listener, shown_steps)
    unreadable |= {item.path: reasons[item.key] for item in items if item.key in reasons}
    for path, reason in unreadable.items():
        name = shown(Path(path))
        listener.notice(reason if name in reason else f"{name}: {reason}")
    pictures = readable(pictures, [str(path) not in unreadable for path in pictures.files])
    whole = [item for item in items if item.path not in unreadable]
    truth = truth_of(pictures, config.units, config.resamples, config.seed)
    if truth.fold_of is None:
        reason = _NOTHING_HELD_OUT[pictures.kind]
        notes.append(f"no accuracy on held-out pictures: {reason}")
        listener.notice(notes[-1])
    searches = len(whole) * sum(isinstance(each.cell, EmbeddedCell) for each in cells)
    with shown_steps(searches) as progress:
        judgements = judged(cells, [item.key for item in whole], truth, config, progress)
    if examples is not None:
        with Decoders(config.threads) as decoders:
            examples(
                pictured_pairs([each.cell for each in cells], judgements, whole, truth, decoders)
            )
    return Evaluation(
        schema=EvaluationSchemaId(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        simx=simx.__version__,
        environment=environment,
        config=anonymised(config),
        pictures=_facts_of(pictures, items, unreadable, truth),
        ranked_by=RANKED_BY[truth.kind],
        cells=judgements,
        seconds=round(time.monotonic() - begun, 3),
        notes=tuple(notes),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    """An evaluation whose arguments were checked; ``config`` names its backbones."""

    config: EvaluationConfig
    store: Store
    weighted: Sequence[Weighting]
    targets: Sequence[Target]
    pictures: Pictures
    notes: list[str]


def _prepared(config: EvaluationConfig, sources: Sources, listener: ExportListener) -> _Session:
    """Check all arguments before anything is started."""
    store = Store(sources.store, listener.notice)
    own = own_models(sources.models, sources.preprocess)
    plan = ExportPlan(
        embedding=config.embedding,
        request=WeightsRequest("auto"),
        precisions=config.precisions,
        threads=config.threads,
        jobs=default_jobs(config.threads),
        mirror=sources.mirror,
        offline=sources.offline,
        calibration=calibration_of(sources.calibrate, config.precisions),
    )
    weighted = []
    if config.backbones or sources.weights != ("auto",) or not own:
        weighted = weightings(sources.weights, sources.weights_key, config.backbones, store, plan)
    if own:
        weighted.append(Weighting(plan, own))
    backbones = [of for each in weighted for of in each.backbones]
    config = msgspec.structs.replace(config, backends=tuple(map(located, config.backends)))
    targets, notes = planned_targets(config)
    targets, lacking = useful_targets(targets, backbones)
    pictures = read_pictures(sources.pictures)
    if pictures.skipped:
        lacking.append(f"{counted(pictures.skipped, 'file')} left out: no pictures by their names")
    config = msgspec.structs.replace(
        config,
        backbones=tuple(dict.fromkeys(of.name for of in backbones)),
        models=facts_of_own(backbones),
        weights=tuple(dict.fromkeys(each.plan.request.kind for each in weighted)),
        units=config.units if pictures.kind == "classes" else "classes",
    )
    return _Session(
        config=config,
        store=store,
        weighted=weighted,
        targets=targets,
        pictures=pictures,
        notes=notes + lacking,
    )


def _embedded(
    session: _Session,
    targets: Sequence[Target],
    run: Run,
    listener: ExportListener,
    shown_steps: Steps,
) -> tuple[list[Candidate], Reasons]:
    """Export what the store lacks, and embed all pictures.

    Returns:
        The cells, and why pictures were not read, by their keys.

    Raises:
        SystemFailureError: Pictures cannot be decoded at all.
    """
    cells: list[Candidate] = []
    unreadable: Reasons = {}
    count = len({item.key for item in run.items})
    with ExitStack() as stack:
        workloads = [
            (workload, each.file)
            for each in session.weighted
            for workload in stack.enter_context(
                exported(each.backbones, session.store, each.plan, listener)
            )
        ]
        stack.enter_context(_going_on(listener))
        decoders = stack.enter_context(Decoders(session.config.threads))
        progress = stack.enter_context(shown_steps(count * len(workloads)))
        for place, (workload, file) in enumerate(workloads):
            name, before = workload.backbone.name, place * count

            def tell(done: int, speed: float, name: str = name, before: int = before) -> None:
                progress(before + done, f"embedding with {name}, {speed:.0f} pictures/s")

            of = [each for each in targets if each.runs(workload.backbone)]
            plans = [workload.cell(target, session.config) for target in of]
            found, reasons = embed(run, decoders, plans, tell)
            cells += [Candidate(cell, workload.backbone, file) for cell in found]
            unreadable |= reasons
    return cells, unreadable


def _facts_of(
    pictures: Pictures, items: Sequence[Item], unreadable: Mapping[str, str], truth: Truth
) -> PicturesFacts:
    """Return what a report has of the readable pictures, and of the others."""
    by_path = {item.path: item.sha256 for item in items}
    hashes = [by_path[str(path)] for path in pictures.files]
    return PicturesFacts(
        truth=truth.kind,
        pictures=len(hashes),
        embedded=len(hashes) * len(pictures.changes),
        classes=0 if truth.labels is None else len(set(truth.labels.tolist())),
        duplicates=len(hashes) - len(set(hashes)),
        sha256=hashlib.sha256("".join(hashes).encode()).hexdigest(),
        pairs=len(truth.pairs.left),
        all_pairs=truth.pairs.population,
        unreadable=tuple(
            # Without its name.
            Unreadable(
                sha256=by_path.get(path),
                reason=anonymous(reason.replace(f"picture {shown(Path(path))}", "picture")),
            )
            for path, reason in unreadable.items()
        ),
    )


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
