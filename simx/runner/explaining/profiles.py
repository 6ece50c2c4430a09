"""The profiles of both sides, launch by launch, and of the same with denormal numbers flushed."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import ceil, log
from statistics import fmean

from msgspec.structs import replace

from simx.common.errors import ExitCode, SimxError
from simx.results.explanation.profiles import typical
from simx.results.schema.kernels import Kernels
from simx.results.schema.report import Identity
from simx.results.statistics.estimates import Ratio, ratio_of
from simx.runner.bench.cell_client import CellClient, CellFailedError
from simx.runner.bench.cells import PlannedCell
from simx.runner.bench.schedule import USUAL, shuffled
from simx.runner.measure.messages import ProfileCalls, Profiled
from simx.runner.tuning.candidates import Candidate
from simx.workers.worker import Launcher, WorkerError

_PROFILED_SECONDS = 0.5
_FEWEST_PROFILED, _MOST_PROFILED = 4, 40
"""Calls of each launch; the first ones warm up."""

_ANY_GAIN, _CLEAR_GAIN = 1.0, 1.1
"""So much has flushing to gain so far to be profiled once more: where there is time, and where
there is none. A single profile differs from another one by some percent."""


class TargetFailedError(SimxError):
    """One of the two targets cannot be measured or profiled."""

    exit_code = ExitCode.CELLS_FAILED


class Profiles:
    """Those taken so far, each in a worker of its own.

    A side whose backend can flush denormal numbers is profiled both ways, for as long as flushing
    gains something.
    """

    def __init__(self, cells: Sequence[PlannedCell]) -> None:
        self._cells = cells
        pairs = [(_flushing(cell), cell) for cell in cells] + [(cell, cell) for cell in cells]
        # What is profiled, each beside the side that it is compared with: that has its launcher.
        self._pairs = list({cell.identity: (cell, side) for cell, side in pairs}.values())
        self._taken: dict[Identity, list[Kernels]] = defaultdict(list)

    def take(
        self,
        launchers: Mapping[str, Launcher],
        typical_ns: Mapping[Identity, float],
        *keys: object,
        is_late: bool,
    ) -> None:
        """Profile what is due, in an order that follows from the keys.

        Args:
            launchers: by backends' labels.
            typical_ns: the time of a call of each side.
            keys: of this launch.
            is_late: whether nothing is profiled but what shows a clear gain.
        """
        least = _CLEAR_GAIN if is_late else _ANY_GAIN
        self._pairs = [pair for pair in self._pairs if self._may_gain(*pair, least)]
        if is_late and len(self._pairs) == len(self._cells):
            return
        sides = shuffled([each.identity for each in self._cells], *keys, "sides")
        # Those of one side follow each other, because the speed of the machine drifts.
        for cell, side in sorted(
            shuffled(self._pairs, *keys, "profile"), key=lambda pair: sides.index(pair[1].identity)
        ):
            launcher = launchers[side.target.backend.label]
            kernels = _profile(cell, launcher, typical_ns[side.identity])
            self._taken[cell.identity].append(kernels)

    def of(self, side: PlannedCell) -> Kernels:
        """Return the kernels of a typical call."""
        return typical(self._taken[side.identity])

    def gain(self, side: PlannedCell) -> Ratio | None:
        """Return how many times as fast profiled calls are with denormal numbers flushed.

        None if there is nothing to flush, or if that was profiled once, and gained nothing.
        """
        gains = self._gains(_flushing(side), side)
        return ratio_of(gains) if len(gains) > 1 else None

    def _may_gain(self, cell: PlannedCell, side: PlannedCell, least: float) -> bool:
        gains = self._gains(cell, side)
        return not gains or fmean(gains.values()) >= log(least)

    def _gains(self, cell: PlannedCell, side: PlannedCell) -> dict[int, float]:
        """Return the logarithm of each launch's gain; nothing where the two are the same."""
        if cell.identity == side.identity:
            return {}
        # What gained nothing was taken in the first launches alone.
        pairs = zip(self._taken[side.identity], self._taken[cell.identity], strict=False)
        return {at: log(_total(kept) / _total(flushed)) for at, (kept, flushed) in enumerate(pairs)}


def candidate_of(cell: PlannedCell) -> Candidate:
    """Return a cell's target and setting."""
    return Candidate(cell.target, cell.target.precision, cell.batch, cell.threads)


def _flushing(cell: PlannedCell) -> PlannedCell:
    """Return a cell with denormal numbers flushed; itself if its backend cannot do it."""
    return replace(cell, target=candidate_of(cell).also("flush-denormals").target)


def _total(kernels: Kernels) -> float:
    return sum(kernel.ns for kernel in kernels)


def _profile(cell: PlannedCell, launcher: Launcher, call_ns: float) -> Kernels:
    """Profile a cell in a worker of its own."""
    wanted = ceil(_PROFILED_SECONDS * 1e9 / call_ns)
    calls = max(_FEWEST_PROFILED, min(_MOST_PROFILED, wanted))
    profiling = USUAL.of_calls(4 * calls, round(call_ns))  # with all that is written of each
    request = ProfileCalls(cell.task, cell.reference, calls)
    try:
        with launcher.launch() as worker:
            client = CellClient(cell, worker, USUAL)
            seconds = cell.loading_seconds(USUAL) + profiling
            return client.ask(request, Profiled, "profile", seconds).kernels
    except (CellFailedError, WorkerError) as error:
        label = cell.target.backend.label
        raise TargetFailedError(f"{label} cannot be profiled: {error}") from error
