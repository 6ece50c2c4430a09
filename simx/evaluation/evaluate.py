"""An evaluation from its configuration to its report: find pictures, embed them, judge."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
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
from simx.evaluation.embedding import EmbeddedCell, Result, Run, embed, failed
from simx.evaluation.figures import RANKED_BY, truth_of
from simx.evaluation.judging import judged
from simx.evaluation.truth import read_pictures, readable
from simx.exporter.jobs.calibration import calibration_of
from simx.exporter.jobs.export import require_fitting
from simx.exporter.jobs.memory import default_jobs
from simx.exporter.jobs.plan import ExportListener, ExportPlan
from simx.exporter.store.entry import Entry
from simx.exporter.store.store import Store
from simx.exporter.weights.request import WeightsRequest
from simx.images.pictures import bundled
from simx.results.files.anonymised import anonymised
from simx.results.schema.evaluation import (
    Evaluation,
    EvaluationConfig,
    EvaluationSchemaId,
    FailedEvaluation,
)
from simx.results.schema.report import Failure
from simx.runner.bench.cells import PlannedCell, Workload, identify
from simx.runner.bench.environment import describe_environment
from simx.runner.bench.reading import PictureReader
from simx.runner.bench.schedule import USUAL
from simx.runner.bench.session import exported, held, selected
from simx.runner.bench.targets import Target, located, open_targets, planned_targets
from simx.workers.worker import WorkerError

Progress = Callable[[float, str], None]
"""Called with how many steps are done, and what is done now."""

Steps = Callable[[int], AbstractContextManager[Progress]]
"""Returns a context for so many steps: embeddings, then searches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The files and folders of this machine that an evaluation uses, which no report names.

    ``pictures`` is the folder or list, ``cache`` the folder of kept embeddings, and ``mirror`` the
    URL to download weights from. int8 is calibrated on the pictures of the folder ``calibrate``.
    """

    pictures: Path
    store: Path
    cache: Path
    request: WeightsRequest
    mirror: str | None = None
    offline: bool = False
    calibrate: Path | None = None


def evaluate(
    config: EvaluationConfig, sources: Sources, listener: ExportListener, shown_steps: Steps
) -> Evaluation:
    """Embed pictures by every backbone on every target, and judge the embeddings.

    Wrong arguments are refused before any export. An interrupted run keeps what it has embedded,
    and the next one goes on from there.

    Args:
        config: What to evaluate, and how. Without ``backbones``, everything in the store.
        sources: The files to use.
        listener: Gets messages, and hears of exports.
        shown_steps: Is entered with a number of steps before the first of them.

    Raises:
        InputError: An argument is not usable, or too few pictures can be read.
        ProviderUnavailableError: A backend or a provider cannot be used here.
        SystemFailureError: The store or the cache cannot be written.
    """
    begun = time.monotonic()
    store = Store(sources.store, listener.notice)
    names = config.backbones
    backbones = selected(names) if names else held(store, config.embedding, sources.request)
    require_fitting(sources.request, backbones)
    calibration = calibration_of(sources.calibrate, config.precisions)
    backends = tuple(map(located, config.backends))
    config = msgspec.structs.replace(config, backends=backends)
    targets, notes = planned_targets(config)
    pictures = read_pictures(sources.pictures)
    config = msgspec.structs.replace(
        config,
        backbones=tuple(each.name for each in backbones),
        units=config.units if pictures.kind == "classes" else "classes",
    )
    if pictures.skipped:
        notes.append(f"{counted(pictures.skipped, 'file')} left out: no pictures by their names")
    items, unreadable = collected(pictures, config.seed, config.threads)
    environment = describe_environment()
    plan = ExportPlan(
        embedding=config.embedding,
        request=sources.request,
        precisions=config.precisions,
        threads=config.threads,
        jobs=default_jobs(config.threads),
        mirror=sources.mirror,
        offline=sources.offline,
        calibration=calibration,
    )
    with open_targets(targets) as opened:
        notes += opened.notes
        for note in notes:
            listener.notice(note)
        with (
            exported(backbones, store, plan, listener) as workloads,
            _going_on(listener),
            Decoders(config.threads) as decoders,
        ):
            files, seconds = dict(bundled().files()), USUAL.of_pictures
            reader = PictureReader(decoders.launcher, files, seconds)
            run = Run(
                launchers=opened.launchers,
                decoders=decoders,
                inputs={each.preset: reader.inputs(each.preset) for each in backbones},
                items=items,
                batch=config.batch,
                cache=sources.cache,
                software={
                    "cpu": environment.cpu,
                    "gpus": ", ".join(gpu.name for gpu in environment.gpus),
                    **environment.libraries,
                },
                notice=listener.notice,
            )
            cells, reasons = _embedded(run, config, opened.targets, workloads, shown_steps)
    unreadable |= {item.path: reasons[item.key] for item in items if item.key in reasons}
    for path, reason in unreadable.items():
        name = shown(Path(path))
        listener.notice(reason if name in reason else f"{name}: {reason}")
    pictures = readable(pictures, [str(path) not in unreadable for path in pictures.files])
    places = np.flatnonzero([item.path not in unreadable for item in items])
    truth = truth_of(pictures, config.units, config.resamples, config.seed)
    searches = len(places) * sum(isinstance(cell, EmbeddedCell) for cell in cells)
    with shown_steps(searches) as progress:
        results = judged(cells, places, truth, config, progress)
    return Evaluation(
        schema=EvaluationSchemaId(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        simx=simx.__version__,
        environment=environment,
        config=anonymised(config),
        pictures=facts_of(pictures, items, unreadable, truth),
        ranked_by=RANKED_BY[truth.kind],
        cells=results,
        seconds=round(time.monotonic() - begun, 3),
        notes=tuple(notes),
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


def _embedded(
    run: Run,
    config: EvaluationConfig,
    targets: Sequence[Target],
    workloads: Sequence[Workload],
    shown_steps: Steps,
) -> tuple[list[Result], dict[str, str]]:
    """Embed all pictures by all cells; return also why pictures were not read, by key."""
    cells: list[Result] = []
    unreadable: dict[str, str] = {}
    count = len({item.key for item in run.items})
    with shown_steps(count * len(workloads)) as progress:
        for place, workload in enumerate(workloads):
            name, before = workload.backbone.name, place * count

            def tell(done: int, speed: float, name: str = name, before: int = before) -> None:
                progress(before + done, f"embedding with {name}, {speed:.0f} pictures/s")

            plans = [_planned(config, workload, target) for target in targets]
            found, reasons = embed(run, plans, tell)
            cells += found
            unreadable |= reasons
    return cells, unreadable


def _planned(
    config: EvaluationConfig, workload: Workload, target: Target
) -> PlannedCell | FailedEvaluation:
    backbone, export = workload.backbone, workload.exports[target.precision]
    if isinstance(export, Entry):
        partly = config.allow_partial
        return PlannedCell(backbone, target, export, config.threads, allow_partial=partly)
    identity = identify(backbone, config.embedding, target, config.threads)
    failure = Failure(stage=export.stage, reason=export.reason)
    return failed(identity, export.weights_origin, failure, config.batch)
