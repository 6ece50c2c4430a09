"""What ``simx bench`` does once its options are read: check, export what lacks, measure, render."""

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from platformdirs import user_data_path

from simx.cli.bench_options import BenchOptions, invocation_of
from simx.cli.exporting import export_with_progress
from simx.cli.options import ranges_or_default, selected
from simx.cli.output import next_step, tell, tell_once
from simx.cli.output import show as show_content
from simx.cli.progress import steps
from simx.common.errors import ExitCode, InputError, SystemFailureError, Terminated
from simx.common.input_files import shown
from simx.exporter.jobs.export import require_fitting
from simx.exporter.jobs.plan import Exported, NotExported
from simx.exporter.store.cache_key import outdated
from simx.exporter.store.entry import Entry
from simx.exporter.store.lookup import answering, find_export, held_backbones
from simx.exporter.store.store import Store
from simx.exporter.store.stored_files import DamagedEntryError
from simx.images.pictures import check_presets, chosen
from simx.models.backbone import Backbone, Precision
from simx.models.catalogue import load
from simx.report.contents import report_content
from simx.results.files.journal import Journal, journal_path, resume_command
from simx.results.files.journal_lines import Header
from simx.results.schema.report import FailedCell, Report
from simx.runner.backends.providers import provider_named
from simx.runner.backends.registry import (
    backend_named,
    provider_option,
    require_meaning,
    require_precisions,
)
from simx.runner.bench.bench import BenchPlan, begun_report, run_bench
from simx.runner.bench.resumption import name_of
from simx.runner.bench.targets import OpenLanes, open_lanes, planned_lanes, require_takers
from simx.runner.bench.workloads import Absent, NotReduced, Subject


def benchmark(options: BenchOptions) -> ExitCode:
    """Measure, write the report, and print it.

    Everything a user can have got wrong is refused first, before any export or measurement.
    """
    backbones = _backbones(options, _store(options))
    require_fitting(options.weights, backbones)
    path = _report_path(options.output)
    begin = partial(Journal.begin, journal_path(path))
    return show(options, run(options, backbones, path, begin), path)


def run(
    options: BenchOptions,
    backbones: Sequence[Backbone],
    path: Path,
    journal_of: Callable[[Header], Journal],
) -> Report:
    """Measure what is open, and write the report.

    Args:
        options: how.
        backbones: what.
        path: where the report goes.
        journal_of: opens the journal, before any worker is started.
    """
    asked = [provider_option(text) for text in options.provider_option]
    choices = [backend_named(name).with_options(asked) for name in options.backend]
    providers = [provider_named(name) for name in options.provider]
    require_takers(asked, choices, providers)
    require_meaning(choices, providers)
    require_precisions(choices, options.precision)
    lanes, notes = planned_lanes(choices, providers, options.precision)
    if options.worker_memory and sys.platform != "linux":
        raise InputError("--worker-memory: only Linux limits a process's memory so; leave it out")
    with tempfile.TemporaryDirectory(prefix="simx-") as folder:
        pictures = chosen(
            anchor=options.anchor,
            positive=options.positive,
            negative=options.negative,
            workdir=Path(folder),
        )
        check_presets(pictures, {backbone.preset for backbone in backbones})
        plan = options.bench_plan(pictures)
        header = Header(
            invocation=invocation_of(options, backbones), report=begun_report(plan, lanes, notes)
        )
        with (
            _told_how_to_resume(path),
            journal_of(header) as journal,
            open_lanes(choices, providers, options.worker_memory, options.precision) as opened,
        ):
            for note in opened.notes:
                tell(note)
            left = [each for each in backbones if name_of(each) not in journal.kept.finished]
            subjects = _subjects(left, options, _store(options))
            return _measure(plan, opened, subjects, journal, path)


def show(options: BenchOptions, report: Report, path: Path) -> ExitCode:
    """Print a report that was written, and return what it means."""
    short = options.format == "table" and not options.detail
    content = report_content(
        [report],
        ranges_or_default(options.ranges),
        layout=options.layout,
        next_step=next_step(path) if short else "",
    )
    show_content(content, options.format, None, detail=options.detail)
    tell(f"report saved as {shown(path)}")
    failed = any(isinstance(cell, FailedCell) for cell in report.cells)
    return ExitCode.CELLS_FAILED if failed else ExitCode.DONE


@contextmanager
def _told_how_to_resume(path: Path) -> Iterator[None]:
    """Say, when a run is ended before its time, what goes on with it."""
    try:
        yield
    except (KeyboardInterrupt, Terminated):
        if journal_path(path).exists():
            tell(f"what is finished is kept; go on: {resume_command(path)}")
        raise


def _backbones(options: BenchOptions, store: Store) -> tuple[Backbone, ...]:
    """Return what was named; where nothing was, what the store holds."""
    if options.select or options.all or options.gflops or options.family:
        return selected(
            options.select,
            everything=options.all,
            gflops=options.gflops,
            families=options.family,
        )
    if options.weights.kind == "file":
        raise InputError(f"--weights {options.weights.path}: name the backbone it is for")
    held = held_backbones(store, load(), options.embedding, options.weights)
    if not held:
        raise InputError(
            f"store {options.store}: holds nothing to measure; name backbones, or fill it with "
            "'simx export --all' or 'simx export --gflops 0'"
        )
    return held


def _store(options: BenchOptions) -> Store:
    return Store(options.store, tell_once())


def _report_path(output: Path | None) -> Path:
    """Return where the report goes: where it was asked for, or into the user's data folder."""
    if output is not None:
        return output
    folder = user_data_path("simx") / "reports"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SystemFailureError(
            f"{folder}: cannot be made ({error.strerror}); say with -o where the report goes"
        ) from None
    return folder / f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}.json"


def _subjects(
    backbones: Sequence[Backbone], options: BenchOptions, store: Store
) -> list[Subject | Absent]:
    """Pair every backbone with its exports, making those that the store lacks, fp32 first."""
    full = _exports(backbones, "fp32", options, store)
    there = [each for each in backbones if isinstance(full[each], Entry)]
    reduced: dict[Precision, dict[Backbone, Entry | NotExported]] = {
        precision: _exports(there, precision, options, store)
        for precision in options.precision
        if precision != "fp32"
    }
    return [_subject(backbone, full[backbone], reduced) for backbone in backbones]


def _subject(
    backbone: Backbone,
    full: Entry | NotExported,
    reduced: Mapping[Precision, Mapping[Backbone, Entry | NotExported]],
) -> Subject | Absent:
    if isinstance(full, NotExported):
        return Absent(backbone, full.stage, full.reason)
    found = ((precision, entries[backbone]) for precision, entries in reduced.items())
    return Subject(
        backbone,
        full,
        {
            precision: each if isinstance(each, Entry) else NotReduced(each.stage, each.reason)
            for precision, each in found
        },
    )


def _exports(
    backbones: Sequence[Backbone], precision: Precision, options: BenchOptions, store: Store
) -> dict[Backbone, Entry | NotExported]:
    """Return every backbone's export of a precision, or what kept it from being made."""
    held = {each: _sound_export(store, each, precision, options) for each in backbones}
    lacking = [backbone for backbone, entry in held.items() if entry is None]
    plan = options.export_plan(precision)
    outcomes = export_with_progress(lacking, store, plan) if lacking else []
    made = {
        outcome.backbone: outcome.entry if isinstance(outcome, Exported) else outcome
        for outcome in outcomes
    }
    return {backbone: entry or made[backbone] for backbone, entry in held.items()}


def _sound_export(
    store: Store, backbone: Backbone, precision: Precision, options: BenchOptions
) -> Entry | None:
    """Return the export to measure, or None where there is none whose files are intact."""
    asked = (store, backbone, options.embedding, options.weights)
    entry = find_export(*asked, precision)
    if entry is None:
        held = answering(*asked) if precision == "fp32" else None
        if held is not None:
            tell(f"{backbone.name}: its export was {outdated(held, backbone)}; exporting it again")
        return None
    if (reason := outdated(entry, backbone)) is not None:
        tell(f"{backbone.name}: measured from an export that was {reason}")
    try:
        entry.verify()
    except DamagedEntryError as error:
        tell(f"{error}; exporting {backbone.name} again")
        store.discard(entry)
        return None
    return entry


def _measure(
    plan: BenchPlan,
    opened: OpenLanes,
    subjects: Sequence[Subject | Absent],
    journal: Journal,
    path: Path,
) -> Report:
    order = {subject.backbone: position for position, subject in enumerate(subjects)}
    with steps(len(subjects)) as shown, ExitStack() as held:
        for subject in subjects:
            if isinstance(subject, Subject):
                for entry in subject.entries:
                    held.enter_context(entry.in_use())

        def progress(backbone: Backbone, launch: int, planned: int) -> None:
            text = f"measuring {backbone.name}, launch {launch + 1} of {max(planned, launch + 1)}"
            shown.at(order[backbone] + min(launch / planned, 1.0), text)

        return run_bench(plan, opened, subjects, journal, path, progress)
