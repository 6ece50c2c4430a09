"""Searches whose launches are drawn: known times, and the noise of a quiet machine."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from simx.models.backbone import PRECISIONS
from simx.results.files.journal import Journal
from simx.results.files.journal_lines import FinishedLaunch, Kept, Line
from simx.results.schema.config import Aim, Config, Goal, Schedule
from simx.results.schema.report import FailedCell, MeasuredCell
from simx.results.schema.times import Block, Launch, Noise, Timing
from simx.results.schema.tuning import TunedModel
from simx.runner.backends.registry import backend_named
from simx.runner.bench.cells import Workload
from simx.runner.bench.reading import PictureReader
from simx.runner.bench.targets import Target
from simx.runner.tuning.candidates import Candidate
from simx.runner.tuning.search import CONFIRMING, Search
from simx.selfcheck.simulation import Spread
from tests.results.builders import failed, header, measured
from tests.runner.benches import PLAN
from tests.runner.fakes import BACKBONE, lacking

CPU = "CPUExecutionProvider"
ORT = Target(backend_named("ort"), CPU)
SPREAD = Spread()

Phase = Literal["search", "confirmation"]

Milliseconds = Callable[[Candidate, Phase], float | str]
"""Returns the time of a call, or why it fails."""


def config(threads: int = 2, seed: int = 0, budget: float | None = None) -> Config:
    return msgspec.structs.replace(PLAN.config, threads=threads, seed=seed, budget_seconds=budget)


class MemoryJournal(Journal):
    """A journal in memory, with the launches of an earlier run."""

    def __init__(self, *earlier: FinishedLaunch) -> None:
        self.path = Path("tuned.json.journal")
        self.kept = Kept(header=header(), lines=earlier)
        self.lines: list[Line] = []

    def append(self, line: Line) -> None:
        """Keep the line."""
        self.lines.append(line)


class SimulatedBench(Search):
    """Draws the times of launches, and keeps what was measured in the search and after it."""

    def __init__(self, times: Milliseconds, of: Config, *earlier: FinishedLaunch) -> None:
        exports = {each: lacking(each, "export", "nothing is loaded") for each in PRECISIONS}
        super().__init__(
            workload=Workload(BACKBONE, exports),
            targets=(ORT,),
            config=of,
            aim=Aim(),
            reader=cast("PictureReader", None),
            journal=MemoryJournal(*earlier),
            progress=lambda *_: None,
        )
        self.times = times
        self.noise = Noise()
        self.launched: dict[Phase, list[tuple[Candidate, ...]]] = {"search": [], "confirmation": []}

    @property
    def measured(self) -> list[FinishedLaunch]:
        """What the journal got, without the time that it took."""
        assert isinstance(self.journal, MemoryJournal)
        lines = (line for line in self.journal.lines if isinstance(line, FinishedLaunch))
        return [msgspec.structs.replace(line, seconds=0.0) for line in lines]

    def _measured(
        self,
        candidates: Sequence[Candidate],
        schedule: Schedule,
        seconds: float | None,
        *,
        counting: bool,
    ) -> FinishedLaunch:
        assert seconds is None or seconds < 1e9
        phase: Phase = "confirmation" if schedule == CONFIRMING else "search"
        assert not counting or phase == "confirmation"
        random = np.random.default_rng((self.config.seed, len(self._launches)))
        shared = random.normal(0, SPREAD.round, schedule.rounds)
        cells = tuple(self._drawn(each, random, shared, phase) for each in candidates)
        self.launched[phase].append(tuple(candidates))
        return FinishedLaunch(cells=cells)

    def _drawn(
        self,
        each: Candidate,
        random: np.random.Generator,
        shared: NDArray[np.float64],
        phase: Phase,
    ) -> MeasuredCell | FailedCell:
        its = self._cell(each).identity
        milliseconds = self.times(each, phase)
        if isinstance(milliseconds, str):
            return failed(its, reason=milliseconds)
        own = random.normal(0, SPREAD.own_round, shared.size)
        logs = shared + own + random.normal(0, SPREAD.launch)
        times = (1e6 * milliseconds * np.exp(logs)).astype(int).tolist()
        blocks = tuple(
            Block(round=number, calls=1, ns=(ns,), noise=self.noise)
            for number, ns in enumerate(times)
        )
        launch = Launch(index=len(self._launches), blocks=blocks)
        return measured(its, of=(Timing(scope="forward", image=None, launches=(launch,)),))


def tuned(
    bench: SimulatedBench,
    *targets: Target,
    goal: Goal = "latency",
    max_latency: float | None = None,
) -> TunedModel:
    """Search among the settings of targets, by default those of ONNX Runtime on the CPU."""
    bench.targets = targets or bench.targets
    bench.aim = Aim(goal=goal, max_latency=max_latency)
    return bench.found()
