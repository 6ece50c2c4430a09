"""The parent's side of a cell under load: its instances, and what their answers amount to."""

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from statistics import fmean
from typing import TypeVar

import msgspec

from simx.common.temporary import temporary_folder
from simx.models.pictures import Image
from simx.results.schema.times import Block, Noise, Scope
from simx.results.statistics.sustained import LATE_SHARE as LATE
from simx.results.statistics.sustained import USUAL_POWER, Run, largest_rate, run_of
from simx.runner.bench.cell_client import CellClient, CellFailedError
from simx.runner.bench.cells import PlannedCell
from simx.runner.bench.schedule import Deadlines, seed_of
from simx.runner.measure import messages
from simx.runner.measure.messages import Answered, MeasuredLoad, MeasureLoad
from simx.runner.measure.timing import CLOCK
from simx.workers.worker import Launcher, Worker

T = TypeVar("T")

RUN_SECONDS = 1.0
"""Of queries that follow each other."""

SERVER_SECONDS = 4.0
"""Of queries that arrive by themselves: a queue takes long to forget how it began."""

FEWEST_QUERIES = 20
"""Of each instance."""

FEWEST_SERVED, FEWEST_NEAR_BOUND = 100, 830
"""Of a run of ``server``, and of one with a latency bound: 662 of those count."""

UNCOUNTED_SHARE = 0.2
"""Of the queries of ``server``: at first there is no queue."""

RELAXATIONS = 3.0
"""Of the queue in a run of ``server``. With fewer, its beginning still lowers the mean by 2 %."""

_LARGEST_UTILISATION = 0.95
"""For which a run is long enough; beyond it, a queue takes minutes to forget its beginning."""

LATE_SHARE = 0.02
"""Of a call, by which queries may begin late at the mean. More would be a latency of simx's own."""

FULL_SHARE = 0.99
"""Of the instances' time in calls, from which on more queries arrive than are answered."""

_ATTEMPTS = 3
"""A disturbed machine wakes a process late now and then."""

_STEPS = (1.0, 0.97, 1.03)
"""Of the largest rate as far as it is known, at which the next queries of a launch arrive."""

_SEARCHED_RANGE, _SEARCH_RUNS, _FEWEST_SEARCHED = 64, 7, 250
"""How many times as large as the smallest rate the largest one is, and with which runs it is
searched."""

_STARTING_SECONDS = 0.02
"""In which every instance gets its request, and makes calls that are not counted."""

_SETTLING_CALLS = 4


class LoadClient(CellClient):
    """A cell whose instances are running; the first one stands for all where one is enough."""

    def __init__(
        self, plan: PlannedCell, workers: Sequence[Worker], deadlines: Deadlines, seed: int
    ) -> None:
        cores = cores_of(plan, sorted(os.sched_getaffinity(0)))
        own, *others = (msgspec.structs.replace(plan, cores=each) for each in cores)
        super().__init__(own, workers[0], deadlines)
        self._others = [
            CellClient(*each, deadlines) for each in zip(others, workers[1:], strict=True)
        ]
        self._seed = seed
        self._runs: list[Run] = []

    @property
    def workers(self) -> tuple[Worker, ...]:
        """The processes of all instances."""
        return (self.worker, *(other.worker for other in self._others))

    def prepare(self, pictures: messages.ArrayMessage) -> None:
        """Load it in every instance, and check the answers of each."""
        super().prepare(pictures)
        for other in self._others:
            other.prepare(pictures)

    def warm_up(self) -> None:
        """Call it in all instances at once until their times have levelled off."""
        self._at_once(CellClient.warm_up)

    def measure(self, scope: Scope, image: Image | None, round_index: int) -> None:
        """Let all instances answer queries, and take one block of them."""
        load, rate = self.plan.load, self._rate(round_index)
        found = self._punctual(rate, self._queries(rate), round_index)
        for measured in found:
            self.check_outputs(scope, measured)
        if load.rate is not None:
            _require_spare_time(_streams(found))
        block = _block(load.scenario, found, round_index)
        if rate is not None:
            block = msgspec.structs.replace(block, rate=rate)
        self.blocks[scope, image].append(block)
        if load.latency_bound is not None:
            self._runs.append(run_of(block, load.latency_bound * 1e9))
            known = largest_rate(self._runs, USUAL_POWER)
            self.plan = msgspec.structs.replace(self.plan, sustained_rate=known)

    def _rate(self, round_index: int) -> float | None:
        """Return the rate of the next queries: a given one, or one near the largest."""
        load, known = self.plan.load, self.plan.sustained_rate
        if load.latency_bound is None:
            return load.rate
        if known is None:
            return self._searched(load.latency_bound, round_index)
        return known * _STEPS[len(self._runs) % len(_STEPS)]

    def _searched(self, bound: float, round_index: int) -> float:
        """Return about the largest rate within a bound in seconds, by bisection on short runs.

        None of them counts.
        """
        high = self.plan.instances * 1e9 / self.prepared.call_ns
        lowest = low = high / _SEARCHED_RANGE
        rate = high / 2
        for number in range(_SEARCH_RUNS):
            queries = max(_FEWEST_SEARCHED, math.ceil(RUN_SECONDS * rate))
            found = self._punctual(rate, queries, round_index, number)
            block = msgspec.structs.replace(_block("server", found, round_index), rate=rate)
            run = run_of(block, bound * 1e9)
            if run.late > LATE * run.queries:
                high = rate
            else:
                low = rate
            rate = math.sqrt(low * high)
        if low == lowest:
            raise CellFailedError(
                "load",
                f"more than 1 % of its queries take longer than {1000 * bound:g} ms at "
                f"{high:.3g} a second already; raise --latency-bound",
            )
        return rate

    def _punctual(self, rate: float | None, queries: int, *keys: int) -> list[MeasuredLoad]:
        """Let all instances answer queries, and return what each of them measured.

        Raises:
            CellFailedError: in every attempt they began queries late.
        """
        late = 0.0
        for attempt in range(_ATTEMPTS):
            found = self._loaded(rate, queries, seed_of(self._seed, *keys, attempt))
            every = list(chain.from_iterable(_streams(found)))
            late = fmean(each.late_ns for each in every) / fmean(map(_call_ns, every))
            if late <= LATE_SHARE:
                return found
        raise CellFailedError(
            "load",
            f"queries began {100 * late:.0f} % of a call late in each of {_ATTEMPTS} runs, so that "
            "latencies would be simx's own; the calls are too short, or the machine is busy",
        )

    def _loaded(self, rate: float | None, queries: int, seed: int) -> list[MeasuredLoad]:
        call_ns = self.prepared.call_ns
        starting = _STARTING_SECONDS * 1e9 + _SETTLING_CALLS * call_ns
        with temporary_folder() as folder:
            request = MeasureLoad(
                scenario=self.plan.load.scenario,
                instances=self.plan.instances,
                callers=self.plan.instances // self.plan.processes,
                queries=queries,
                begin_ns=CLOCK() + round(starting),
                tickets=str(Path(folder, "tickets")),
                rate=rate,
                seed=seed,
            )
            arriving = queries / (rate or math.inf)
            seconds = self._deadlines.of_calls(queries, call_ns) + arriving
            return self._at_once(
                lambda client: client.ask(request, messages.MeasuredLoad, "load", seconds)
            )

    def _queries(self, rate: float | None) -> int:
        """How many queries a run has; of ``multi-stream`` those of each instance."""
        load, per_second = self.plan.load, 1e9 / self.prepared.call_ns
        if rate is not None:
            fewest = FEWEST_SERVED if load.latency_bound is None else FEWEST_NEAR_BOUND
            relaxing = relaxation(rate / per_second / self.plan.instances)
            return max(fewest, math.ceil(SERVER_SECONDS * rate), math.ceil(RELAXATIONS * relaxing))
        of_each = max(FEWEST_QUERIES, math.ceil(RUN_SECONDS * per_second))
        return of_each if load.scenario == "multi-stream" else of_each * self.plan.instances

    def _at_once(self, action: Callable[[CellClient], T]) -> list[T]:
        """Do the same in all instances at the same time; this process waits meanwhile.

        The others may wait for one that fails, or answer queries for long after an interrupt: then
        they are ended at once.
        """
        clients = (self, *self._others)
        with ThreadPoolExecutor(len(clients)) as pool:
            futures = [pool.submit(action, client) for client in clients]
            try:
                done, _ = wait(futures, return_when=FIRST_EXCEPTION)
                for each in done:
                    each.result()
            except BaseException:
                for worker in self.workers:
                    worker.kill()
                raise
        return [each.result() for each in futures]


def client_of(
    plan: PlannedCell, launcher: Launcher, deadlines: Deadlines, *seed: object
) -> CellClient:
    """Start a cell's workers; of one seed, all cells under load get the same queries.

    Raises:
        WorkerError: one of them does not start.
    """
    if not plan.is_under_load:
        return CellClient(plan, launcher.launch(), deadlines)
    with ExitStack() as started:
        workers = [started.enter_context(launcher.launch()) for _ in range(plan.processes)]
        started.pop_all()
    return LoadClient(plan, workers, deadlines, seed_of(*seed))


def cores_of(plan: PlannedCell, available: Sequence[int]) -> list[tuple[int, ...]]:
    """Return the processor cores of each process; none where they are not enough for all."""
    count, threads = plan.processes, plan.threads
    if not plan.load.pinned or count * threads > len(available):
        return [()] * count
    return [tuple(available[at * threads : (at + 1) * threads]) for at in range(count)]


def relaxation(utilisation: float) -> float:
    """Return how many queries arrive while a queue forgets how it began.

    It is the relaxation time of a queue with exponential service times, of which it takes
    1 / (1 - sqrt(utilisation))² (P. M. Morse, "Stochastic properties of waiting lines", Journal of
    the Operations Research Society of America 3, 1955); with less varied ones it is shorter. There
    is none where more arrive than are answered, which any run shows.
    """
    if utilisation >= 1:
        return 0.0
    share = min(utilisation, _LARGEST_UTILISATION)
    return share / (1 - math.sqrt(share)) ** 2


def _block(scenario: str, found: Sequence[MeasuredLoad], round_index: int) -> Block:
    """Return the times of a run as ``forward`` has them in this scenario."""
    streams, noise = _streams(found), _noise(found)
    every = sorted(chain.from_iterable(streams), key=lambda each: each.number)
    if scenario == "offline":
        ns = round(len(every) * _ns_per_call(streams))
        return Block(round=round_index, calls=len(every), ns=(ns,), noise=noise)
    if scenario == "multi-stream":
        queries = zip(*streams, strict=True)
        latencies = [_end(query) - min(each.due_ns for each in query) for query in queries]
    else:
        counted = every[math.ceil(UNCOUNTED_SHARE * len(every)) :]
        latencies = [each.ended_ns - each.due_ns for each in counted]
    return Block(round=round_index, calls=1, ns=tuple(latencies), noise=noise)


def _streams(found: Sequence[MeasuredLoad]) -> list[tuple[Answered, ...]]:
    """Return the queries of each instance, whatever process it is in."""
    return [stream for of in found for stream in of.streams]


def _ns_per_call(streams: Sequence[Sequence[Answered]]) -> float:
    """Return the inverse of the calls per nanosecond that the instances make together."""
    busy = ([_call_ns(each) for each in stream] for stream in streams if stream)
    return 1 / math.fsum(1 / fmean(times) for times in busy)


def _require_spare_time(streams: Sequence[Sequence[Answered]]) -> None:
    """Refuse latencies of a queue that grows for as long as queries arrive.

    Raises:
        CellFailedError: the instances hardly ever waited for a query.
    """
    every = list(chain.from_iterable(streams))
    span = _end(every) - min(each.due_ns for each in every)
    if math.fsum(map(_call_ns, every)) > FULL_SHARE * span * len(streams):
        most = 1e9 / _ns_per_call(streams)
        raise CellFailedError(
            "load",
            f"more queries arrive than it answers, which are {most:.4g} a second; lower --rate",
        )


def _noise(found: Sequence[MeasuredLoad]) -> Noise:
    """Return the first instance's noise, for which the other instances are none."""
    noise = found[0].noise
    if noise.others_cpu_ns is None:
        return noise
    others = noise.others_cpu_ns - sum(of.cpu_ns for of in found[1:])
    return msgspec.structs.replace(noise, others_cpu_ns=max(0, others))


def _call_ns(answered: Answered) -> int:
    return answered.ended_ns - answered.begun_ns


def _end(answered: Sequence[Answered]) -> int:
    return max(each.ended_ns for each in answered)
