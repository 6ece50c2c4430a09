"""One launch of one backbone: a fresh worker per cell, measured in turns.

Only one worker is active at a time. A cell that fails does not affect the others.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby

import msgspec

from simx.exporter.jobs.memory import memory_for_exports
from simx.models.backbone import Preset
from simx.models.pictures import COMPARED_IMAGES, Image
from simx.results.files.journal_lines import FinishedLaunch
from simx.results.schema.config import Schedule
from simx.results.schema.report import Canary, FailedCell, Failure, Outcome, Preparation
from simx.results.schema.times import Block, Launch, Scope
from simx.results.statistics import noise
from simx.results.statistics.parity import DIFFERS, amplified_rounding
from simx.runner.backends.contract import CANARY_SIZE
from simx.runner.bench.admission import refusal, side_by_side
from simx.runner.bench.cell_client import CellClient, CellFailedError
from simx.runner.bench.cells import PlannedCell
from simx.runner.bench.reading import PictureReader
from simx.runner.bench.schedule import (
    CANARY_EVERY,
    FEWEST_ROUNDS,
    FROM_HOST,
    PAUSE_SECONDS,
    SIMILARITY_ROUNDS,
    USUAL,
    Deadlines,
    shuffled,
)
from simx.runner.load.client import client_of
from simx.runner.measure.messages import ArrayMessage
from simx.workers.worker import Launcher, WorkerError, close_workers, is_interrupt

_Inputs = Mapping[Preset, ArrayMessage]
"""Those of ``IMAGES``, float32 [4, 3, H, W]."""

REPEATS = 2
"""How many rounds may be disturbed, for each that is wanted, before all rounds count."""


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """What all launches share.

    ``launchers`` are by backends' labels; ``counting`` is the launch that counts threads, if any.
    """

    launchers: dict[str, Launcher]
    reader: PictureReader
    schedule: Schedule
    history: noise.ReferenceWorkloadHistory
    deadlines: Deadlines = USUAL
    only_forward: bool = False
    counting: int | None = 0


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
        cells: the cells, those of smaller batches first.
        index: the launch's.
        seconds: at which all rounds beyond the fewest have ended; None for no limit.
    """
    run = _LaunchRun(bench, cells, index, seconds)
    try:
        run.measure()
    except BaseException as error:
        run.close(at_once=is_interrupt(error))
        raise
    return run.result()


class _LaunchRun:
    """The state of one launch: cells that are live, and records of those that are done."""

    def __init__(
        self, bench: Bench, cells: Sequence[PlannedCell], index: int, seconds: float | None
    ) -> None:
        self._begun = time.monotonic()
        self._seconds = self._end = seconds
        self._bench = bench
        self._cells = cells
        self._index = index
        self._keys = bench.schedule.seed, cells[0].backbone.name, index
        self._giant = False
        self._live: dict[int, CellClient] = {}
        self._done: dict[int, Outcome] = {}
        self._left: dict[int, PlannedCell] = {}
        self._canaries: dict[noise.CanaryKey, list[Block]] = {}
        self._next_round = 0
        self._preparation: Preparation | None = None
        self._spent: dict[str, float] = defaultdict(float)
        self._own_error = self._longest_round = 0.0

    def measure(self) -> None:
        """Measure all cells: at once, or in parts that the memory holds."""
        try:
            with self._spending("pictures"):
                inputs = self._inputs()
        except WorkerError as error:
            failure = Failure(stage="pictures", reason=f"the worker {error}")
            self._done = {place: plan.failed(failure) for place, plan in enumerate(self._cells)}
            return
        parts = side_by_side(self._cells, memory_for_exports())
        for number, places in enumerate(parts, 1):
            self._end = self._seconds and self._seconds * number / len(parts)
            self._measure_part(places, inputs)
            self.close()
            self._left |= {place: cell.plan for place, cell in self._live.items()}
            self._live = {}

    def _inputs(self) -> _Inputs:
        reader, presets = self._bench.reader, {cell.backbone.preset for cell in self._cells}
        if not self._is_for_forward_alone:
            self._preparation = reader.preparation(self._cells[0].backbone, self._index)
        return {preset: reader.inputs(preset) for preset in presets}

    def _measure_part(self, places: Sequence[int], inputs: _Inputs) -> None:
        """Measure ``forward`` in rounds, then every other scope that is due."""
        self._longest_round = 0.0
        self._prepare(places, inputs)
        self._each("compare", self._compare)
        self._explain_disagreements()
        if self._index == self._bench.counting:
            self._each("threads", lambda cell: cell.count_threads())
        # Of a giant even the smallest batch takes that long.
        live, smallest = self._live.values(), min(cell.batch for cell in self._cells)
        self._giant |= any(cell.is_giant for cell in live if cell.plan.batch == smallest)
        if not self._giant:
            self._each("warm-up", lambda cell: cell.warm_up())
        self._rounds()
        self._each("events", lambda cell: cell.cross_check())
        if not self._is_for_forward_alone:
            self._other_scopes()
        for place, cell in self._live.items():
            self._done[place] = cell.finish(self._index, few_calls=self._giant)

    def _prepare(self, places: Sequence[int], inputs: _Inputs) -> None:
        """Load the cells, smaller batches first."""
        for _, group in groupby(places, lambda place: self._cells[place].batch):
            tried = [place for place in group if not self._is_refused(place)]
            with self._spending("prepare"):
                self._launch(tried)
            self._each(
                "prepare",
                lambda cell: cell.prepare(inputs[cell.plan.backbone.preset]),
                among=tried,
            )

    def _is_refused(self, place: int) -> bool:
        """Whether a cell is not tried, because a smaller batch of it failed in the first launch."""
        outcomes = () if self._index else self._done.items()
        failed = [self._cells[at] for at, each in outcomes if isinstance(each, FailedCell)]
        if failure := refusal(self._cells[place], failed):
            self._done[place] = self._cells[place].failed(failure)
        return failure is not None

    def _launch(self, places: Sequence[int]) -> None:
        for place in shuffled(places, *self._keys, "launch"):
            plan = self._cells[place]
            launcher = self._bench.launchers[plan.target.backend.label]
            try:
                self._live[place] = client_of(plan, launcher, self._bench.deadlines, *self._keys)
            except WorkerError as error:
                self._done[place] = plan.failed(Failure(stage="launch", reason=str(error)))
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

    def close(self, *, at_once: bool = False) -> None:
        workers = (worker for cell in self._live.values() for worker in cell.workers)
        close_workers(workers, at_once=at_once)

    def result(self) -> LaunchResult:
        backbone = self._cells[0].backbone
        canaries = tuple(
            Canary(
                model=backbone.model,
                weights=backbone.weights,
                backend=backend,
                provider=provider,
                size=CANARY_SIZE,
                launches=(Launch(index=self._index, blocks=tuple(blocks)),),
            )
            for (backend, provider), blocks in self._canaries.items()
        )
        finished = FinishedLaunch(
            cells=tuple(self._done[place] for place in range(len(self._cells))),
            canary=canaries,
            preparation=self._preparation,
            spent={name: round(seconds, 3) for name, seconds in self._spent.items()},
        )
        return LaunchResult(finished, tuple(self._left.values()))

    def _rounds(self) -> None:
        """Take rounds until enough of them are undisturbed, or the launch has no time left.

        A canary comes before and after every few rounds. Disturbed rounds are kept: which rounds
        count is judged again when the report is read.
        """
        wanted = 1 if self._giant else self._bench.schedule.rounds
        patience = 0 if self._giant else REPEATS * wanted
        number, undisturbed, measured = self._next_round, 0, 0
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
        self._next_round = number + 1

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
        return self._end is None or end < self._end

    def _other_scopes(self) -> None:
        self._block("host", None, 0)
        if self._cells[0].load.pause is not None:
            self._block("paused", None, 0)
        for number in range(SIMILARITY_ROUNDS):
            for image in COMPARED_IMAGES:
                self._block("similarity", image, number)
                self._block("similarity.host", image, number)

    def _compare(self, cell: CellClient) -> None:
        """Compare a cell with the first one of the same network; selfcheck has two networks."""
        equals = (each for each in self._live.values() if each.plan.backbone == cell.plan.backbone)
        cell.require_same_pictures(next(equals))

    def _canaries_are_slow(self, number: int) -> bool:
        """Take one canary on each backend and provider: it is the same in any precision.

        It depends on the threads alone: a cell with the most of them takes it.
        """
        taken: dict[noise.CanaryKey, Block] = {}
        first: dict[noise.CanaryKey, CellClient] = {}
        most = max(cell.threads for cell in self._cells)
        for _, cell in sorted(self._live.items()):
            if cell.plan.threads == most:
                first.setdefault((cell.plan.identity.backend, cell.plan.identity.provider), cell)

        def take(cell: CellClient) -> None:
            for key in (key for key, chosen in first.items() if chosen is cell):
                taken[key] = cell.measure_canary(number)

        self._each("canary", take, number)
        for key in (key for key in first if key in taken):
            self._canaries.setdefault(key, []).append(taken[key])
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

    def _each(
        self,
        name: str,
        action: Callable[[CellClient], None],
        *which: object,
        among: Sequence[int] | None = None,
    ) -> None:
        """Apply an action to every live cell, or to those ``among`` some places.

        ``name`` is what the time is spent for. The order follows from the seed and all names.
        """
        live = [place for place in self._live if among is None or place in among]
        for place in shuffled(live, *self._keys, name, *which):
            cell = self._live[place]
            try:
                with self._spending(name):
                    action(cell)
            except CellFailedError as error:
                if error.failure.reason.startswith(DIFFERS):
                    self._own_error = self._own_error or cell.own_error() or 0.0
                stderr = cell.worker.stderr_tail
                close_workers(cell.workers)
                del self._live[place]
                failure = msgspec.structs.replace(error.failure, stderr=stderr)
                self._done[place] = cell.plan.failed(failure)
