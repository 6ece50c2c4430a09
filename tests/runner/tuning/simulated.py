"""Searches whose launches are drawn: known times, and the noise of a quiet machine."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from simx.results.files.journal_lines import FinishedLaunch
from simx.results.schema.config import Config, Schedule, Setting
from simx.results.schema.report import FailedCell, MeasuredCell
from simx.results.schema.times import Block, Launch, Timing
from simx.results.schema.tuning import Goal, TunedModel
from simx.runner.backends.registry import backend_named
from simx.runner.bench.cells import Workload, identify
from simx.runner.bench.reading import PictureReader
from simx.runner.bench.targets import Target
from simx.runner.tuning.candidates import Candidate
from simx.runner.tuning.tuner import Aim, Tuner
from simx.runner.tuning.workbench import Workbench
from simx.selfcheck.simulation import Spread
from tests.results.builders import failed, measured
from tests.runner.benches import PLAN
from tests.runner.fakes import BACKBONE

CPU = "CPUExecutionProvider"
ORT = Target(backend_named("ort"), CPU)
SPREAD = Spread()

Phase = Literal["search", "confirmation"]

Milliseconds = Callable[[Candidate, Phase], float | str]
"""Returns the time of a call, or why it fails."""


def config(threads: int = 2, seed: int = 0, budget: float | None = None) -> Config:
    return msgspec.structs.replace(PLAN.config, threads=threads, seed=seed, budget_seconds=budget)


class SimulatedBench(Workbench):
    """Draws the times of launches, and keeps what was measured in the search and after it."""

    def __init__(self, times: Milliseconds, of: Config) -> None:
        reader = cast("PictureReader", None)
        super().__init__(workload=Workload(BACKBONE, {}), config=of, reader=reader)
        self.times = times
        self.random = np.random.default_rng(of.seed)
        self.launched: dict[Phase, list[tuple[Candidate, ...]]] = {"search": [], "confirmation": []}

    @contextmanager
    def servers(self) -> Iterator[None]:
        yield

    def weigh(self, candidates: Sequence[Candidate]) -> None:
        """Need no memory."""

    def launch(
        self,
        candidates: Sequence[Candidate],
        index: int,
        seconds: float | None,
        schedule: Schedule,
        *,
        only_forward: bool,
    ) -> FinishedLaunch:
        assert seconds is None or seconds < 1e9
        phase: Phase = "search" if only_forward else "confirmation"
        shared = self.random.normal(0, SPREAD.round, schedule.rounds)
        cells = tuple(self._cell(each, index, shared, phase) for each in candidates)
        self.launched[phase].append(tuple(candidates))
        return FinishedLaunch(cells=cells)

    def _cell(
        self, each: Candidate, index: int, shared: NDArray[np.float64], phase: Phase
    ) -> MeasuredCell | FailedCell:
        its = identify(BACKBONE, "pooled", each.target, Setting(each.batch, each.threads))
        milliseconds = self.times(each, phase)
        if isinstance(milliseconds, str):
            return failed(its, reason=milliseconds)
        own = self.random.normal(0, SPREAD.own_round, shared.size)
        logs = shared + own + self.random.normal(0, SPREAD.launch)
        times = (1e6 * milliseconds * np.exp(logs)).astype(int).tolist()
        blocks = (Block(round=number, calls=1, ns=(ns,)) for number, ns in enumerate(times))
        launch = Launch(index=index, blocks=tuple(blocks))
        return measured(its, of=(Timing(scope="forward", image=None, launches=(launch,)),))


def tuned(
    bench: SimulatedBench,
    *targets: Target,
    goal: Goal = "latency",
    max_latency: float | None = None,
) -> TunedModel:
    """Search among the settings of targets, by default those of ONNX Runtime on the CPU."""
    of = targets or (ORT,)
    typed = {each.backend.title or each.backend.name: each.backend.name for each in of}
    aim = Aim(goal=goal, max_latency_seconds=max_latency)
    return Tuner(bench, of, aim, typed, lambda *_: None).tuned()
