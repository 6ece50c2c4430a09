"""One launch of one backbone: a fresh worker per cell, measured in turns.

Only one worker is ever active. A cell that fails leaves its companions alone.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from simx.models.pictures import COMPARED_IMAGES, IMAGES, Image
from simx.results.files.journal_lines import FinishedLaunch
from simx.results.schema.config import Schedule
from simx.results.schema.environment import Memory
from simx.results.schema.report import Canary, Failure, Outcome
from simx.results.schema.times import Block, Scope
from simx.results.statistics.noise import disturbances
from simx.runner.bench.cell_client import CellClient, CellFailedError
from simx.runner.bench.cells import PlannedCell
from simx.runner.bench.deadlines import USUAL, Deadlines
from simx.runner.bench.reference_workload import ReferenceWorkloadHistory
from simx.runner.bench.schedule import shuffled
from simx.runner.measure.messages import WEIGHED, Weighed, WeighMemory
from simx.workers.worker import Launcher, WorkerError, close_workers, is_interrupt

REPEATS = 2
"""How many rounds may be disturbed, for each that is wanted, before a launch has to take what
comes: a machine that is never quiet must not be waited for."""

FROM_HOST: tuple[Scope, ...] = ("host", "similarity.host")
"""The host's side of things: worth times of their own only where there is a device."""

PAUSE_SECONDS = 0.25
"""Between two looks at a disturbed machine."""


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """What all launches share.

    ``launchers`` start workers, by the backend's label. ``history`` has the reference workload's
    times of the whole run.
    """

    launchers: dict[str, Launcher]
    pictures: dict[Image, Path]
    schedule: Schedule
    history: ReferenceWorkloadHistory
    deadlines: Deadlines = USUAL
    only_forward: bool = False


class LaunchResult(msgspec.Struct, frozen=True):
    """One launch as the journal keeps it, the cells in the order they were planned in.

    ``left`` are the cells that have not failed, with what is known of them now; ``giant`` says that
    further launches would take too long.
    """

    finished: FinishedLaunch
    left: tuple[PlannedCell, ...]
    giant: bool


def run_launch(bench: Bench, cells: Sequence[PlannedCell], index: int) -> LaunchResult:
    """Measure all cells of one backbone once, each in a fresh worker."""
    run = _LaunchRun(bench, cells, index)
    try:
        run.prepare()
        run.measure()
    except BaseException as error:
        run.close(at_once=is_interrupt(error))
        raise
    run.close()
    return run.result()


class _LaunchRun:
    """The cells of one backbone on their way through one launch; failed ones drop out."""

    def __init__(self, bench: Bench, cells: Sequence[PlannedCell], index: int) -> None:
        self._bench = bench
        self._cells = cells
        self._index = index
        self._giant = False
        self._live: dict[int, CellClient] = {}
        self._done: dict[int, Outcome] = {}
        self._canaries: list[Canary] = []

    def prepare(self) -> None:
        """Start every cell's worker, and let it load and answer before a single time counts."""
        pictures = {image: str(path.resolve()) for image, path in self._bench.pictures.items()}
        for place, plan in enumerate(self._cells):
            try:
                worker = self._bench.launchers[plan.target.backend.label].launch()
            except WorkerError as error:
                failure = Failure(stage="launch", reason=str(error))
                self._done[place] = plan.failed(failure)
            else:
                self._live[place] = CellClient(plan, worker, self._bench.deadlines)
        self._each("prepare", lambda cell: cell.prepare(pictures))
        self._each("compare", self._compare)
        self._giant = any(cell.is_giant for cell in self._live.values())
        if not self._giant:
            self._each("warm-up", lambda cell: cell.warm_up())

    def measure(self) -> None:
        """Take the rounds, then one block of every scope that does not drive them, if it is to."""
        self._rounds()
        self._each("events", lambda cell: cell.cross_check())
        alone = self._bench.schedule.is_for_forward_alone(self._index)
        if not (alone or self._bench.only_forward):
            self._other_scopes()
        for place, cell in self._live.items():
            self._done[place], canary = cell.finish(self._index, few_calls=self._giant)
            self._canaries += [canary] if canary else []

    def close(self, *, at_once: bool = False) -> None:
        """End every worker that is left."""
        close_workers((cell.worker for cell in self._live.values()), at_once=at_once)

    def result(self) -> LaunchResult:
        """Return what was measured, cells in the order they were planned in."""
        cells = tuple(self._done[place] for place in range(len(self._cells)))
        return LaunchResult(
            FinishedLaunch(cells=cells, canary=tuple(self._canaries)),
            tuple(self._live[place].plan for place in sorted(self._live)),
            self._giant,
        )

    def _rounds(self) -> None:
        """Take rounds until enough of them were undisturbed, with a canary before and after each.

        What was disturbed is kept; which rounds count is judged again when the report is read.
        """
        wanted = 1 if self._giant else self._bench.schedule.rounds
        patience = 0 if self._giant else REPEATS * wanted
        number = undisturbed = 0
        slow = self._canaries_are_slow(number)
        while undisturbed < wanted and self._live:
            is_undisturbed = False
            if slow and patience:
                time.sleep(PAUSE_SECONDS)
            else:
                is_undisturbed = self._forward_is_undisturbed(number) and not slow
            number += 1
            slow = self._canaries_are_slow(number)
            if (is_undisturbed and not slow) or not patience:
                undisturbed += 1
            else:
                patience -= 1

    def _other_scopes(self) -> None:
        resident = any(cell.prepared.facts.resident for cell in self._live.values())
        if resident:
            self._block("host", None, 0)
        for image in IMAGES:
            self._block("pipeline", image, 0)
        for image in COMPARED_IMAGES:
            self._block("similarity", image, 0)
            if resident:
                self._block("similarity.host", image, 0)

    def _compare(self, cell: CellClient) -> None:
        """Compare a cell with the first one of the same network; selfcheck has two networks."""
        equals = (each for each in self._live.values() if each.plan.backbone == cell.plan.backbone)
        cell.require_same_pictures(next(equals))

    def _canaries_are_slow(self, number: int) -> bool:
        """Take one canary on each backend and provider: it is the same in any precision."""
        taken: dict[tuple[str, str], Block] = {}
        first: dict[tuple[str, str], CellClient] = {}
        for place in sorted(self._live):
            its = self._live[place].plan.identity
            first.setdefault((its.backend, its.provider), self._live[place])

        def take(cell: CellClient) -> None:
            its = cell.plan.identity
            if first[its.backend, its.provider] is cell:
                taken[its.backend, its.provider] = cell.measure_canary(number)

        self._each(("canary", number), take)
        return self._bench.history.are_slow(taken)

    def _forward_is_undisturbed(self, number: int) -> bool:
        self._block("forward", None, number)
        blocks = (cell.blocks["forward", None][-1] for cell in self._live.values())
        return not any(disturbances(block) for block in blocks)

    def _block(self, scope: Scope, image: Image | None, round_index: int) -> None:
        """Take one block of one scope from every live cell, in random order."""

        def take(cell: CellClient) -> None:
            if scope not in FROM_HOST or cell.prepared.facts.resident:
                cell.measure(scope, image, round_index)

        self._each((scope, image, round_index), take)

    def _each(self, occasion: object, action: Callable[[CellClient], None]) -> None:
        """Do something with every live cell, in an order that follows from the seed."""
        seed, backbone = self._bench.schedule.seed, self._cells[0].backbone.name
        order = shuffled(tuple(self._live), seed, backbone, self._index, occasion)
        for place in order:
            cell = self._live[place]
            try:
                action(cell)
            except CellFailedError as error:
                stderr = cell.worker.stderr_tail
                cell.worker.close()
                del self._live[place]
                failure = msgspec.structs.replace(error.failure, stderr=stderr)
                self._done[place] = cell.plan.failed(failure)


def weighed(cells: Sequence[PlannedCell], bench: Bench) -> list[PlannedCell]:
    """Return the cells with the memory that each of them needs in a worker of its own.

    Nothing is timed there. A cell whose worker fails stays without: its first launch fails too, and
    has the reason.
    """
    return [msgspec.structs.replace(cell, memory=_memory(cell, bench)) for cell in cells]


def _memory(cell: PlannedCell, bench: Bench) -> Memory | None:
    request = WeighMemory(cell.task, cell.reference)
    try:
        with bench.launchers[cell.target.backend.label].launch() as worker:
            seconds = cell.loading_seconds(bench.deadlines)
            reply = worker.request(request, WEIGHED, seconds)
    except WorkerError:
        return None
    return reply.memory if isinstance(reply, Weighed) else None
