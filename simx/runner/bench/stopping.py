"""When a backbone has enough launches: its pilot fixes their number, its budget limits it.

Only the pilot's spread decides; later times never do. Which of the pilot's rounds were disturbed is
judged again whenever more canaries show what an undisturbed one takes, as it is in the report.
"""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from simx.models.backbone import Backbone
from simx.results.files.assembly import forward_of, merge_canaries, merge_cells
from simx.results.files.journal_lines import FinishedLaunch
from simx.results.schema.config import Schedule, Setting
from simx.results.schema.report import Ending, MeasuredCell, Stop
from simx.results.schema.times import Launch
from simx.results.statistics.busyness import busyness
from simx.results.statistics.noise import CanaryKey
from simx.results.statistics.round_filter import FilteredRounds, filter_rounds
from simx.results.statistics.sample_size import PilotSpreads
from simx.results.summaries.summary import TargetId, target_of
from simx.runner.bench.schedule import FEWEST_ROUNDS

_Key = tuple[Setting, TargetId]

Verdict = Ending | Literal["go_on"]

FEWEST_LAUNCHES = 3
"""With two, an interval is too wide to say anything. A budget ends no backbone before them, unless
the machine is busy: then there will be no interval anyway."""

GIANT_BUDGET_SECONDS = 600.0
"""For the launches of a backbone whose calls take seconds; a launch takes minutes."""


class Launches:
    """A backbone's finished launches, and whether another one follows.

    Args:
        schedule: the run's.
        spreads: those of the run's pilots before it; None for a run of one backbone.
        clock: seconds; replaced in tests.
    """

    def __init__(
        self,
        schedule: Schedule,
        spreads: PilotSpreads | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._schedule = schedule
        self._spreads = spreads or PilotSpreads()
        self._clock = clock
        self._last = clock()
        self._finished: list[FinishedLaunch] = []
        self._is_busy = False
        self.needed: int | None = None

    @property
    def done(self) -> int:
        """The number of finished launches."""
        return len(self._finished)

    @property
    def planned(self) -> int:
        """The number of launches in the end, as far as is known."""
        if self._schedule.half_width is None:
            return self._schedule.launches
        return min(self.needed or self._schedule.pilot, self._schedule.launches)

    @property
    def elapsed(self) -> float:
        """Seconds since the first launch began, without those between two runs."""
        return self._finished_seconds + self._clock() - self._last

    @property
    def _finished_seconds(self) -> float:
        return math.fsum(each.seconds for each in self._finished)

    @property
    def seconds_for_next(self) -> float | None:
        """The next launch's part of the budget: the pilot's launches share it; None without one."""
        budget = self._schedule.budget_seconds
        if budget is None:
            return None
        return (budget - self._finished_seconds) / max(1, self._schedule.pilot - self.done)

    def add(
        self, launch: FinishedLaunch, undisturbed_ns: Mapping[CanaryKey, float]
    ) -> FinishedLaunch:
        """Add a finished launch, and return it with its seconds since the one before it.

        Args:
            launch: its measurements.
            undisturbed_ns: nanoseconds of an undisturbed canary.
        """
        now = self._clock()
        launch = msgspec.structs.replace(launch, seconds=now - self._last)
        self._last = now
        self.replay(launch, undisturbed_ns)
        return launch

    def go_on_from_now(self) -> None:
        """Begin the next launch's seconds now."""
        self._last = self._clock()

    def replay(self, launch: FinishedLaunch, undisturbed_ns: Mapping[CanaryKey, float]) -> None:
        """Add a launch of an earlier run, with the seconds that it took then."""
        self._finished.append(launch)
        by_setting: dict[Setting, dict[_Key, tuple[Launch, ...]]] = defaultdict(dict)
        counted = zip(self._forwards(), self.filtered(undisturbed_ns).cells, strict=True)
        for key, launches in counted:
            pilot = (each for each in launches if each.index < self._schedule.pilot)
            by_setting[key[0]][key] = tuple(pilot)
        self._is_busy = all(busyness([*of.values()]) for of in by_setting.values())
        half_width = self._schedule.half_width
        if half_width is not None and self.done >= self._schedule.pilot and by_setting:
            needed = [
                self._spreads.launches_needed((id(self), setting), of, half_width)
                for setting, of in by_setting.items()
            ]
            # The pilot's launches were needed, also those of which every round was disturbed.
            fewest = self._schedule.pilot
            self.needed = None if None in needed else max(fewest, *filter(None, needed))

    def forwards(self) -> tuple[tuple[Launch, ...], ...]:
        """Return the ``forward`` launches of each cell that has not failed."""
        return tuple(self._forwards().values())

    def _forwards(self) -> dict[_Key, tuple[Launch, ...]]:
        cells = merge_cells(cell for launch in self._finished for cell in launch.cells)
        return {
            (Setting(its.batch, its.threads or 0, its.instances), target_of(its)): forward_of(cell)
            for cell in cells
            if isinstance(cell, MeasuredCell)
            for its in [cell.identity]
        }

    def filtered(self, undisturbed_ns: Mapping[CanaryKey, float]) -> FilteredRounds:
        """Return the rounds that count."""
        canaries = merge_canaries(canary for each in self._finished for canary in each.canary)
        return filter_rounds(self.forwards(), canaries, undisturbed_ns)

    def verdict(self) -> Verdict:
        """Return why no further launch follows, or that one follows."""
        most = self._schedule.launches
        fewest = min(FEWEST_LAUNCHES, most)
        if self._is_giant and (self.done >= fewest or self._exceeds(GIANT_BUDGET_SECONDS)):
            return "giant"
        if self.needed is not None and self.needed <= min(self.done, most):
            return "half_width"
        if self.done >= most:
            return "launches"
        budget = self._schedule.budget_seconds
        has_enough = self.done >= fewest or self._is_busy
        if budget is not None and has_enough and self._exceeds(budget):
            return "budget"
        return "go_on"

    @property
    def _is_giant(self) -> bool:
        cells = (cell for each in self._finished for cell in each.cells)
        return any(isinstance(cell, MeasuredCell) and cell.few_calls for cell in cells)

    def _exceeds(self, budget: float) -> bool:
        """Whether another launch would end after the budget's seconds.

        The pilot's launches share it, so that the last ones of them may have the fewest rounds.
        """
        if self.done < self._schedule.pilot:
            expected = [_shortened(each) for each in self._finished]
        else:
            # Launches after the pilot are shorter: they show how long the next one takes.
            recent = self._finished[self._schedule.pilot :] or self._finished
            expected = [each.seconds for each in recent]
        return self._finished_seconds + max(expected, default=0.0) > budget

    def stop(self, backbone: Backbone, ending: Ending) -> Stop:
        """Return the record of how it ended."""
        return Stop(
            model=backbone.model,
            weights=backbone.weights,
            launches=self.done,
            needed=self.needed,
            ended_by=ending,
            seconds=round(self.elapsed, 3),
            spent={
                name: round(math.fsum(each.spent.get(name, 0.0) for each in self._finished), 3)
                for name in dict.fromkeys(name for each in self._finished for name in each.spent)
            },
        )


def _shortened(launch: FinishedLaunch) -> float:
    """Return the seconds that a launch would have taken with the fewest rounds."""
    forwards = (forward_of(cell) for cell in launch.cells if isinstance(cell, MeasuredCell))
    rounds = max((len(each.blocks) for launches in forwards for each in launches), default=0)
    if rounds <= FEWEST_ROUNDS:
        return launch.seconds
    return launch.seconds - launch.spent.get("forward", 0.0) * (1 - FEWEST_ROUNDS / rounds)
