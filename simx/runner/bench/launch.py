"""One launch of one backbone: a fresh worker per cell, measured in turns.

Only one worker is active at a time. A cell that fails does not affect the others.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import msgspec

from simx.models.pictures import COMPARED_IMAGES, Image
from simx.results.files.journal_lines import FinishedLaunch
from simx.results.schema.config import Schedule
from simx.results.schema.environment import Memory
from simx.results.schema.report import Canary, FailedCell, Failure, Outcome, Preparation
from simx.results.schema.times import Block, Scope
from simx.results.statistics import noise
from simx.results.statistics.parity import DIFFERS, amplified_rounding
from simx.runner.bench.cell_client import CellClient, CellFailedError
from simx.runner.bench.cells import PlannedCell
from simx.runner.bench.reading import PictureReader
from simx.runner.bench.schedule import (
    CANARY_EVERY,
    FEWEST_ROUNDS,
    SIMILARITY_ROUNDS,
    USUAL,
    Deadlines,
    shuffled,
)
from simx.runner.measure.messages import WEIGHED, Weighed, WeighMemory
from simx.workers.worker import Launcher, WorkerError, close_workers, is_interrupt

REPEATS = 2
"""How many rounds may be disturbed, for each that is wanted, before all rounds count."""

FROM_HOST: tuple[Scope, ...] = ("host", "similarity.host")
"""Scopes that begin at the host; they are measured only with a device."""

PAUSE_SECONDS = 0.05
"""Between two checks of a disturbed machine."""


class ReferenceWorkloadHistory:
    """The reference workload's times of a run, by backend and provider.

    The workload is a fixed matrix product, measured around every round; reports call it the canary.
    """

    def __init__(self) -> None:
        self._seen: dict[noise.CanaryKey, list[float]] = {}

    def are_slow(self, canaries: Mapping[noise.CanaryKey, Block]) -> bool:
        """Remember one round's canaries, and return whether they were disturbed."""
        taken = {key: noise.canary_ns(block) for key, block in canaries.items()}
        for key, ns in taken.items():
            self._seen.setdefault(key, []).append(ns)
        return noise.is_slow(taken, self.references())

    def remember(self, canaries: Iterable[Canary]) -> None:
        """Remember canaries of an earlier run."""
        for canary in canaries:
            seen = self._seen.setdefault((canary.backend, canary.provider), [])
            blocks = (block for launch in canary.launches for block in launch.blocks)
            seen += map(noise.canary_ns, blocks)

    def references(self) -> dict[noise.CanaryKey, float]:
        """Return the nanoseconds of an undisturbed canary on each backend and provider."""
        return {key: noise.canary_reference(ns) for key, ns in self._seen.items()}


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """What all launches share.

    ``launchers`` start workers, by the backend's label.
    """

    launchers: dict[str, Launcher]
    reader: PictureReader
    schedule: Schedule
    history: ReferenceWorkloadHistory
    deadlines: Deadlines = USUAL
    only_forward: bool = False


class LaunchResult(msgspec.Struct, frozen=True):
    """One launch as the journal keeps it, its cells in the planned order.

    ``left`` are the cells that have not failed, with what is now known of them.
    """

    finished: FinishedLaunch
    left: tuple[PlannedCell, ...]


def run_launch(
    bench: Bench, cells: Sequence[PlannedCell], index: int, seconds: float | None = None
) -> LaunchResult:
    """Measure all cells of one backbone once, each in a fresh worker.

    Args:
        bench: what all launches share.
        cells: the cells.
        index: the launch's.
        seconds: at which all rounds beyond the fewest have ended; None for no limit.
    """
    run = _LaunchRun(bench, cells, index, seconds)
    try:
        run.prepare()
        run.measure()
    except BaseException as error:
        run.close(at_once=is_interrupt(error))
        raise
    run.close()
    return run.result()


class _LaunchRun:
    """The state of one launch: cells that are live, and records of those that are done."""

    def __init__(
        self, bench: Bench, cells: Sequence[PlannedCell], index: int, seconds: float | None
    ) -> None:
        self._begun = time.monotonic()
        self._seconds = seconds
        self._bench = bench
        self._cells = cells
        self._index = index
        self._giant = False
        self._live: dict[int, CellClient] = {}
        self._done: dict[int, Outcome] = {}
        self._canaries: list[Canary] = []
        self._preparation: Preparation | None = None
        self._spent: dict[str, float] = defaultdict(float)
        self._own_error = 0.0
        self._longest_round = 0.0

    def prepare(self) -> None:
        reader = self._bench.reader
        try:
            with self._spending("pictures"):
                if not self._is_for_forward_alone:
                    first = self._cells[0].backbone
                    self._preparation = reader.preparation(first, self._index)
                presets = {cell.backbone.preset for cell in self._cells}
                inputs = {preset: reader.inputs(preset) for preset in presets}
        except WorkerError as error:
            failure = Failure(stage="pictures", reason=f"the worker {error}")
            self._done = {place: plan.failed(failure) for place, plan in enumerate(self._cells)}
            return
        with self._spending("prepare"):
            self._launch()
        self._each("prepare", lambda cell: cell.prepare(inputs[cell.plan.backbone.preset]))
        self._each("compare", self._compare)
        self._explain_disagreements()
        if self._index == 0 and not self._bench.only_forward:
            self._each("threads", lambda cell: cell.count_threads())
        self._giant = any(cell.is_giant for cell in self._live.values())
        if not self._giant:
            self._each("warm-up", lambda cell: cell.warm_up())

    def _launch(self) -> None:
        seed, backbone = self._bench.schedule.seed, self._cells[0].backbone.name
        for place in shuffled(range(len(self._cells)), seed, backbone, self._index, "launch"):
            plan = self._cells[place]
            try:
                worker = self._bench.launchers[plan.target.backend.label].launch()
            except WorkerError as error:
                self._done[place] = plan.failed(Failure(stage="launch", reason=str(error)))
            else:
                self._live[place] = CellClient(plan, worker, self._bench.deadlines)
        self._live = dict(sorted(self._live.items()))

    @property
    def _is_for_forward_alone(self) -> bool:
        return self._bench.only_forward or self._bench.schedule.is_for_forward_alone(self._index)

    def _explain_disagreements(self) -> None:
        """Replace the reason of cells that disagree because torch disagrees with itself."""
        for place, outcome in self._done.items():
            if not (isinstance(outcome, FailedCell) and outcome.reason.startswith(DIFFERS)):
                continue
            if not self._own_error:
                errors = (cell.own_error() for cell in self._live.values())
                self._own_error = next((error for error in errors if error is not None), 0.0)
            bounds = self._cells[place].target.bounds
            if reason := amplified_rounding(self._own_error, bounds):
                self._done[place] = msgspec.structs.replace(outcome, reason=reason)

    def measure(self) -> None:
        """Measure ``forward`` in rounds, then every other scope that is due."""
        self._rounds()
        self._each("events", lambda cell: cell.cross_check())
        if not self._is_for_forward_alone:
            self._other_scopes()
        for place, cell in self._live.items():
            self._done[place], canary = cell.finish(self._index, few_calls=self._giant)
            self._canaries += [canary] if canary else []

    def close(self, *, at_once: bool = False) -> None:
        close_workers((cell.worker for cell in self._live.values()), at_once=at_once)

    def result(self) -> LaunchResult:
        cells = tuple(self._done[place] for place in range(len(self._cells)))
        return LaunchResult(
            FinishedLaunch(
                cells=cells,
                canary=tuple(self._canaries),
                preparation=self._preparation,
                spent={name: round(seconds, 3) for name, seconds in self._spent.items()},
            ),
            tuple(self._live[place].plan for place in sorted(self._live)),
        )

    def _rounds(self) -> None:
        """Take rounds until enough of them are undisturbed, or the launch has no time left.

        A canary comes before and after every few rounds. Disturbed rounds are kept: which rounds
        count is judged again when the report is read.
        """
        wanted = 1 if self._giant else self._bench.schedule.rounds
        patience = 0 if self._giant else REPEATS * wanted
        number = undisturbed = measured = 0
        slow = self._canaries_are_slow(number)
        while undisturbed < wanted and self._live and self._goes_on(measured):
            begin, good = number, 0
            if slow and patience and self._has_time:
                with self._spending("pause"):
                    time.sleep(PAUSE_SECONDS)
                number += 1
            else:
                end = begin + min(CANARY_EVERY, wanted - undisturbed)
                while number < end and self._goes_on(measured):
                    good += self._is_undisturbed(number)
                    number, measured = number + 1, measured + 1
            before, slow = slow, self._canaries_are_slow(number)
            lost = number - begin - (0 if before or slow else good) if patience else 0
            patience = max(0, patience - lost)
            undisturbed += number - begin - lost

    def _goes_on(self, measured: int) -> bool:
        """Whether another round may begin after so many."""
        return measured < FEWEST_ROUNDS or self._has_time

    def _is_undisturbed(self, number: int) -> bool:
        """Take a round, and return whether the system reports no disturbance of it."""
        begun = time.monotonic()
        self._block("forward", None, number)
        self._longest_round = max(self._longest_round, time.monotonic() - begun)
        blocks = (cell.blocks["forward", None][-1] for cell in self._live.values())
        return not any(map(noise.disturbances, blocks))

    @property
    def _has_time(self) -> bool:
        """Whether another round would end in time."""
        end = time.monotonic() - self._begun + self._longest_round
        return self._seconds is None or end < self._seconds

    def _other_scopes(self) -> None:
        self._block("host", None, 0)
        for number in range(SIMILARITY_ROUNDS):
            for image in COMPARED_IMAGES:
                self._block("similarity", image, number)
                self._block("similarity.host", image, number)

    def _compare(self, cell: CellClient) -> None:
        """Compare a cell with the first one of the same network; selfcheck has two networks."""
        equals = (each for each in self._live.values() if each.plan.backbone == cell.plan.backbone)
        cell.require_same_pictures(next(equals))

    def _canaries_are_slow(self, number: int) -> bool:
        """Take one canary on each backend and provider: it is the same in any precision."""
        taken: dict[noise.CanaryKey, Block] = {}
        first: dict[noise.CanaryKey, CellClient] = {}
        for _, cell in sorted(self._live.items()):
            first.setdefault((cell.plan.identity.backend, cell.plan.identity.provider), cell)

        def take(cell: CellClient) -> None:
            for key in (key for key, chosen in first.items() if chosen is cell):
                taken[key] = cell.measure_canary(number)

        self._each("canary", take, number)
        return self._bench.history.are_slow(taken)

    def _block(self, scope: Scope, image: Image | None, round_index: int) -> None:
        def take(cell: CellClient) -> None:
            if scope not in FROM_HOST or cell.prepared.facts.resident:
                cell.measure(scope, image, round_index)

        self._each(scope, take, image, round_index)

    @contextmanager
    def _spending(self, name: str) -> Iterator[None]:
        """Add the seconds of a block to those that the launch has spent for this."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self._spent[name] += time.monotonic() - begun

    def _each(self, name: str, action: Callable[[CellClient], None], *which: object) -> None:
        """Apply an action to every live cell, in an order that follows from the seed.

        Args:
            name: what the time is spent for.
            action: is applied to each cell.
            which: further keys of the order.
        """
        seed, backbone = self._bench.schedule.seed, self._cells[0].backbone.name
        for place in shuffled(tuple(self._live), seed, backbone, self._index, name, *which):
            cell = self._live[place]
            try:
                with self._spending(name):
                    action(cell)
            except CellFailedError as error:
                if error.failure.reason.startswith(DIFFERS):
                    self._own_error = self._own_error or cell.own_error() or 0.0
                stderr = cell.worker.stderr_tail
                cell.worker.close()
                del self._live[place]
                failure = msgspec.structs.replace(error.failure, stderr=stderr)
                self._done[place] = cell.plan.failed(failure)


def weighed(cells: Sequence[PlannedCell], bench: Bench) -> list[PlannedCell]:
    """Return the cells with the memory that those on a GPU need, measured in their own workers.

    Its driver is queried while it works, which must not be timed. All other cells' memory is read
    in their launches. A cell whose worker fails has none: its first launch fails too, and has the
    reason.
    """
    return [
        cell
        if cell.task.cuda_device is None
        else msgspec.structs.replace(cell, memory=_memory(cell, bench))
        for cell in cells
    ]


def _memory(cell: PlannedCell, bench: Bench) -> Memory | None:
    request, seconds = WeighMemory(cell.task, cell.reference), cell.loading_seconds(bench.deadlines)
    try:
        with bench.launchers[cell.target.backend.label].launch() as worker:
            reply = worker.request(request, WEIGHED, seconds)
    except WorkerError:
        return None
    return reply.memory if isinstance(reply, Weighed) else None
