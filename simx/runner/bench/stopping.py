"""When a backbone has had its launches: its pilot fixes their number, its time caps it.

The times of a cell never decide when to stop looking at them; only the pilot's spread does, once.
"""

import math
import time
from collections.abc import Callable, Mapping
from typing import Literal

from simx.models.backbone import Backbone
from simx.results.files.assembly import forward_of, merge_canaries, merge_cells
from simx.results.files.journal_lines import FinishedLaunch
from simx.results.schema.config import Schedule
from simx.results.schema.report import Ending, MeasuredCell, Stop
from simx.results.schema.times import Launch
from simx.results.statistics.noise import CanaryKey
from simx.results.statistics.round_filter import FilteredRounds, filter_rounds
from simx.results.statistics.sample_size import launches_needed

Verdict = Ending | Literal["go_on"]


class Launches:
    """Keeps a backbone's finished launches and says whether there is to be another one."""

    def __init__(self, schedule: Schedule, clock: Callable[[], float] = time.monotonic) -> None:
        self._schedule = schedule
        self._clock = clock
        self._last = clock()
        self._seconds: list[float] = []
        self._longest = 0.0
        self._finished: list[FinishedLaunch] = []
        self.needed: int | None = None

    @property
    def done(self) -> int:
        """How many launches are finished."""
        return len(self._finished)

    @property
    def planned(self) -> int:
        """How many launches there are to be, as far as is known."""
        if self._schedule.half_width is None:
            return self._schedule.launches
        return min(self.needed or self._schedule.pilot, self._schedule.launches)

    @property
    def elapsed(self) -> float:
        """Seconds since the first launch was begun, without those between two runs."""
        return math.fsum(self._seconds) + self._clock() - self._last

    @property
    def latest_seconds(self) -> float:
        """What the latest launch took, with everything since the one before it."""
        return self._seconds[-1]

    def add(self, launch: FinishedLaunch, undisturbed_ns: Mapping[CanaryKey, float]) -> None:
        """Take one more finished launch; the one that completes the pilot fixes the number.

        Args:
            launch: what it measured.
            undisturbed_ns: what an undisturbed canary takes.
        """
        now = self._clock()
        self._take(launch, now - self._last, undisturbed_ns)
        self._last = now

    def replay(self, launch: FinishedLaunch, undisturbed_ns: Mapping[CanaryKey, float]) -> None:
        """Take one more launch of an earlier run, as that run took it."""
        self._take(launch, launch.seconds, undisturbed_ns)

    def go_on_from_now(self) -> None:
        """Leave out of the next launch's seconds what has passed since the last one."""
        self._last = self._clock()

    def _take(
        self, launch: FinishedLaunch, seconds: float, undisturbed_ns: Mapping[CanaryKey, float]
    ) -> None:
        # Those after the pilot are shorter; the first of them tells by how much.
        ends_the_guess = self.done == self._schedule.pilot
        self._longest = max(0.0 if ends_the_guess else self._longest, seconds)
        self._seconds.append(seconds)
        self._finished.append(launch)
        half_width = self._schedule.half_width
        if half_width is not None and self.done == self._schedule.pilot and self.forwards():
            needed = launches_needed(self.filtered(undisturbed_ns).cells, half_width)
            # The pilot's launches were needed, also those of which every round was disturbed.
            self.needed = None if needed is None else max(needed, self.done)

    def forwards(self) -> tuple[tuple[Launch, ...], ...]:
        """Return the ``forward`` launches of each cell that has not failed."""
        cells = merge_cells(cell for launch in self._finished for cell in launch.cells)
        return tuple(forward_of(cell) for cell in cells if isinstance(cell, MeasuredCell))

    def filtered(self, undisturbed_ns: Mapping[CanaryKey, float]) -> FilteredRounds:
        """Return which of their rounds count."""
        canaries = merge_canaries(canary for each in self._finished for canary in each.canary)
        return filter_rounds(self.forwards(), canaries, undisturbed_ns)

    def verdict(self) -> Verdict:
        """Return why there is no further launch, or that there is one."""
        most = self._schedule.launches
        if self.needed is not None and self.needed <= min(self.done, most):
            return "half_width"
        if self.done >= most:
            return "launches"
        budget = self._schedule.budget_seconds
        if budget is not None and math.fsum(self._seconds) + self._longest > budget:
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
