"""A whole benchmark: backbone after backbone, launch after launch, into a journal and a report.

The parent of all workers. It imports no runtime and does nothing while a worker measures.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

import simx
from simx.errors import Terminated
from simx.exporter.store import Entry
from simx.images.pictures import PictureSet, describe
from simx.models.backbone import Backbone, EmbeddingKind
from simx.results.file import write
from simx.results.journal import FinishedLaunch, Journal, journal_path, read_journal
from simx.results.schema import Config, Ending, Picture, Report, SchemaId
from simx.runner.canaries import CanaryHistory
from simx.runner.cells import BATCH, PRECISION, PlannedCell, failed_cell, identify
from simx.runner.environment import describe_environment
from simx.runner.lanes import OpenLanes
from simx.runner.launch import Bench, LaunchResult, run_launch
from simx.runner.memory import weighed
from simx.runner.schedule import Schedule
from simx.runner.stopping import Launches, Verdict


class Subject(msgspec.Struct, frozen=True):
    """A backbone to measure, and the export to measure it from."""

    backbone: Backbone
    entry: Entry


class Absent(msgspec.Struct, frozen=True):
    """A backbone that was asked for and could not be exported: its cells are failures."""

    backbone: Backbone
    stage: str
    reason: str


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
    notes: tuple[str, ...] = ()


Progress = Callable[[Backbone, int, int], None]
"""Called before each launch, with the backbone, the launch's index, and how many there are to be as
far as is known."""


def run_bench(
    plan: BenchPlan,
    opened: OpenLanes,
    subjects: Sequence[Subject | Absent],
    path: Path,
    progress: Progress = lambda *_: None,
) -> Report:
    """Measure everything and write the report.

    Args:
        plan: how to measure.
        opened: with which backends and providers.
        subjects: what to measure, in this order.
        path: where the report goes; the journal lies beside it while the run goes on. A run that
            is interrupted leaves a report of what it had finished, with a note.
        progress: told how far the run is.

    Raises:
        InputError: a journal of another run is in the way.
        SystemFailureError: journal or report cannot be written.
    """
    bench = Bench(
        launchers=opened.launchers,
        pictures=dict(plan.pictures.files()),
        schedule=plan.schedule,
        canaries=CanaryHistory(),
    )
    with Journal(journal_path(path), _header(plan, opened)) as journal:
        try:
            for subject in subjects:
                if isinstance(subject, Absent):
                    journal.append(_absence(subject, plan, opened))
                else:
                    _measure(bench, subject, plan, opened, journal, progress)
        except (KeyboardInterrupt, Terminated):
            _publish(journal, path, "this run was ended before all was measured")
            raise
        return _publish(journal, path)


def _publish(journal: Journal, path: Path, *notes: str) -> Report:
    """Make the report of what the journal holds; the journal goes when the report is safe."""
    report = read_journal(journal.path)
    if report.cells:
        report = msgspec.structs.replace(report, notes=(*report.notes, *notes))
        write(path, report)
    journal.remove()
    return report


def _measure(
    bench: Bench,
    subject: Subject,
    plan: BenchPlan,
    opened: OpenLanes,
    journal: Journal,
    progress: Progress,
) -> None:
    """Measure one backbone, launch after launch, until its pilot or its time says that it is done.

    Budget and duration include what is not timed: a look at the memory, and loading.
    """
    launches = Launches(plan.schedule)
    cells = weighed(
        [
            PlannedCell(
                subject.backbone,
                lane,
                subject.entry,
                plan.threads,
                allow_partial=plan.allow_partial,
            )
            for lane in opened.lanes
        ],
        bench,
    )
    verdict: Verdict = "go_on"
    while verdict == "go_on":
        progress(subject.backbone, launches.done, launches.planned)
        result = run_launch(bench, cells, launches.done)
        journal.append(result.finished)
        cells = list(result.left)
        launches.add(result.finished, bench.canaries.references())
        verdict = _special_case(result, cells) or launches.verdict()
    journal.append(FinishedLaunch(stop=launches.stop(subject.backbone, verdict)))


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


def _header(plan: BenchPlan, opened: OpenLanes) -> Report:
    pictures = {name: describe(path) for name, path in plan.pictures.files()}
    config = Config(
        backends=tuple(dict.fromkeys(lane.choice.name for lane in opened.lanes)),
        providers=tuple(dict.fromkeys(lane.provider for lane in opened.lanes)),
        embedding=plan.embedding,
        precision=PRECISION,
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
        pictures={
            name: Picture(
                sha256=facts.sha256,
                width=facts.width,
                height=facts.height,
                bytes=facts.bytes,
                bundled=facts.bundled,
            )
            for name, facts in pictures.items()
        },
    )
    return Report(
        schema=SchemaId(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        simx=simx.__version__,
        environment=describe_environment(),
        config=config,
        canary=(),
        cells=(),
        notes=(*plan.notes, *opened.notes),
    )
