"""One launch of one backbone: a fresh worker per cell, measured in turns.

Only one worker is ever active. A cell that fails leaves its companions alone.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from simx.results.journal import FinishedLaunch
from simx.results.schema import COMPARED_IMAGES, IMAGES, Canary, Cell, Image, Scope
from simx.runner.cells import Lane, PlannedCell
from simx.runner.live_cell import CellFailedError, LiveCell
from simx.runner.schedule import Schedule, shuffled
from simx.workers.worker import Launcher, WorkerError


class Bench(msgspec.Struct, frozen=True):
    """What all launches share: where workers come from, the pictures, and the schedule."""

    launchers: dict[str, Launcher]
    pictures: dict[Image, Path]
    schedule: Schedule


class LaunchResult(msgspec.Struct, frozen=True):
    """One launch as the journal keeps it; ``giant`` where further ones would take too long."""

    finished: FinishedLaunch
    failed: frozenset[Lane]
    giant: bool


def run_launch(bench: Bench, cells: Sequence[PlannedCell], index: int) -> LaunchResult:
    """Measure all cells of one backbone once, each in a fresh worker."""
    run = _LaunchRun(bench, cells, index)
    try:
        run.prepare()
        run.measure()
    finally:
        run.close()
    return run.result()


class _LaunchRun:
    """The cells of one backbone on their way through one launch; failed ones drop out."""

    def __init__(self, bench: Bench, cells: Sequence[PlannedCell], index: int) -> None:
        self._bench = bench
        self._cells = cells
        self._index = index
        self._giant = False
        self._live: dict[Lane, LiveCell] = {}
        self._done: dict[Lane, Cell] = {}
        self._canaries: list[Canary] = []

    def prepare(self) -> None:
        """Start every cell's worker, and let it load and answer before a single time counts."""
        pictures = {image: str(path.resolve()) for image, path in self._bench.pictures.items()}
        for plan in self._cells:
            try:
                worker = self._bench.launchers[plan.lane.spec.name].launch()
            except WorkerError as error:
                self._done[plan.lane] = plan.failed("launch", str(error))
            else:
                self._live[plan.lane] = LiveCell(plan, worker)
        self._each("prepare", lambda cell: cell.prepare(pictures))
        if self._live:
            first = next(iter(self._live.values()))
            self._each("compare", lambda cell: cell.require_same_pictures(first))
        self._giant = any(cell.is_giant for cell in self._live.values())

    def measure(self) -> None:
        """Take the rounds, then one block of every scope that does not drive them."""
        for index in range(1 if self._giant else self._bench.schedule.rounds):
            self._each(index, lambda cell, index=index: cell.measure_canary(index))  # type: ignore[misc]
            self._block("forward", None, index)
        if any(cell.prepared.facts.resident for cell in self._live.values()):
            self._block("host", None, 0)
        for image in IMAGES:
            self._block("pipeline", image, 0)
        for image in COMPARED_IMAGES:
            self._block("similarity", image, 0)
        for lane, cell in self._live.items():
            self._done[lane], canary = cell.finish(self._index, few_calls=self._giant)
            self._canaries.append(canary)

    def close(self) -> None:
        """End every worker that is left."""
        for cell in self._live.values():
            cell.worker.close()

    def result(self) -> LaunchResult:
        """Return what was measured, cells in the order they were planned in."""
        cells = tuple(self._done[cell.lane] for cell in self._cells)
        return LaunchResult(
            FinishedLaunch(cells=cells, canary=tuple(self._canaries)),
            frozenset(self._done) - frozenset(self._live),
            self._giant,
        )

    def _block(self, scope: Scope, image: Image | None, round_index: int) -> None:
        """Take one block of one scope from every live cell, in random order."""

        def take(cell: LiveCell) -> None:
            # The host's side of things is worth a time of its own only where there is a device.
            if scope != "host" or cell.prepared.facts.resident:
                cell.measure(scope, image, round_index)

        self._each((scope, image, round_index), take)

    def _each(self, occasion: object, action: Callable[[LiveCell], None]) -> None:
        """Do something with every live cell, in an order that follows from the seed."""
        seed, backbone = self._bench.schedule.seed, self._cells[0].backbone.name
        order = shuffled(tuple(self._live), seed, backbone, self._index, occasion)
        for lane in order:
            cell = self._live[lane]
            try:
                action(cell)
            except CellFailedError as error:
                cell.worker.close()
                del self._live[lane]
                self._done[lane] = cell.plan.failed(error.stage, str(error))
