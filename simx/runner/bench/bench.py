"""A whole benchmark: backbone after backbone, launch after launch, into a journal and a report.

The parent of all workers. It imports no runtime and does nothing while a worker measures.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

import simx
from simx.common.errors import SystemFailureError, Terminated
from simx.models.backbone import Backbone
from simx.models.pictures import PictureSet
from simx.results.files.journal import (
    Journal,
    JournalFullError,
    read_journal,
    resume_command,
)
from simx.results.files.journal_lines import FinishedLaunch
from simx.results.files.report import write
from simx.results.schema.config import BATCH, SINGLE_STREAM, Config
from simx.results.schema.report import FailedCell, Report, SchemaId
from simx.results.statistics.noise import ReferenceWorkloadHistory
from simx.results.statistics.sample_size import PilotSpreads
from simx.runner.backends.registry import BackendSpec
from simx.runner.bench.admission import admitted, weighed
from simx.runner.bench.cells import PlannedCell, Workload
from simx.runner.bench.environment import describe_environment
from simx.runner.bench.launch import Bench, run_launch
from simx.runner.bench.reading import READER, PictureReader
from simx.runner.bench.resumption import Earlier, replay, require_same_exports
from simx.runner.bench.schedule import USUAL, Deadlines
from simx.runner.bench.stopping import Launches, Verdict
from simx.runner.bench.targets import OpenTargets, Target
from simx.workers.forking import launcher

Progress = Callable[[Backbone, int, int], None]
"""Called before each launch, with the backbone, the launch's index, and how many are planned."""


def run_bench(
    config: Config,
    pictures: PictureSet,
    opened: OpenTargets,
    workloads: Sequence[Workload],
    journal: Journal,
    path: Path,
    progress: Progress = lambda *_: None,
    deadlines: Deadlines = USUAL,
) -> Report:
    """Measure all that is open and write the report.

    Args:
        config: how to measure.
        pictures: the pictures to use.
        opened: the targets.
        workloads: what to measure, in this order, except what the journal has.
        journal: takes each finished launch. It is removed when the report is safe. An interrupted
            run leaves it, and a report of the finished launches with a note.
        path: where the report goes.
        progress: called before each launch.
        deadlines: for the answers of workers.

    Raises:
        InputError: the journal's launches of a workload were measured from another export.
        SystemFailureError: the journal or the report cannot be written.
    """
    history, spreads = ReferenceWorkloadHistory(), PilotSpreads()
    require_same_exports(journal.kept.launches, workloads, opened.targets, config)
    earlier = replay(journal.kept.launches, config, history, spreads)
    with (
        published_if_ended(journal, path),
        bench_of(config, pictures, opened, history, deadlines) as bench,
    ):
        for workload in workloads:
            if workload.name not in journal.kept.finished:
                found = earlier.get(workload.name) or Earlier(Launches(config, spreads), {})
                for launch in measured(bench, workload, config, opened.targets, found, progress):
                    journal.append(launch)
    return finish(journal, path)


@contextmanager
def bench_of(
    config: Config,
    pictures: PictureSet,
    opened: OpenTargets,
    history: ReferenceWorkloadHistory,
    deadlines: Deadlines = USUAL,
) -> Iterator[Bench]:
    """Yield what all launches of a run share; arguments as for ``run_bench``."""
    with launcher(READER, memory=config.worker_memory) as reading:
        is_loaded = config.scenario != SINGLE_STREAM
        yield Bench(
            launchers=opened.launchers,
            reader=PictureReader(reading, dict(pictures.files()), deadlines.of_pictures),
            schedule=config,
            history=history,
            deadlines=deadlines,
            only_forward=is_loaded,
            counting=None if is_loaded else 0,
        )


@contextmanager
def published_if_ended(journal: Journal, path: Path) -> Iterator[None]:
    """Write a report of the finished launches where the run is ended before all is measured."""
    try:
        yield
    except (KeyboardInterrupt, Terminated, JournalFullError):
        _publish(journal, path, "this run was ended before all was measured")
        raise


def finish(journal: Journal, path: Path) -> Report:
    """Write the report of a finished run from its journal, and remove the journal.

    Raises:
        SystemFailureError: the report cannot be written; the journal stays.
    """
    report = _publish(journal, path)
    journal.remove()
    return report


def _publish(journal: Journal, path: Path, *notes: str) -> Report:
    report = read_journal(journal.path).report()
    if not report.cells:
        return report
    report = msgspec.structs.replace(report, notes=(*report.notes, *notes))
    try:
        write(path, report)
    except SystemFailureError as error:
        raise SystemFailureError(
            f"{error}; nothing is lost: '{resume_command(path)}' writes it from the journal"
        ) from None
    return report


def measured(
    bench: Bench,
    workload: Workload,
    config: Config,
    targets: Sequence[Target],
    earlier: Earlier,
    progress: Progress,
) -> Iterator[FinishedLaunch]:
    """Measure one backbone until its pilot or its time ends it, and yield each finished launch.

    Budget and duration include what is not timed: measuring the memory, and loading.
    """
    backbone, launches = workload.backbone, earlier.launches
    found = workload.cells(targets, config)
    if launches.done:
        found = [*earlier.going_on(each for each in found if isinstance(each, PlannedCell))]
    # The few workers of single pictures always fit.
    is_swept = any(each.identity.batch > BATCH for each in found)
    planned = admitted(found, bench.launchers, bench.deadlines) if is_swept else found
    cells = [each for each in planned if isinstance(each, PlannedCell)]
    if not cells:
        failed = (each for each in planned if isinstance(each, FailedCell))
        yield FinishedLaunch(cells=tuple(failed))
        return
    launches.go_on_from_now()
    if not launches.done:
        cells = weighed(cells, bench.launchers, bench.deadlines)
    verdict: Verdict = "go_on"
    while verdict == "go_on":
        progress(backbone, launches.done, launches.planned)
        result = run_launch(bench, cells, launches.done, launches.seconds_for_next)
        cells = list(result.left)
        finished = launches.add(result.finished, bench.history.references())
        if launches.done == 1:
            tried = iter(finished.cells)
            in_order = (each if isinstance(each, FailedCell) else next(tried) for each in planned)
            finished = msgspec.structs.replace(finished, cells=tuple(in_order))
        verdict = launches.verdict()
        if not cells:
            verdict = "failed"
        # In one line with the launch: a run cannot end between the two.
        stop = None if verdict == "go_on" else launches.stop(backbone, verdict)
        yield msgspec.structs.replace(finished, stop=stop)


def begun_report(
    config: Config, notes: Sequence[str] = (), backends: Iterable[BackendSpec] = ()
) -> Report:
    """Return the report of a run in which nothing has been measured yet.

    Args:
        config: how.
        notes: on it.
        backends: what will be measured.
    """
    return Report(
        schema=SchemaId(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        simx=simx.__version__,
        environment=describe_environment(backends, config.backbones),
        config=config,
        canary=(),
        cells=(),
        notes=tuple(notes),
    )
