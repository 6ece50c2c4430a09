"""How far does one driver carry a benchmark on a cluster?

Pretended nodes answer at once with the launches of a real report; no network is measured. With
``--ray`` they are nodes of a Ray cluster on this machine, whose own scheduler they show. Otherwise
they exist in simulated time alone, in which a launch takes 15 s in the middle and one node in ten
is lost in each hour: this shows the driver. Printed are its time and its memory. Of the report,
the first backbone is taken.

    python -m benchmarks.scheduling report.json --nodes 1000 --backbones 10000
    python -m benchmarks.scheduling report.json --ray --nodes 20 --backbones 500
"""

import argparse
import functools
import heapq
import importlib
import itertools
import math
import os
import random
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest.mock import patch

import msgspec
from msgspec.structs import replace

import simx
from simx.cluster import connection
from simx.cluster.connection import Cluster, Lost, Node, Running, Unit, connected
from simx.cluster.measuring import SpreadSession
from simx.cluster.nodes import Nodes
from simx.cluster.tasks import Answer, Look, Looked, Measure, Measured, Task
from simx.exporter.jobs.plan import ExportListener
from simx.models.backbone import Backbone
from simx.results.files.journal import Journal, journal_path
from simx.results.files.journal_lines import FinishedLaunch, Inputs
from simx.results.files.report import read
from simx.results.schema.report import MeasuredCell, Report
from simx.results.schema.times import Timing
from simx.runner.bench.bench import Progress
from simx.runner.bench.session import prepared
from tests.cluster.clusters import cluster

LAUNCHES = 3

LAUNCH_SECONDS, SPREAD = 15.0, 0.3
"""In simulated time: the median of a launch, and the standard deviation of its logarithm."""

LOST_AN_HOUR = 0.1
"""Of the nodes."""

REPORT = "SIMX_PRETENDED_REPORT"
"""Variable: the report whose launches nodes of Ray answer with."""


def main() -> None:
    """Measure pretended backbones on pretended nodes, and print what the driver needs."""
    parser = argparse.ArgumentParser(description="How far one driver carries a cluster.")
    parser.add_argument("report", type=Path)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--backbones", type=int, default=10000)
    parser.add_argument("--ray", action="store_true", help="nodes of Ray, in real time")
    options = parser.parse_args()
    report = _first(options.report)
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
        simulated = Simulated(options.nodes, report)
        here: Cluster = simulated
        if options.ray:
            # Under this name, which Ray's workers can import.
            answering = importlib.import_module("benchmarks.scheduling").answer
            held.enter_context(patch.object(connection, "run", answering))
            nodes = held.enter_context(cluster(folder, 0))
            for _ in range(options.nodes):
                nodes.add(cpus=1, memory=2**28, **{REPORT: str(options.report.resolve())})
            here = held.enter_context(connected(nodes.address))
        session = held.enter_context(_session(here, report, options.backbones, folder))
        path = folder / "report.json"
        journal = held.enter_context(Journal.begin(journal_path(path), session.header))
        spent: dict[str, float] = {}
        session.measure(journal, path, lambda _: _stopwatch(spent, journal))
        launches = LAUNCHES * options.backbones
        print(f"{options.nodes} nodes, {options.backbones} backbones, {launches} launches")
        if not options.ray:
            ideal = launches * LAUNCH_SECONDS * math.exp(SPREAD**2 / 2) / options.nodes
            print(f"simulated: {simulated.now:.0f} s; {ideal:.0f} if no node ever waited")
        for name, value in spent.items():
            print(f"{name}: {value:.1f}")
        print(f"report: {path.stat().st_size / 1e6:.0f} MB, peak of memory {_peak():.0f} MiB")


@contextmanager
def _stopwatch(spent: dict[str, float], journal: Journal) -> Iterator[Progress]:
    """Note what the driver spends until everything is measured."""
    clock, processor = time.monotonic(), time.process_time()
    yield lambda *_: None
    spent["seconds of measuring"] = time.monotonic() - clock
    spent["of them the driver computed"] = time.process_time() - processor
    spent["peak of memory, MiB"] = _peak()
    spent["journal, MB"] = journal.path.stat().st_size / 1e6


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@contextmanager
def _session(here: Cluster, report: Report, count: int, folder: Path) -> Iterator[SpreadSession]:
    """Yield a run of so many copies of the report's backbone, all of which are exported."""
    inputs, listener = Inputs(store=str(folder / "store")), ExportListener()
    assert report.config is not None  # noqa: S101 - it was looked at
    with prepared(report.config, inputs, listener) as found:
        (one,) = found.backbones
        copies = [replace(one, model=f"{one.model}_{n}") for n in range(count)]
        look = Look(found.config.backends, found.config.backbones)
        yield _Exported(
            **msgspec.structs.asdict(found) | {"backbones": tuple(copies)},
            nodes=Nodes(here, None, {}, listener, look, is_every=False),
        )


class _Exported(SpreadSession, frozen=True, kw_only=True):
    """A run whose exports are all there."""

    def prepare(self, left: Sequence[Backbone]) -> None:
        """Nothing is lacking."""


def answers_to(task: Task, report: Report) -> Iterator[Answer]:
    """Yield what a node says that has measured what the report has."""
    match task:
        case Look() if report.environment:
            yield Looked(simx.__version__, report.environment, threads=1)
        case Measure(backbone):
            for index in range(LAUNCHES):
                launch = _launch(report, backbone.partition(":")[0], index)
                yield Measured(launch, LAUNCHES, index + 1)


def answer(task: bytes) -> Iterator[bytes]:
    """Do as a node's ``run``."""
    asked = msgspec.msgpack.decode(task, type=Task, dec_hook=lambda kind, value: kind(value))
    for each in answers_to(asked, _first(Path(os.environ[REPORT]))):
        yield msgspec.msgpack.encode(each)


@functools.cache
def _first(path: Path) -> Report:
    """Return a report of the first backbone alone."""
    report = read(path)
    if report.config is None:
        raise SystemExit(f"{path}: is not the report of a run")
    name = report.config.backbones[0]
    model = name.partition(":")[0]
    return replace(
        report,
        config=replace(report.config, backbones=(name,)),
        cells=tuple(each for each in report.cells if each.identity.model == model),
        canary=tuple(each for each in report.canary if each.model == model),
        stops=tuple(each for each in report.stops if each.model == model),
    )


def _launch(report: Report, model: str, index: int) -> FinishedLaunch:
    """Return one launch of a report as one of another model."""

    def one(timings: Sequence[Timing]) -> tuple[Timing, ...]:
        return tuple(
            replace(timing, launches=(replace(timing.launches[0], index=index),))
            for timing in timings
        )

    cells = (each for each in report.cells if isinstance(each, MeasuredCell))
    (stop,) = report.stops
    return FinishedLaunch(
        cells=tuple(
            replace(cell, identity=replace(cell.identity, model=model), timings=one(cell.timings))
            for cell in cells
        ),
        canary=tuple(
            replace(each, model=model, launches=(replace(each.launches[0], index=index),))
            for each in report.canary
        ),
        seconds=LAUNCH_SECONDS,
        stop=replace(stop, model=model) if index == LAUNCHES - 1 else None,
    )


class Simulated(Cluster):
    """Nodes in simulated time, whose tasks take as long as chance says; some are lost."""

    def __init__(self, count: int, report: Report) -> None:
        self.now = 0.0
        self._report = report
        self._chance = random.Random(0)  # noqa: S311 - nothing is kept secret
        self._numbers = itertools.count()
        self._events: list[tuple[float, int, int, Answer | Lost | None]] = []
        self._alive = {
            f"{n:056x}": Node(f"{n:056x}", f"node {n}", cpus=2, gpus=0, memory=2**33)
            for n in range(count)
        }

    def nodes(self) -> dict[str, Node]:
        """Return those that were not lost."""
        return dict(self._alive)

    def start(
        self,
        task: Task,
        *,
        cpus: float = 0,  # noqa: ARG002 - as of every cluster
        gpus: float = 0,  # noqa: ARG002
        memory: int = 0,  # noqa: ARG002
        node: Node | None = None,
    ) -> int:
        """Begin it now on the node, which is free."""
        if node is None:
            raise ValueError(task)
        handle, at = next(self._numbers), self.now
        lost = at + self._chance.expovariate(LOST_AN_HOUR / 3600)
        for each in answers_to(task, self._report):
            if isinstance(each, Measured):
                at += self._chance.lognormvariate(math.log(LAUNCH_SECONDS), SPREAD)
            if at > lost:
                self._alive.pop(node.id, None)
                self._put(lost, handle, Lost("it was taken away", is_gone=True))
                return handle
            self._put(at, handle, each)
        self._put(at, handle, None)
        return handle

    def _put(self, at: float, handle: int, what: Answer | Lost | None) -> None:
        heapq.heappush(self._events, (at, next(self._numbers), handle, what))

    def answers(
        self,
        running: dict[Running, Unit],
        seconds: float | None = None,  # noqa: ARG002 - as of every cluster
    ) -> Iterator[tuple[Unit, Answer | Lost | None] | None]:
        """Yield what comes next."""
        while running:
            self.now, _, handle, what = heapq.heappop(self._events)
            if handle in running:
                is_last = what is None or isinstance(what, Lost)
                yield running.pop(handle) if is_last else running[handle], what

    def cancel(self, task: Running) -> None:
        """Its answers are not looked at any more."""


if __name__ == "__main__":
    main()
