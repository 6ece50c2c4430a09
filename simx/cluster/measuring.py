"""A benchmark on a cluster: each backbone on one node, which measures that and does nothing else.

The driver prepares, keeps the journal and writes the report as in a local run. Each finished launch
that a node sends is on the driver's disk before the next one is taken. A node that is lost costs
the backbone that it was measuring: that begins again elsewhere, as another attempt.
"""

import math
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from simx.cluster.connection import Lost, Node, Running, connected
from simx.cluster.exporting import MOST_TRIES, export_on, lost
from simx.cluster.health import symptoms
from simx.cluster.nodes import Nodes
from simx.cluster.tasks import Answer, Look, Measure, Measured, Noticed, Refused
from simx.common.errors import InputError, SystemFailureError
from simx.exporter.jobs.plan import ExportListener
from simx.models.backbone import Backbone
from simx.results.files.journal import Journal, resume_command
from simx.results.files.journal_lines import (
    FinishedLaunch,
    Header,
    Inputs,
    JournaledBackbone,
    Noted,
)
from simx.results.schema.config import Config
from simx.results.schema.report import Canary, FailedCell, Price, Report
from simx.runner.bench.bench import Progress, finish, published_if_ended
from simx.runner.bench.cells import Workload
from simx.runner.bench.session import (
    Measuring,
    Preparing,
    Session,
    absolute,
    open_backbones,
    prepared,
)
from simx.runner.bench.targets import planned_targets, useful_targets

REFRESH_SECONDS = 5.0
"""Between looks for nodes that have joined."""

PATIENCE_SECONDS = 600.0
"""Without any node, for one to join."""


def prepared_on(
    address: str, kind: str | None, prices: Mapping[str, Price], *, choose_threads: bool
) -> Preparing:
    """Return what prepares the session of a run on the nodes of a cluster.

    It checks the arguments as ``prepared`` does, and then reaches the cluster.

    Args:
        address: of the cluster, as for ``connected``.
        kind: of its nodes, as for ``Nodes``.
        prices: likewise.
        choose_threads: give a backend as many threads as it gets by default on each kind of nodes.
    """

    @contextmanager
    def preparing(config: Config, inputs: Inputs, listener: ExportListener) -> Iterator[Session]:
        with prepared(config, inputs, listener) as here, connected(address) as cluster:
            config = here.config
            look, is_every = Look(config.backends, config.backbones), config.per is not None
            nodes = Nodes(cluster, kind, prices, listener, look, is_every=is_every)
            if choose_threads:
                config = msgspec.structs.replace(config, threads=nodes.kinds[0].threads)
            else:
                nodes.kinds = tuple(
                    msgspec.structs.replace(each, threads=config.threads) for each in nodes.kinds
                )
            # Without the notes on this machine: whether its cores suffice, and what it cannot tell.
            targets, notes = planned_targets(config)
            notes += useful_targets(targets, here.backbones)[1]
            fields = msgspec.structs.asdict(here) | {"config": config, "notes": tuple(notes)}
            yield SpreadSession(**fields, nodes=nodes)

    return preparing


class SpreadSession(Session, frozen=True, kw_only=True):
    """A run on the nodes of a cluster."""

    nodes: Nodes

    @property
    def header(self) -> Header:
        """As of a local run, with the environment of the nodes."""
        header, kinds = super().header, self.nodes.kinds
        is_told = self.config.per is not None or any(kind.price for kind in kinds)
        report = msgspec.structs.replace(
            header.report, environment=kinds[0].environment, kinds=kinds if is_told else ()
        )
        return msgspec.structs.replace(header, report=report)

    def measure(self, journal: Journal, path: Path, measuring: Measuring) -> Report:
        """Do as ``Session.measure``, on the nodes."""
        if any(not launch.node for launch in journal.kept.launches):
            raise InputError("--resume: the run was begun without --on; resume it without, too")
        for note in self.notes:
            self.listener.notice(note)
        if kinds := journal.kept.header.report.kinds:
            self.nodes.measure_on(kinds)
        left = open_backbones(journal, self.backbones)
        plan = msgspec.structs.replace(self.plan, threads=1, checked=True)
        export_on(self.nodes.cluster, left, self.store, plan, self.listener)
        with published_if_ended(journal, path), measuring(left) as progress:
            _Run(self, journal, path, progress).measure(left)
        return finish(journal, path)


class _Work(NamedTuple):
    """A backbone that a kind of nodes measures."""

    backbone: Backbone
    kind: str


class _Unit(msgspec.Struct, frozen=True):
    """An attempt at some work on a node."""

    work: _Work
    node: Node
    attempt: int


class _Run:
    """What waits, what runs, and what is known of the nodes."""

    def __init__(
        self, session: SpreadSession, journal: Journal, path: Path, progress: Progress
    ) -> None:
        self._session = session
        self._nodes = session.nodes
        self._is_per_kind = session.config.per is not None
        self._threads = {kind.name: kind.threads for kind in session.nodes.kinds}
        self._journal = journal
        self._path = path
        self._progress = progress
        # All nodes measure the backbone with the least work: it shows what they differ in.
        self._reference = min(session.backbones, key=lambda each: each.gflops or math.inf)
        self._ended = defaultdict[JournaledBackbone, set[str]](set)
        self._canaries = defaultdict[str, list[Canary]](list)
        self._sick = set(journal.kept.sick_nodes)
        for each in journal.kept.attempts:
            self._remember(each)
        self._attempt = max((each.attempt for each in journal.kept.attempts), default=0)
        self._crashes = Counter[_Work]()
        self._running: dict[Running, _Unit] = {}
        self._waiting: list[_Work] = []
        self._looked = time.monotonic()

    def measure(self, left: Sequence[Backbone]) -> None:
        """Measure all backbones, the reference first.

        Raises:
            SystemFailureError: no node was left for a long time.
        """
        kinds = [kind.name for kind in self._nodes.kinds]
        works = [_Work(backbone, kind) for backbone in left for kind in kinds]
        open_works = [each for each in works if not self._is_finished(each)]
        self._waiting = sorted(open_works, key=lambda each: each.backbone != self._reference)
        seen = time.monotonic()
        while True:
            self._begin()
            for found in self._nodes.cluster.answers(self._running, REFRESH_SECONDS):
                if found is not None:
                    self._take(*found)
                self._begin()
                seen = time.monotonic()
            if not self._waiting:
                break
            if time.monotonic() - seen > PATIENCE_SECONDS:
                lacking = ", ".join(dict.fromkeys(each.kind for each in self._waiting))
                raise SystemFailureError(
                    f"--on: no node is left that can measure ({lacking}); finished launches are "
                    f"kept, go on with '{resume_command(self._path)} --on ADDRESS'"
                )
            time.sleep(1)

    def _begin(self) -> None:
        """Give each node that is free a backbone, the reference before any other."""
        if self._waiting and time.monotonic() - self._looked > REFRESH_SECONDS:
            self._nodes.refresh()
            self._looked = time.monotonic()
        taken = self._sick | {unit.node.id for unit in self._running.values()}
        for node in [each for key, each in self._nodes.usable.items() if key not in taken]:
            kind = self._nodes.kind_of[node.id]
            work = next((each for each in self._waiting if each.kind == kind), None)
            if work is None:
                continue
            reference = _Work(self._reference, kind)
            if node.id not in self._ended[self._name(reference)]:
                work = reference
            if work in self._waiting:
                self._waiting.remove(work)
            self._attempt += 1
            session = self._session
            config = msgspec.structs.replace(session.config, threads=self._threads[kind])
            task = self._nodes.cluster.start(
                Measure(work.backbone.name, config, absolute(session.inputs)),
                cpus=node.cpus,
                gpus=node.gpus,
                node=node,
            )
            self._running[task] = _Unit(work, node, self._attempt)
            self._progress(work.backbone, 0, session.config.pilot)

    def _take(self, unit: _Unit, answer: Answer | Lost | None) -> None:
        match answer:
            case None:
                self._again(unit.work)
            case Lost():
                self._lose(unit, answer)
            case Refused():
                raise answer.error()
            case Noticed(text):
                self._session.listener.notice(text)
            case Measured(FinishedLaunch() as launch, planned, done):
                self._keep(unit, launch)
                if not launch.is_last:
                    self._progress(unit.work.backbone, done, planned)
            case Measured(line):
                self._journal.append(line)

    def _keep(self, unit: _Unit, launch: FinishedLaunch) -> None:
        """Acknowledge a launch: it is on the disk when this returns."""
        launch = msgspec.structs.replace(
            launch.on(unit.work.kind if self._is_per_kind else None),
            node=unit.node.id,
            attempt=unit.attempt,
        )
        self._journal.append(launch)
        self._remember(launch)
        if launch.is_last and unit.work.backbone == self._reference:
            compared = {node: self._canaries[node] for node in self._ended[launch.backbone]}
            for node, reason in symptoms(compared).items():
                self._leave_out(node, reason)

    def _remember(self, launch: FinishedLaunch) -> None:
        if launch.backbone[:2] == (self._reference.model, self._reference.weights):
            self._canaries[launch.node or ""] += launch.canary
        if launch.is_last:
            self._ended[launch.backbone].add(launch.node or "")

    def _leave_out(self, key: str, reason: str) -> None:
        """Use a sick node no more, and measure again what it has measured."""
        self._sick.add(key)
        self._journal.append(Noted(notes=(f"a node was left out: it {reason}",), sick_node=key))
        if key in self._nodes.usable:
            self._nodes.leave_out(self._nodes.usable[key], reason)
        again = []
        for task, unit in list(self._running.items()):
            if unit.node.id == key:
                del self._running[task]
                self._nodes.cluster.cancel(task)
                again.append(unit.work)
        names = {name for name, nodes in self._ended.items() if key in nodes}
        for name in names:
            self._ended[name].discard(key)
        works = (_Work(each, kind) for each in self._session.backbones for kind in self._threads)
        for work in (*again, *(each for each in works if self._name(each) in names)):
            self._again(work)

    def _lose(self, unit: _Unit, gone: Lost) -> None:
        """Let a backbone begin again; on another node, if its own is gone."""
        what = f"was lost while it measured {unit.work.backbone.name}"
        self._session.listener.notice(f"node {unit.node.address} {what}: {gone.reason}")
        self._journal.append(Noted(notes=(f"a node {what}, which began again",)))
        if gone.is_gone:
            self._nodes.usable.pop(unit.node.id, None)
        else:
            self._crashes[unit.work] += 1
        if self._crashes[unit.work] < MOST_TRIES:
            self._again(unit.work)
        else:
            self._keep(unit, self._failed(unit.work.backbone, gone))

    def _again(self, work: _Work) -> None:
        """Let a backbone wait, unless it is finished or another node measures it."""
        elsewhere = {unit.work for unit in self._running.values()}
        if not self._is_finished(work) and work not in {*elsewhere, *self._waiting}:
            self._waiting.insert(0, work)

    def _is_finished(self, work: _Work) -> bool:
        return bool(self._ended[self._name(work)])

    def _name(self, work: _Work) -> JournaledBackbone:
        kind = work.kind if self._is_per_kind else None
        return work.backbone.model, work.backbone.weights, kind

    def _failed(self, backbone: Backbone, gone: Lost) -> FinishedLaunch:
        config = self._session.config
        failure = {each: lost(backbone, each, gone.reason) for each in config.precisions}
        cells = Workload(backbone, failure).cells(self._session.targets, config)
        return FinishedLaunch(cells=tuple(each for each in cells if isinstance(each, FailedCell)))
