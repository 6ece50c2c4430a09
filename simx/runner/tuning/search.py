"""A search of settings by successive halving, and its confirmation on fresh processes.

All candidates of a stage are measured in the same rounds, and the better half goes on (K. Jamieson
and A. Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", AISTATS
2016). A stage ranks by launches of its own alone, so that candidates that join later are compared
fairly. Launches decide everything, so that a search goes on with those that its journal has.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from simx.common.errors import InputError
from simx.results.files.journal import Journal
from simx.results.files.journal_lines import FinishedLaunch
from simx.results.schema.config import SINGLE_STREAM, Aim, Config, Goal, Load, Schedule
from simx.results.schema.report import FailedCell, Identity
from simx.results.schema.tuning import (
    Confirmed,
    Effect,
    Interaction,
    OutOfSearch,
    TunedModel,
    Tuning,
)
from simx.results.statistics.estimates import estimate, ratio, repeated
from simx.results.statistics.noise import ReferenceWorkloadHistory
from simx.runner.bench.admission import admitted
from simx.runner.bench.bench import Progress
from simx.runner.bench.cells import PlannedCell, Workload, exported
from simx.runner.bench.launch import Bench, run_launch
from simx.runner.bench.reading import READER, PictureReader
from simx.runner.bench.resumption import require_same_exports
from simx.runner.bench.schedule import USUAL
from simx.runner.bench.session import Measuring, Session
from simx.runner.bench.targets import Servers, Target, open_targets
from simx.runner.tuning import candidates as tried
from simx.runner.tuning.candidates import Candidate
from simx.runner.tuning.code import code_of, tuning_of
from simx.runner.tuning.comparing import (
    Outcomes,
    changes,
    effects,
    interactions,
    outcomes,
    pairs_of,
    per_picture,
)
from simx.workers.forking import launcher

BATCHES: Mapping[Goal, Sequence[int]] = {"latency": (1,), "throughput": (1, 2, 4, 8, 16, 32)}

SEARCHING = Schedule(pilot=1, launches=1, rounds=5)
CONFIRMING = Schedule(pilot=1, launches=10, rounds=10)

LOADED_ROUNDS = 3
"""Of a launch under load, whose blocks take a second instead of a tenth."""

FEWEST_LAUNCHES, MOST_LAUNCHES = 2, 4
"""Of a stage: one alone would give no interval; fewer candidates have more launches."""

FEWEST_CONFIRMING = 5
"""Launches after a search, also without any time left."""

SEARCHING_SHARE = 0.6
"""Of the budget that is for the search."""


@dataclass(slots=True, kw_only=True)
class Search:
    """The search of one backbone among the settings of targets."""

    workload: Workload
    targets: Sequence[Target]
    config: Config
    aim: Aim
    reader: PictureReader
    progress: Progress
    journal: Journal | None = None
    _launches: list[FinishedLaunch] = field(default_factory=list)
    _names: dict[Identity, Candidate] = field(default_factory=dict)
    _cells: dict[Candidate, PlannedCell | FailedCell] = field(default_factory=dict)
    _out: dict[Candidate, str] = field(default_factory=dict)
    _planned: int = 0
    _history: ReferenceWorkloadHistory = field(default_factory=ReferenceWorkloadHistory)
    _servers: Servers = field(init=False)

    def found(self) -> TunedModel:
        """Search, and confirm what was found."""
        start = tried.defaults(self.targets, self.config.threads)
        with Servers() as self._servers:
            winner = self._searched(start)
        whole, backbone = self._outcomes(self._launches), self.workload.backbone
        found = TunedModel(
            model=backbone.model,
            weights=backbone.weights,
            effects=effects(start, whole.times),
            out=tuple(
                OutOfSearch(settings=of.settings, reason=why) for of, why in self._out.items()
            ),
            candidates=len(self._names),
            launches=len(self._launches),
            problem="" if winner else "no candidate is left; each has its reason",
        )
        if winner:
            with Servers() as self._servers:
                usual = [each for each in start if each not in whole.failed]
                found = self._confirmed(found, winner, usual)
        return replace(found, seconds=round(self._seconds, 1))

    def by_setting(self, launches: int) -> tuple[tuple[Effect, ...], tuple[Interaction, ...]]:
        """Return what single changes of the defaults do, and pairs of them beside each alone."""
        start = tried.defaults(self.targets, self.config.threads)
        first = tried.first_candidates(start, self.targets, BATCHES[self.aim.goal])
        self._planned, every = 2 * launches, (launches,) * 3
        with Servers() as self._servers:
            alone, _ = self._measure(first, SEARCHING, every, math.inf)
            pairs = pairs_of(start, changes(start, alone.times), tried.MOST_HELPFUL)
            again = dict.fromkeys(each for pair in pairs for each in pair.candidates)
            together, _ = self._measure(tuple(again), SEARCHING, every, math.inf)
        return effects(start, alone.times), interactions(pairs, together.times)

    def _searched(self, start: Sequence[Candidate]) -> Candidate | None:
        """Return the candidate that is left, or None; all others that could not be are out."""
        first = tried.first_candidates(start, self.targets, BATCHES[self.aim.goal])
        cores = self.config.threads if self.aim.goal == "throughput" else 1
        stages = 2 + math.ceil(math.log2(len(first))) + (cores > 1)
        self._planned = stages * (FEWEST_LAUNCHES + MOST_LAUNCHES) // 2
        end = SEARCHING_SHARE * self._budget
        logs, kept = self._stage(first, FEWEST_LAUNCHES, end)
        usable = {each: log for each, log in logs.items() if each not in self._out}
        kept += tried.combinations(start, usable, kept) if self._seconds < end else ()
        while len(kept) > 1 and self._seconds < end:
            launches = FEWEST_LAUNCHES * len(first) // len(kept)
            launches = max(FEWEST_LAUNCHES, min(MOST_LAUNCHES, launches))
            _, kept = self._stage(kept, launches, end)
        if kept and cores > 1 and self._seconds < self._budget:
            _, better = self._stage(tried.on_instances(kept[0], cores), FEWEST_LAUNCHES, end)
            kept = [each for each in better[:1] if each.instances > 1] or kept
        return kept[0] if kept else None

    def _stage(
        self, candidates: Sequence[Candidate], launches: int, end: float
    ) -> tuple[dict[Candidate, float], list[Candidate]]:
        """Return the logarithms of the nanoseconds per picture, and the better half."""
        left = self._planned - len(self._launches)
        measured, _ = self._measure(candidates, SEARCHING, (1, launches, left), end)
        self._out |= measured.failed
        logs = per_picture(measured.times)
        longest = self.aim.max_latency or math.inf
        for each, log in logs.items():
            if (call := math.exp(log) * each.batch * each.instances / 1e9) > longest:
                allowed = f"and {1e3 * longest:g} ms are allowed"
                self._out[each] = f"a call takes {1e3 * call:.3g} ms, {allowed}"
        within = sorted((each for each in logs if each not in self._out), key=lambda of: logs[of])
        return logs, within[: math.ceil(len(within) / 2)]

    def _measure(
        self,
        candidates: Sequence[Candidate],
        schedule: Schedule,
        launches: tuple[int, int, int],
        end: float,
        winner: Candidate | None = None,
    ) -> tuple[Outcomes, int]:
        """Measure candidates of one scenario, and return what how many launches show.

        ``launches`` are the fewest, the most, and those until all have taken ``end`` seconds, after
        which there are no more than the fewest. After the search there are none without a
        ``winner``, in the first of which the threads are counted.
        """
        (fewest, most, left), own = launches, list[FinishedLaunch]()
        found = self._outcomes(own)
        while len(own) < most and (len(own) < fewest or self._seconds < end):
            able = [each for each in candidates if each not in found.failed]
            if not able or winner in found.failed:
                break
            seconds = (end - self._seconds) / max(1, left - len(own))
            own.append(self._launch(able, schedule, seconds, counting=bool(winner) and not own))
            found = self._outcomes(own)
        return found, len(own)

    def _confirmed(
        self, found: TunedModel, winner: Candidate, usual: Sequence[Candidate]
    ) -> TunedModel:
        """Measure the winner and the defaults, whatever the search measured."""
        own = winner.default(self.config.threads)
        others = (each._replace(scenario=winner.scenario) for each in usual)
        candidates = tuple(dict.fromkeys((winner, *others)))
        launches = FEWEST_CONFIRMING, CONFIRMING.launches, CONFIRMING.launches
        (times, failed, noisy, busy), confirming = self._measure(
            candidates, CONFIRMING, launches, self._budget, winner
        )
        if winner in failed:
            name = winner.settings.backend
            problem = f"{name} won the search, and failed after it: {failed[winner]}"
            return replace(found, problem=problem)
        gains = {each: ratio(times[each], times[winner]) for each in times if each != winner}
        gains = {each: of and of.times(winner.batch / each.batch) for each, of in gains.items()}
        gain = gains.get(own)
        # Defaults that fail, or take too long, are no alternative.
        is_alone = own._replace(scenario=SINGLE_STREAM) in self._out or own not in times
        is_better = gain is not None and gain.is_above_one(1) and not busy
        best = winner if is_alone or is_better else own
        calls = {each: estimate(repeated(of, each.instances)) for each, of in times.items()}
        return replace(
            found,
            winner=winner.settings,
            default=own.settings,
            best=best.settings,
            confirmed=tuple(
                Confirmed(settings=each.settings, call=calls[each], gain=gains.get(each))
                for each in candidates
                if each in calls
            ),
            noisy=noisy,
            busy=busy,
            confirming=confirming,
            code=code_of(best, self.workload.backbone, self.config.embedding),
        )

    def _launch(
        self, candidates: Sequence[Candidate], schedule: Schedule, seconds: float, *, counting: bool
    ) -> FinishedLaunch:
        """Measure candidates in the same rounds, or return what an earlier run has measured."""
        index, backbone = len(self._launches), self.workload.backbone
        # Smaller batches come first, so that larger ones are not tried in vain.
        candidates = sorted(candidates, key=lambda of: (of.batch, -of.threads))
        names = {self._cell(each).identity: each for each in candidates}
        self._names |= names
        kept = self.journal.kept.launches if self.journal else ()
        earlier = [of for of in kept if of.backbone == self.workload.name]
        if self.journal and index < len(earlier):
            if {cell.identity for cell in earlier[index].cells} != names.keys():
                raise InputError(
                    f"journal {self.journal.path}: launch {index} of {backbone.name} is not one of "
                    "this search; move the journal away and search anew"
                )
            self._history.remember(earlier[index].canary)
            self._launches.append(earlier[index])
        else:
            begun = time.monotonic()
            self.progress(backbone, index, max(self._planned, index) + CONFIRMING.launches)
            limit = seconds if math.isfinite(seconds) else None
            finished = self._measured(candidates, schedule, limit, counting=counting)
            self._launches.append(replace(finished, seconds=time.monotonic() - begun))
            if self.journal:
                self.journal.append(self._launches[-1])
        return self._launches[-1]

    def _cell(self, candidate: Candidate) -> PlannedCell | FailedCell:
        load = Load(candidate.scenario)
        return self.workload.cell(candidate.target, self.config, candidate.setting, load)

    def _measured(
        self,
        candidates: Sequence[Candidate],
        schedule: Schedule,
        seconds: float | None,
        *,
        counting: bool,
    ) -> FinishedLaunch:
        """Measure ``forward`` of candidates; ``counting`` counts the threads that compute."""
        fresh = [each for each in candidates if each not in self._cells]
        launchers = self._servers.started(each.target.backend for each in candidates)
        cells = admitted(list(map(self._cell, fresh)), launchers, USUAL)
        self._cells |= zip(fresh, cells, strict=True)
        cells = [self._cells[each] for each in candidates]
        able = [cell for cell in cells if isinstance(cell, PlannedCell)]
        lost = tuple(cell for cell in cells if isinstance(cell, FailedCell))
        if not able:
            return FinishedLaunch(cells=lost)
        is_loaded = able[0].is_under_load
        rounds = LOADED_ROUNDS if is_loaded else schedule.rounds
        bench = Bench(
            launchers=launchers,
            reader=self.reader,
            schedule=replace(schedule, seed=self.config.seed, rounds=rounds),
            history=self._history,
            only_forward=True,
            counting=len(self._launches) if counting and not is_loaded else None,
        )
        finished = run_launch(bench, able, len(self._launches), seconds).finished
        return replace(finished, cells=(*finished.cells, *lost))

    def _outcomes(self, launches: Sequence[FinishedLaunch]) -> Outcomes:
        return outcomes(launches, self._names, self._history.references())

    @property
    def _budget(self) -> float:
        return self.config.budget_seconds or math.inf

    @property
    def _seconds(self) -> float:
        """What all launches took, those of an earlier run too."""
        return math.fsum(each.seconds for each in self._launches)


def tune_backbones(session: Session, journal: Journal, measuring: Measuring) -> Tuning:
    """Search the fastest settings of each backbone, and confirm them on fresh processes.

    Args:
        session: the run. Its budget is for each backbone, its threads are the most.
        journal: of this run, with what is fast and what has been measured.
        measuring: is entered with the backbones when they are measured.

    Raises:
        InputError: the journal's launches were measured from other exports.
        ProviderUnavailableError: a backend or a provider cannot be used here.
        SystemFailureError: the system failed on simx's own files.
    """
    config, listener = session.config, session.listener
    aim, models = journal.kept.header.aim or Aim(), list[TunedModel]()
    if journal.kept.searched:
        raise InputError("--resume: the run was begun on a cluster; resume it with --on, too")
    with (
        exported(session.backbones, session.store, session.plan, listener) as workloads,
        launcher(READER) as reading,
        measuring(session.backbones) as progress,
    ):
        with open_targets(session.targets) as opened:
            usable = opened.targets
        for note in (*session.notes, *opened.notes):
            listener.notice(note)
        require_same_exports(journal.kept.launches, workloads, usable, config)
        reader = PictureReader(reading, dict(session.pictures.files()), USUAL.of_pictures)
        for workload in workloads:
            search = Search(
                workload=workload,
                targets=[each for each in usable if each.runs(workload.backbone)],
                config=config,
                aim=aim,
                reader=reader,
                journal=journal,
                progress=progress,
            )
            models.append(search.found())
    return tuning_of(journal.kept.header, models)
