"""The search of one backbone by successive halving, and its confirmation on fresh processes.

All candidates of a stage are measured in the same rounds, and the better half goes on (K. Jamieson
and A. Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", AISTATS
2016). A stage ranks by launches of its own alone, so that candidates that join later are compared
fairly.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
from msgspec.structs import replace

from simx.models.backend_name import BackendName
from simx.results.files.journal_lines import FinishedLaunch
from simx.results.schema.config import Schedule, Setting
from simx.results.schema.report import Identity
from simx.results.schema.tuning import (
    Confirmed,
    Effect,
    Goal,
    OutOfSearch,
    TunedModel,
    TunedSettings,
)
from simx.results.statistics.estimates import estimate, ratio
from simx.runner.bench.bench import Progress
from simx.runner.bench.cells import identify
from simx.runner.bench.targets import Target
from simx.runner.tuning.candidates import Candidate, combinations, defaults, first_candidates
from simx.runner.tuning.code import code_of
from simx.runner.tuning.comparing import Change, Outcomes, changes, outcomes, per_picture
from simx.runner.tuning.workbench import Workbench

BATCHES: Mapping[Goal, Sequence[int]] = {
    "latency": (1,),
    "throughput": (1, 2, 4, 8, 16, 32),
}

SEARCHING = Schedule(pilot=1, launches=1, rounds=5)

FEWEST_LAUNCHES, MOST_LAUNCHES = 2, 4
"""Of a stage: one alone would give no interval; fewer candidates have more launches."""

CONFIRMING = Schedule(pilot=1, launches=10, rounds=10, half_width=0.01)
"""The first launch has all scopes and counts the threads, the others have ``forward`` alone."""

FEWEST_CONFIRMING = 5
"""Launches after a search, also without any time left."""

SEARCHING_SHARE = 0.6
"""Of the budget that is for the search."""


class Aim(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be fast; ``max_latency_seconds`` is the longest that a call may take."""

    goal: Goal = "latency"
    max_latency_seconds: float | None = None


@dataclass(slots=True)
class Tuner:
    """The search of one backbone; ``typed`` has the names of backends on the command line."""

    bench: Workbench
    targets: Sequence[Target]
    aim: Aim
    typed: Mapping[str, str]
    progress: Progress
    _launches: list[FinishedLaunch] = field(default_factory=list)
    _planned: int = 0
    _out: dict[Candidate, str] = field(default_factory=dict)
    _names: dict[Identity, Candidate] = field(default_factory=dict)
    _begun: float = field(default_factory=time.monotonic)

    def tuned(self) -> TunedModel:
        """Search, and confirm what was found."""
        start = defaults(self.targets, self.bench.config.threads)
        with self.bench.servers():
            winner = self._search(start)
        whole = self._outcomes(self._launches)
        backbone = self.bench.workload.backbone
        found = TunedModel(
            model=backbone.model,
            weights=backbone.weights,
            effects=tuple(map(self._effect, changes(start, whole.times))),
            out=tuple(
                OutOfSearch(settings=self._settings(each), reason=reason)
                for each, reason in self._out.items()
            ),
            candidates=len(self._names),
            launches=len(self._launches),
        )
        if winner is None:
            found = replace(found, problem="no candidate is left; each has its reason")
        else:
            left = (each for each in (winner, *start) if each not in whole.failed)
            found = self._confirmed(found, winner, tuple(dict.fromkeys(left)))
        return replace(found, seconds=round(self._elapsed, 1))

    def _search(self, start: Sequence[Candidate]) -> Candidate | None:
        """Return the candidate that is left, or None; all others that could not be are out."""
        first = first_candidates(start, self.targets, BATCHES[self.aim.goal])
        stages = 2 + math.ceil(math.log2(len(first)))
        usual = (FEWEST_LAUNCHES + MOST_LAUNCHES) // 2
        self._planned = usual * stages + CONFIRMING.launches
        self.bench.weigh(first)
        logs = self._stage(first, FEWEST_LAUNCHES)
        kept = self._better_half(logs)
        usable = {each: log for each, log in logs.items() if each not in self._out}
        kept += combinations(start, usable, kept) if self._goes_on_searching else ()
        while len(kept) > 1 and self._goes_on_searching:
            launches = FEWEST_LAUNCHES * len(first) // len(kept)
            logs = self._stage(kept, max(FEWEST_LAUNCHES, min(MOST_LAUNCHES, launches)))
            kept = self._better_half(logs)
        return kept[0] if kept else None

    def _stage(self, candidates: Sequence[Candidate], launches: int) -> dict[Candidate, float]:
        """Measure, and return the logarithms of the nanoseconds per picture."""
        seconds = SEARCHING_SHARE * self._budget / (self._planned - CONFIRMING.launches)
        own: list[FinishedLaunch] = []
        for number in range(launches):
            left = [each for each in candidates if each not in self._out]
            if not left or (number and not self._goes_on_searching):
                break
            own.append(self._launch(left, len(self._launches), seconds, SEARCHING))
            self._launches.append(own[-1])
            self._out |= self._outcomes(own).failed
        return per_picture(self._outcomes(own).times)

    def _better_half(self, logs: Mapping[Candidate, float]) -> list[Candidate]:
        most_ns = 1e9 * (self.aim.max_latency_seconds or math.inf)
        for each, log in logs.items():
            if (call_ns := math.exp(log) * each.batch) > most_ns:
                allowed = f"and {most_ns / 1e6:g} ms are allowed"
                self._out[each] = f"a call takes {call_ns / 1e6:.3g} ms, {allowed}"
        within = sorted((each for each in logs if each not in self._out), key=lambda of: logs[of])
        return within[: math.ceil(len(within) / 2)]

    def _confirmed(
        self, found: TunedModel, winner: Candidate, left: Sequence[Candidate]
    ) -> TunedModel:
        """Measure the winner and the defaults, whatever the search measured."""
        launches: list[FinishedLaunch] = []
        failed: Mapping[Candidate, str] = {}
        with self.bench.servers():
            while winner not in failed and self._goes_on_confirming(len(launches)):
                seconds = (self._budget - self._elapsed) / (CONFIRMING.launches - len(launches))
                launches.append(self._launch(left, len(launches), seconds, CONFIRMING))
                failed = self._outcomes(launches).failed
                left = [each for each in left if each not in failed]
        if winner in failed:
            name = self._settings(winner).backend
            problem = f"{name} won the search, and failed after it: {failed[winner]}"
            return replace(found, problem=problem)
        times, _, noisy = self._outcomes(launches)
        gains = {each: ratio(times[each], times[winner]) for each in times if each != winner}
        gains = {each: of and of.times(winner.batch / each.batch) for each, of in gains.items()}
        own = winner.default(self.bench.config.threads)
        gain = gains.get(own)
        # Defaults that fail, or take too long, are no alternative.
        is_alone = own in self._out or own not in times
        is_better = gain is not None and gain.is_above_one(1) and not noisy
        best = winner if is_alone or is_better else own
        return replace(
            found,
            winner=self._settings(winner),
            default=self._settings(own),
            best=self._settings(best),
            confirmed=tuple(
                Confirmed(
                    settings=self._settings(each), call=estimate(times[each]), gain=gains.get(each)
                )
                for each in left
                if each in times
            ),
            noisy=noisy,
            confirming=len(launches),
            code=code_of(best, self.bench.workload.backbone, self.bench.config.embedding),
        )

    def _launch(
        self, candidates: Sequence[Candidate], index: int, seconds: float, schedule: Schedule
    ) -> FinishedLaunch:
        backbone, embedding = self.bench.workload.backbone, self.bench.config.embedding
        for each in candidates:
            setting = Setting(each.batch, each.threads)
            self._names[identify(backbone, embedding, each.target, setting)] = each
        searching = schedule is SEARCHING
        self.progress(backbone, index + (0 if searching else len(self._launches)), self._planned)
        limit = seconds if math.isfinite(seconds) else None
        return self.bench.launch(candidates, index, limit, schedule, only_forward=searching)

    def _outcomes(self, launches: Sequence[FinishedLaunch]) -> Outcomes:
        return outcomes(launches, self._names, self.bench.history.references())

    @property
    def _budget(self) -> float:
        return self.bench.config.budget_seconds or math.inf

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self._begun

    @property
    def _goes_on_searching(self) -> bool:
        return self._elapsed < SEARCHING_SHARE * self._budget

    def _goes_on_confirming(self, launches: int) -> bool:
        has_time = launches < FEWEST_CONFIRMING or self._elapsed < self._budget
        return launches < CONFIRMING.launches and has_time

    def _settings(self, candidate: Candidate) -> TunedSettings:
        target = candidate.target
        backend = target.backend
        changed = "+".join((*backend.variants, *backend.options, *backend.variables))
        name = BackendName.parse(self.typed[backend.title or backend.name])
        return TunedSettings(
            backend=str(replace(name, changes=changed)),
            provider=target.provider,
            precision=target.precision,
            batch=candidate.batch,
            threads=candidate.threads,
        )

    def _effect(self, change: Change) -> Effect:
        text = "backend" if change.factor == "backend" else f"{change.factor} {change.value}"
        return Effect(settings=self._settings(change.candidate), change=text, gain=change.gain)
