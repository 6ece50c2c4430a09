"""A whole benchmark: backbone after backbone, launch after launch, into a journal and a report.

The parent of all workers. It imports no runtime and does nothing while a worker measures.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

import simx
from simx.common.errors import SystemFailureError, Terminated
from simx.exporter.store.entry import Entry
from simx.images.pictures import describe
from simx.models.backbone import Backbone, EmbeddingKind
from simx.models.pictures import PictureSet
from simx.results.files.journal import Journal, read_journal, resume_command
from simx.results.files.journal_lines import FinishedLaunch, JournaledBackbone
from simx.results.files.report import write
from simx.results.schema.report import Config, Ending, FailedCell, Report, SchemaId
from simx.runner.bench.cells import BATCH, Lane, PlannedCell, failed_cell, identify
from simx.runner.bench.deadlines import Deadlines
from simx.runner.bench.environment import describe_environment
from simx.runner.bench.launch import Bench, LaunchResult, run_launch
from simx.runner.bench.memory import weighed
from simx.runner.bench.reference_workload import CanaryHistory
from simx.runner.bench.resumption import Earlier, name_of, replay, require_same_exports
from simx.runner.bench.schedule import Schedule
from simx.runner.bench.stopping import Launches, Verdict
from simx.runner.bench.targets import OpenLanes
from simx.runner.bench.workloads import Absent, NotReduced, Subject


class BenchPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a benchmark was asked for, beside the backbones and the lanes.

    ``allow_partial`` tells that cells are wanted of which only a share runs on the provider.
    """

    embedding: EmbeddingKind
    weights: str
    threads: int
    profile: str
    schedule: Schedule
    pictures: PictureSet
    allow_partial: bool = False
    worker_memory: int | None = None
    deadlines: Deadlines = Deadlines()


Progress = Callable[[Backbone, int, int], None]
"""Called before each launch, with the backbone, the launch's index, and how many there are to be as
far as is known."""


def run_bench(
    plan: BenchPlan,
    opened: OpenLanes,
    subjects: Sequence[Subject | Absent],
    journal: Journal,
    path: Path,
    progress: Progress = lambda *_: None,
) -> Report:
    """Measure everything that is open and write the report.

    Args:
        plan: how to measure.
        opened: with which backends and providers.
        subjects: what to measure, in this order. What the journal has of them is not measured
            again.
        journal: takes each finished launch. It is removed when the report is safe; a run that is
            interrupted leaves it, and a report of what it had finished, with a note.
        path: where the report goes.
        progress: told how far the run is.

    Raises:
        InputError: a subject is not what the journal's launches of it were measured from.
        SystemFailureError: journal or report cannot be written.
    """
    bench = Bench(
        launchers=opened.launchers,
        pictures=dict(plan.pictures.files()),
        schedule=plan.schedule,
        canaries=CanaryHistory(),
        deadlines=plan.deadlines,
    )
    require_same_exports(journal.kept.launches, subjects, opened.lanes, plan.threads)
    earlier = replay(journal.kept.launches, plan.schedule, bench.canaries)
    try:
        for subject in subjects:
            if name_of(subject.backbone) in journal.kept.finished:
                continue
            if isinstance(subject, Absent):
                journal.append(_absence(subject, plan, opened))
            else:
                _measure(bench, subject, plan, opened, journal, earlier, progress)
    except (KeyboardInterrupt, Terminated):
        _publish(journal, path, "this run was ended before all was measured")
        raise
    return finish(journal, path)


def finish(journal: Journal, path: Path) -> Report:
    """Write the report of a journal in which nothing is open, and remove the journal.

    Raises:
        SystemFailureError: the report cannot be written; the journal stays.
    """
    report = _publish(journal, path)
    journal.remove()
    return report


def _publish(journal: Journal, path: Path, *notes: str) -> Report:
    """Make the report of what the journal holds."""
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


def _measure(
    bench: Bench,
    subject: Subject,
    plan: BenchPlan,
    opened: OpenLanes,
    journal: Journal,
    earlier: Mapping[JournaledBackbone, Earlier],
    progress: Progress,
) -> None:
    """Measure one backbone, launch after launch, until its pilot or its time says that it is done.

    Budget and duration include what is not timed: a look at the memory, and loading.
    """
    exports = {lane: subject.export(lane.precision) for lane in opened.lanes}
    cells = [
        PlannedCell(subject.backbone, lane, entry, plan.threads, allow_partial=plan.allow_partial)
        for lane, entry in exports.items()
        if isinstance(entry, Entry)
    ]
    origin = subject.entry.manifest.identity.weights_origin
    lacking = {
        lane: failed_cell(
            subject.backbone,
            identify(subject.backbone, plan.embedding, lane, plan.threads),
            origin,
            entry.stage,
            entry.reason,
        )
        for lane, entry in exports.items()
        if isinstance(entry, NotReduced)
    }
    if not cells:
        journal.append(FinishedLaunch(cells=tuple(lacking.values())))
        return
    found = earlier.get(name_of(subject.backbone))
    launches = found.launches if found else Launches(plan.schedule)
    launches.go_on_from_now()
    cells = found.going_on(cells) if found else weighed(cells, bench)
    verdict: Verdict = "go_on"
    while verdict == "go_on":
        progress(subject.backbone, launches.done, launches.planned)
        result = run_launch(bench, cells, launches.done)
        cells = list(result.left)
        launches.add(result.finished, bench.canaries.references())
        finished = result.finished
        if lacking and launches.done == 1:
            finished = _with_lacking(finished, lacking, opened.lanes)
        verdict = _special_case(result, cells) or launches.verdict()
        # In one line with the launch: a run cannot end between the two.
        stop = None if verdict == "go_on" else launches.stop(subject.backbone, verdict)
        seconds = launches.latest_seconds
        journal.append(msgspec.structs.replace(finished, seconds=seconds, stop=stop))


def _with_lacking(
    finished: FinishedLaunch, lacking: Mapping[Lane, FailedCell], lanes: Sequence[Lane]
) -> FinishedLaunch:
    """Put the cells for which there is no export where the tables have them."""
    measured = iter(finished.cells)
    cells = (lacking[lane] if lane in lacking else next(measured) for lane in lanes)
    return msgspec.structs.replace(finished, cells=tuple(cells))


def _special_case(result: LaunchResult, left: Sequence[PlannedCell]) -> Ending | None:
    if not left:
        return "failed"
    return "giant" if result.giant else None


def _absence(subject: Absent, plan: BenchPlan, opened: OpenLanes) -> FinishedLaunch:
    cells = [
        failed_cell(
            subject.backbone,
            identify(subject.backbone, plan.embedding, lane, plan.threads),
            None,
            subject.stage,
            subject.reason,
        )
        for lane in opened.lanes
    ]
    return FinishedLaunch(cells=tuple(cells))


def begun_report(plan: BenchPlan, lanes: Sequence[Lane], notes: Sequence[str]) -> Report:
    """Return the report of a run in which nothing has been measured yet."""
    config = Config(
        backends=tuple(dict.fromkeys(lane.choice.name for lane in lanes)),
        providers=tuple(dict.fromkeys(lane.provider for lane in lanes)),
        embedding=plan.embedding,
        precisions=tuple(dict.fromkeys(lane.precision for lane in lanes)),
        batch=BATCH,
        threads=plan.threads,
        weights=plan.weights,
        profile=plan.profile,
        allow_partial=plan.allow_partial,
        half_width=plan.schedule.half_width,
        budget_seconds=plan.schedule.budget_seconds,
        pilot=plan.schedule.pilot,
        launches=plan.schedule.launches,
        rounds=plan.schedule.rounds,
        seed=plan.schedule.seed,
        pictures={name: describe(path) for name, path in plan.pictures.files()},
        worker_memory=plan.worker_memory,
    )
    return Report(
        schema=SchemaId(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        simx=simx.__version__,
        environment=describe_environment(),
        config=config,
        canary=(),
        cells=(),
        notes=tuple(notes),
    )
