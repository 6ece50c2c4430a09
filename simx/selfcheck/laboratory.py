"""Real comparisons of two small networks: an AlexNet, and the same with a larger crop.

A backend is compared with itself under another name, because two cells need two names.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from simx.common.errors import SystemFailureError
from simx.common.temporary import temporary_folder
from simx.exporter.jobs.export import export
from simx.exporter.jobs.plan import ExportPlan, NotExported
from simx.exporter.store.entry import Entry
from simx.exporter.store.store import Store
from simx.exporter.weights.request import WeightsRequest
from simx.images.pictures import bundled
from simx.models.backbone import Backbone
from simx.models.catalogue import load
from simx.results.files.assembly import forward_of
from simx.results.files.journal_lines import FinishedLaunch
from simx.results.schema.config import Schedule
from simx.results.schema.report import MeasuredCell
from simx.results.schema.times import Launch
from simx.results.statistics.estimates import Ratio, ratio
from simx.results.statistics.noise import ReferenceWorkloadHistory
from simx.results.statistics.round_filter import FilteredRounds
from simx.runner.backends.registry import backend_named
from simx.runner.bench.cells import PlannedCell
from simx.runner.bench.launch import Bench, run_launch
from simx.runner.bench.reading import READER, PictureReader
from simx.runner.bench.schedule import USUAL
from simx.runner.bench.stopping import Launches
from simx.runner.bench.targets import Target, open_targets
from simx.workers.forking import launcher
from simx.workers.worker import Launcher

MODEL = "alexnet"

MORE_PIXELS = (8, 16, 24, 32)
"""Added to each side of the crop. What the first costs is 4 % on one processor, 1 % on another."""

AGAIN = "-again"
PROVIDER = "CPUExecutionProvider"


class PairComparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two cells' measured launches, and their rounds that count."""

    measured: tuple[tuple[Launch, ...], ...]
    filtered: FilteredRounds
    pilot: int

    @property
    def ratio(self) -> Ratio:
        """The ratio of the first cell's time to the second's."""
        first, second = self.filtered.cells
        found = ratio(first, second, self.pilot)
        assert found is not None  # noqa: S101 - both cells have every round
        return found


@dataclass(slots=True, kw_only=True)
class Laboratory:
    """The workers of both backends by name, and the exports by what is added to the crop."""

    targets: Mapping[str, Target]
    launchers: dict[str, Launcher]
    reader: PictureReader
    backbone: Backbone
    folder: Path
    threads: int
    entries: dict[int, Entry] = field(default_factory=dict)
    history: ReferenceWorkloadHistory = field(default_factory=ReferenceWorkloadHistory)

    def cell(self, backend: str, more_pixels: int = 0, *, again: bool = False) -> PlannedCell:
        """Return a cell of ``torch`` or ``ort``, with a crop that is so much larger.

        ``again`` gives the backend another name, to compare it with itself.

        Raises:
            SystemFailureError: the network with this crop was not exported.
        """
        if more_pixels not in self.entries:
            self.entries[more_pixels] = self._exported(more_pixels)
        entry, target = self.entries[more_pixels], self.targets[backend]
        if again:
            renamed = msgspec.structs.replace(target.backend, name=backend + AGAIN)
            target = Target(renamed, target.provider)
        backbone = msgspec.structs.replace(self.backbone, preset=entry.manifest.preset)
        return PlannedCell(backbone, target, entry, self.threads)

    def launch(
        self,
        cells: Sequence[PlannedCell],
        schedule: Schedule,
        index: int,
        seconds: float | None = None,
    ) -> FinishedLaunch:
        """Measure ``forward`` of the cells in one launch, which has so much time for rounds.

        Raises:
            SystemFailureError: a cell failed.
        """
        bench = Bench(
            launchers=self.launchers,
            reader=self.reader,
            schedule=schedule,
            history=self.history,
            only_forward=True,
            counting=None,
        )
        finished = run_launch(bench, cells, index, seconds).finished
        for cell in finished.cells:
            if not isinstance(cell, MeasuredCell):
                name = cell.identity.backend
                raise SystemFailureError(f"selfcheck: {name} failed: {cell.reason}")
        return finished

    def compare(
        self, first: PlannedCell, second: PlannedCell, schedule: Schedule
    ) -> PairComparison:
        """Compare two cells as a benchmark does, by ``forward`` alone.

        Raises:
            SystemFailureError: a cell failed.
        """
        launches = Launches(schedule)
        while launches.verdict() == "go_on":
            launch = self.launch(
                [first, second], schedule, launches.done, launches.seconds_for_next
            )
            launches.add(launch, self.history.references())
        return PairComparison(
            measured=launches.forwards(),
            filtered=launches.filtered(self.history.references()),
            pilot=schedule.pilot,
        )

    def _exported(self, more_pixels: int) -> Entry:
        preset = self.backbone.preset
        preset = msgspec.structs.replace(preset, crop=preset.crop + more_pixels)
        backbone = msgspec.structs.replace(self.backbone, preset=preset)
        request = WeightsRequest.parse("random")
        plan = ExportPlan(embedding="pooled", request=request, threads=self.threads)
        (outcome,) = export([backbone], Store(self.folder / str(more_pixels)), plan)
        if isinstance(outcome, NotExported):
            raise SystemFailureError(
                f"selfcheck: {backbone.model} was not exported ({outcome.stage}): {outcome.reason}"
            )
        return outcome.entry


def forwards(launch: FinishedLaunch) -> dict[str, tuple[Launch, ...]]:
    """Return what a launch measured of each cell's ``forward``, by the backend's name."""
    return {
        cell.identity.backend: forward_of(cell)
        for cell in launch.cells
        if isinstance(cell, MeasuredCell)
    }


@contextmanager
def laboratory(threads: int, model: str = MODEL) -> Iterator[Laboratory]:
    """Start the workers; they and all exports end with the context.

    Args:
        threads: Threads of every backend.
        model: The model to measure, with its default weights.

    Raises:
        ProviderUnavailableError: a backend is not installed.
    """
    targets = [Target(backend_named(name), PROVIDER) for name in ("torch", "ort")]
    with temporary_folder() as folder:
        backbone = next(each for each in load() if each.model == model and each.default)
        with open_targets(targets) as opened, launcher(READER) as reading:
            again = {name + AGAIN: launcher for name, launcher in opened.launchers.items()}
            yield Laboratory(
                targets={target.backend.label: target for target in opened.targets},
                launchers=opened.launchers | again,
                reader=PictureReader(reading, dict(bundled().files()), USUAL.of_pictures),
                backbone=backbone,
                folder=folder,
                threads=threads,
            )
