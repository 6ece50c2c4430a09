"""What ``simx bench`` does once its options are read: check, export what lacks, measure, render."""

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from platformdirs import user_data_path

from simx.cli.exporting import export_with_progress
from simx.cli.options import ranges_or_default, selected
from simx.cli.output import emit, tell, tell_once, wants_color, width
from simx.cli.progress import steps
from simx.errors import ExitCode, InputError, SystemFailureError
from simx.exporter.export import Exported, ExportPlan, require_fitting
from simx.exporter.lookup import find_export, held_backbones
from simx.exporter.store import DamagedEntryError, Entry, Store
from simx.exporter.weights.request import WeightsRequest
from simx.images.pictures import PictureSet, check_presets, chosen
from simx.inputs import shown
from simx.models.backbone import Backbone, EmbeddingKind
from simx.models.catalogue import load
from simx.models.ranges import Range
from simx.report.formats import render
from simx.report.options import Layout, Options
from simx.results.schema import FailedCell, Report
from simx.runner.bench import Absent, BenchPlan, Subject, run_bench
from simx.runner.lanes import OpenLanes, open_lanes, require_takers
from simx.runner.providers import provider_named
from simx.runner.registry import backend_named, provider_option, require_meaning
from simx.runner.schedule import ProfileName, Schedule, schedule
from simx.runner.threads import default_threads


class BenchOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of ``simx bench``, as its help describes them."""

    select: tuple[str, ...]
    all: bool
    gflops: tuple[Range, ...]
    family: tuple[str, ...]
    backend: tuple[str, ...]
    provider: tuple[str, ...]
    provider_option: tuple[str, ...]
    allow_partial: bool
    embedding: EmbeddingKind
    weights: WeightsRequest
    weights_mirror: str | None
    anchor: Path | None
    positive: Path | None
    negative: Path | None
    threads: int | None
    profile: ProfileName
    launches: int | None
    rounds: int | None
    half_width: float | None
    budget: float | None
    seed: int
    store: Path
    ranges: tuple[Range, ...] | None
    layout: Layout
    format: str
    output: Path | None

    def export_plan(self) -> ExportPlan:
        """Return how to export what the store lacks."""
        return ExportPlan(
            embedding=self.embedding,
            request=self.weights,
            threads=self.threads or default_threads(),
            mirror=self.weights_mirror,
        )

    def schedule(self) -> Schedule:
        """Return how much to measure."""
        return schedule(
            self.profile,
            launches=self.launches,
            rounds=self.rounds,
            half_width=self.half_width,
            budget_seconds=self.budget,
            seed=self.seed,
        )

    def bench_plan(self, pictures: PictureSet) -> BenchPlan:
        """Return how to measure."""
        return BenchPlan(
            embedding=self.embedding,
            weights=self.weights.kind,
            threads=self.threads or default_threads(),
            profile=self.profile,
            schedule=self.schedule(),
            pictures=pictures,
            allow_partial=self.allow_partial,
        )


def benchmark(options: BenchOptions) -> ExitCode:
    """Measure, write the report, and print it.

    Everything a user can have got wrong is refused first, before any export or measurement.
    """
    asked = [provider_option(text) for text in options.provider_option]
    choices = [backend_named(name).with_options(asked) for name in options.backend]
    providers = [provider_named(name) for name in options.provider]
    require_takers(asked, choices, providers)
    require_meaning(choices, providers)
    options.schedule()
    store = Store(options.store, tell_once())
    backbones = _backbones(options, store)
    require_fitting(options.weights, backbones)
    path = _report_path(options.output)
    with tempfile.TemporaryDirectory(prefix="simx-") as folder:
        pictures = chosen(
            anchor=options.anchor,
            positive=options.positive,
            negative=options.negative,
            workdir=Path(folder),
        )
        check_presets(pictures, {backbone.preset for backbone in backbones})
        with open_lanes(choices, providers) as opened:
            for note in opened.notes:
                tell(note)
            subjects = _subjects(backbones, options, store)
            report = _measure(options, pictures, opened, subjects, path)
    text = render(
        [report],
        options.format,
        Options(
            ranges=ranges_or_default(options.ranges),
            width=width(),
            layout=options.layout,
            color=wants_color(None),
        ),
    )
    emit(text, None)
    tell(f"report saved as {shown(path)}")
    failed = any(isinstance(cell, FailedCell) for cell in report.cells)
    return ExitCode.CELLS_FAILED if failed else ExitCode.DONE


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
    """Pair every backbone with its export, making those that the store lacks."""
    found = {backbone: _sound_export(store, backbone, options) for backbone in backbones}
    lacking = [backbone for backbone, entry in found.items() if entry is None]
    outcomes = export_with_progress(lacking, store, options.export_plan()) if lacking else []
    absent = {}
    for outcome in outcomes:
        if isinstance(outcome, Exported):
            found[outcome.backbone] = outcome.entry
        else:
            absent[outcome.backbone] = Absent(outcome.backbone, outcome.stage, outcome.reason)
    return [
        absent[backbone] if entry is None else Subject(backbone, entry)
        for backbone, entry in found.items()
    ]


def _sound_export(store: Store, backbone: Backbone, options: BenchOptions) -> Entry | None:
    """Return the export to measure, or None where there is none whose files are intact."""
    entry = find_export(store, backbone, options.embedding, options.weights)
    if entry is None:
        return None
    try:
        entry.verify()
    except DamagedEntryError as error:
        tell(f"{error}; exporting {backbone.name} again")
        store.discard(entry)
        return None
    return entry


def _measure(
    options: BenchOptions,
    pictures: PictureSet,
    opened: OpenLanes,
    subjects: Sequence[Subject | Absent],
    path: Path,
) -> Report:
    order = {subject.backbone: position for position, subject in enumerate(subjects)}
    with steps(len(subjects)) as shown:

        def progress(backbone: Backbone, launch: int, planned: int) -> None:
            text = f"measuring {backbone.name}, launch {launch + 1} of {max(planned, launch + 1)}"
            shown.at(order[backbone] + min(launch / planned, 1.0), text)

        return run_bench(options.bench_plan(pictures), opened, subjects, path, progress)
