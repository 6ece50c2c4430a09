"""Measures candidates of one backbone, by the launches of a benchmark."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from msgspec.structs import replace

from simx.results.files.journal_lines import FinishedLaunch
from simx.results.schema.config import Config, Schedule, Setting
from simx.results.schema.report import FailedCell, Failure
from simx.results.statistics.noise import ReferenceWorkloadHistory
from simx.runner.bench.admission import admitted
from simx.runner.bench.cells import PlannedCell, Workload
from simx.runner.bench.launch import Bench, run_launch
from simx.runner.bench.reading import PictureReader
from simx.runner.bench.schedule import USUAL
from simx.runner.bench.targets import Target, started
from simx.runner.tuning.candidates import Candidate
from simx.workers.worker import Launcher


@dataclass(slots=True, kw_only=True)
class Workbench:
    """What measures the candidates of one backbone; the configuration has the seed."""

    workload: Workload
    config: Config
    reader: PictureReader
    history: ReferenceWorkloadHistory = field(default_factory=ReferenceWorkloadHistory)
    _servers: dict[tuple[object, ...], Launcher] = field(default_factory=dict)
    _launchers: dict[str, Launcher] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)
    _weighed: dict[tuple[Target, int], PlannedCell | FailedCell] = field(default_factory=dict)

    @contextmanager
    def servers(self) -> Iterator[None]:
        """Give all launches within the context servers of their own."""
        with ExitStack() as self._stack:
            yield
        self._servers, self._launchers = {}, {}

    def weigh(self, candidates: Sequence[Candidate]) -> None:
        """Estimate the memory of workers, by the defaults of each backend in each batch."""
        cells = {}
        for each in sorted(candidates, key=lambda of: of.batch):
            cell = self.workload.cell(each.base, self.config, Setting(each.batch, each.threads))
            if isinstance(cell, PlannedCell):
                cells[each.base, each.batch] = cell
        launchers = self._started([base for base, _ in cells])
        self._weighed = dict(
            zip(cells, admitted(list(cells.values()), launchers, USUAL), strict=True)
        )

    def launch(
        self,
        candidates: Sequence[Candidate],
        index: int,
        seconds: float | None,
        schedule: Schedule,
        *,
        only_forward: bool,
    ) -> FinishedLaunch:
        """Measure candidates in the same rounds.

        Args:
            candidates: of the backbone.
            index: the launch's.
            seconds: at which all rounds beyond the fewest have ended; None for no limit.
            schedule: the number of rounds, and which launches have other scopes.
            only_forward: whether no launch has other scopes, or counts the threads.
        """
        # Smaller batches come first, so that larger ones are not tried in vain.
        order = sorted(candidates, key=lambda of: (of.batch, -of.threads))
        cells = [self._planned(each) for each in order]
        able = [cell for cell in cells if isinstance(cell, PlannedCell)]
        lost = tuple(cell for cell in cells if isinstance(cell, FailedCell))
        if not able:
            return FinishedLaunch(cells=lost)
        bench = Bench(
            launchers=self._started([cell.target for cell in able]),
            reader=self.reader,
            schedule=replace(schedule, seed=self.config.seed),
            history=self.history,
            only_forward=only_forward,
        )
        finished = run_launch(bench, able, index, seconds).finished
        return replace(finished, cells=(*finished.cells, *lost))

    def _planned(self, candidate: Candidate) -> PlannedCell | FailedCell:
        setting = Setting(candidate.batch, candidate.threads)
        planned = self.workload.cell(candidate.target, self.config, setting)
        like = self._weighed.get((candidate.base, candidate.batch))
        if isinstance(planned, FailedCell) or like is None:
            return planned
        if isinstance(like, FailedCell):
            return planned.failed(Failure(stage=like.stage, reason=like.reason))
        return replace(planned, needed_bytes=like.needed_bytes)

    def _started(self, targets: Sequence[Target]) -> dict[str, Launcher]:
        """Return launchers by the backends' labels; variants share servers if they can."""
        for backend in dict.fromkeys(each.backend for each in targets):
            key = backend.entry, backend.environment, backend.interpreter
            if key not in self._servers:
                self._servers[key] = self._stack.enter_context(started(backend))
            self._launchers[backend.label] = self._servers[key]
        return self._launchers
