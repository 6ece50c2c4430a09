"""When a backbone has had its launches: its pilot fixes their number, its time caps it.

The times of a cell never decide when to stop looking at them; only the pilot's spread does, once.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from simx.models.backbone import Backbone
from simx.results.assembly import merge_canaries, merge_cells
from simx.results.calm import calm_rounds
from simx.results.journal import FinishedLaunch
from simx.results.noise import Executor
from simx.results.precision import launches_needed
from simx.results.schema import Ending, MeasuredCell, Stop
from simx.runner.schedule import Schedule

Verdict = Ending | Literal["go_on"]


class Launches:
    """Counts a backbone's launches and says whether there is to be another one."""

    def __init__(self, schedule: Schedule, clock: Callable[[], float] = time.monotonic) -> None:
        self._schedule = schedule
        self._clock = clock
        self._begun = self._last = clock()
        self._longest = 0.0
        self.done = 0
        self.needed: int | None = None

    @property
    def planned(self) -> int:
        """How many launches there are to be, as far as is known."""
        if self._schedule.half_width is None:
            return self._schedule.launches
        return min(self.needed or self._schedule.pilot, self._schedule.launches)

    @property
    def elapsed(self) -> float:
        """Seconds since the first launch was begun."""
        return self._clock() - self._begun

    def count(self) -> None:
        """Take note that one more launch is finished."""
        now = self._clock()
        self._longest = max(self._longest, now - self._last)
        self._last = now
        self.done += 1

    def plan(
        self, finished: Sequence[FinishedLaunch], undisturbed_ns: Mapping[Executor, float]
    ) -> None:
        """Fix the number of launches by the pilot's spread, once the pilot is complete.

        Args:
            finished: all launches so far.
            undisturbed_ns: what an undisturbed canary takes.
        """
        half_width = self._schedule.half_width
        if half_width is None or self.done != self._schedule.pilot:
            return
        cells = merge_cells(cell for launch in finished for cell in launch.cells)
        forwards = [
            timing.launches
            for cell in cells
            if isinstance(cell, MeasuredCell)
            for timing in cell.timings
            if timing.scope == "forward"
        ]
        if forwards:
            canaries = merge_canaries(canary for launch in finished for canary in launch.canary)
            calm = calm_rounds(forwards, canaries, undisturbed_ns)
            self.needed = launches_needed(calm.cells, half_width)

    def verdict(self) -> Verdict:
        """Return why there is no further launch, or that there is one."""
        most = self._schedule.launches
        if self.needed is not None and self.needed <= min(self.done, most):
            return "half_width"
        if self.done >= most:
            return "launches"
        budget = self._schedule.budget_seconds
        if budget is not None and self._last - self._begun + self._longest > budget:
            return "budget"
        return "go_on"

    def stop(self, backbone: Backbone, ending: Ending) -> Stop:
        """Return how it ended."""
        return Stop(
            model=backbone.model,
            weights=backbone.weights,
            launches=self.done,
            needed=self.needed,
            ended_by=ending,
            seconds=round(self.elapsed, 3),
        )
