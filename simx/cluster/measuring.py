"""A benchmark on a cluster: each backbone on one node, which measures that and does nothing else.

The driver prepares, keeps the journal and writes the report as in a local run. Each finished launch
that a node sends is on the driver's disk before the next one is taken. A node that is lost costs
the backbone that it was measuring: that begins again elsewhere, as another attempt.
"""

import math
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from simx.cluster.connection import Lost, Node, Running, connected
from simx.cluster.exporting import MOST_TRIES, export_on, lost
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
from simx.results.schema.report import FailedCell, Report
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

_REFRESH_SECONDS = 5.0
"""Between looks for nodes that have joined."""

_PATIENCE_SECONDS = 600.0
"""Without any node, for one to join."""


def prepared_on(address: str, kind: str | None, *, choose_threads: bool) -> Preparing:
    """Return what prepares the session of a run on the nodes of a cluster.

    It checks the arguments as ``prepared`` does, and then reaches the cluster.

    Args:
        address: of the cluster, as for ``connected``.
        kind: of its nodes, as for ``Nodes``.
        choose_threads: give a backend as many threads as it gets by default on the nodes.
    """

    @contextmanager
    def preparing(config: Config, inputs: Inputs, listener: ExportListener) -> Iterator[Session]:
        with prepared(config, inputs, listener) as here, connected(address) as cluster:
            config = here.config
            nodes = Nodes(cluster, kind, listener, Look(config.backends, config.backbones))
            if choose_threads:
                config = msgspec.structs.replace(config, threads=nodes.threads)
            # Without the notes on this machine: whether its cores suffice, and what it cannot tell.
            targets, notes = planned_targets(config)
            notes += useful_targets(targets, here.backbones)[1]
            fields = msgspec.structs.asdict(here) | {"config": config, "notes": tuple(notes)}
            yield _SpreadSession(**fields, nodes=nodes)

    return preparing


class _SpreadSession(Session, frozen=True, kw_only=True):
    """A run on the nodes of a cluster."""

    nodes: Nodes

    @property
    def header(self) -> Header:
        """As of a local run, with the environment of the nodes."""
        header = super().header
        report = msgspec.structs.replace(header.report, environment=self.nodes.environment)
        return msgspec.structs.replace(header, report=report)

    def measure(self, journal: Journal, path: Path, measuring: Measuring) -> Report:
        """Do as ``Session.measure``, on the nodes."""
        if any(not launch.node for launch in journal.kept.launches):
            raise InputError("--resume: the run was begun without --on; resume it without, too")
        for note in self.notes:
            self.listener.notice(note)
        left = open_backbones(journal, self.backbones)
        plan = msgspec.structs.replace(self.plan, threads=1, checked=True)
        export_on(self.nodes.cluster, left, self.store, plan, self.listener)
        with published_if_ended(journal, path), measuring(left) as progress:
            _Run(self, journal, path, progress).measure(left)
        return finish(journal, path)


class _Unit(msgspec.Struct, frozen=True):
    """An attempt at a backbone on a node."""

    backbone: Backbone
    node: Node
    attempt: int


class _Run:
    """What waits, what runs, and what is known of the nodes."""

    def __init__(
        self, session: _SpreadSession, journal: Journal, path: Path, progress: Progress
    ) -> None:
        self._session = session
        self._nodes = session.nodes
        self._journal = journal
        self._path = path
        self._progress = progress
        # All nodes measure the backbone with the least work: it shows what they differ in.
        self._reference = min(session.backbones, key=lambda each: each.gflops or math.inf)
        kept = [each for each in journal.kept.attempts if each.is_last]
        self._compared = {each.node for each in kept if each.backbone == _name(self._reference)}
        self._finished = {each.backbone for each in kept}
        self._attempt = max((each.attempt for each in journal.kept.attempts), default=0)
        self._crashes = Counter[Backbone]()
        self._running: dict[Running, _Unit] = {}
        self._waiting: list[Backbone] = []
        self._looked = time.monotonic()

    def measure(self, left: Sequence[Backbone]) -> None:
        """Measure all backbones, the reference first.

        Raises:
            SystemFailureError: no node was left for a long time.
        """
        self._waiting = sorted(left, key=lambda each: each != self._reference)
        seen = time.monotonic()
        while True:
            self._begin()
            for found in self._nodes.cluster.answers(self._running, _REFRESH_SECONDS):
                if found is not None:
                    self._take(*found)
                self._begin()
                seen = time.monotonic()
            if not self._waiting:
                break
            if time.monotonic() - seen > _PATIENCE_SECONDS:
                raise SystemFailureError(
                    "--on: no node is left that can measure; finished launches are kept, go on "
                    f"with '{resume_command(self._path)} --on ADDRESS'"
                )
            time.sleep(1)

    def _begin(self) -> None:
        """Give each node that is free a backbone, the reference before any other."""
        if self._waiting and time.monotonic() - self._looked > _REFRESH_SECONDS:
            self._nodes.refresh()
            self._looked = time.monotonic()
        busy = {unit.node.id for unit in self._running.values()}
        for node in [each for key, each in self._nodes.usable.items() if key not in busy]:
            if not self._waiting:
                return
            is_new = node.id not in self._compared
            backbone = self._reference if is_new else self._waiting[0]
            if backbone in self._waiting:
                self._waiting.remove(backbone)
            self._attempt += 1
            session = self._session
            task = self._nodes.cluster.start(
                Measure(backbone.name, session.config, absolute(session.inputs)),
                cpus=node.cpus,
                gpus=node.gpus,
                node=node,
            )
            self._running[task] = _Unit(backbone, node, self._attempt)
            self._progress(backbone, 0, session.config.pilot)

    def _take(self, unit: _Unit, answer: Answer | Lost | None) -> None:
        match answer:
            case None:
                self._again(unit.backbone)
            case Lost():
                self._lose(unit, answer)
            case Refused():
                raise answer.error()
            case Noticed(text):
                self._session.listener.notice(text)
            case Measured(FinishedLaunch() as launch, planned, done):
                self._keep(unit, launch)
                if not launch.is_last:
                    self._progress(unit.backbone, done, planned)
            case Measured(line):
                self._journal.append(line)

    def _keep(self, unit: _Unit, launch: FinishedLaunch) -> None:
        """Acknowledge a launch: it is on the disk when this returns."""
        launch = msgspec.structs.replace(launch, node=unit.node.id, attempt=unit.attempt)
        self._journal.append(launch)
        if launch.is_last:
            self._finished.add(launch.backbone)
            if unit.backbone == self._reference:
                self._compared.add(unit.node.id)

    def _lose(self, unit: _Unit, gone: Lost) -> None:
        """Let a backbone begin again; on another node, if its own is gone."""
        what = f"was lost while it measured {unit.backbone.name}"
        self._session.listener.notice(f"node {unit.node.address} {what}: {gone.reason}")
        self._journal.append(Noted(notes=(f"a node {what}, which began again",)))
        if gone.is_gone:
            self._nodes.usable.pop(unit.node.id, None)
        else:
            self._crashes[unit.backbone] += 1
        if self._crashes[unit.backbone] < MOST_TRIES:
            self._again(unit.backbone)
        else:
            self._keep(unit, self._failed(unit.backbone, gone))

    def _again(self, backbone: Backbone) -> None:
        """Let a backbone wait, unless it is finished or another node measures it."""
        elsewhere = {unit.backbone for unit in self._running.values()}
        if _name(backbone) not in self._finished and backbone not in {*elsewhere, *self._waiting}:
            self._waiting.insert(0, backbone)

    def _failed(self, backbone: Backbone, gone: Lost) -> FinishedLaunch:
        config = self._session.config
        failure = {each: lost(backbone, each, gone.reason) for each in config.precisions}
        cells = Workload(backbone, failure).cells(self._session.targets, config)
        return FinishedLaunch(cells=tuple(each for each in cells if isinstance(each, FailedCell)))


def _name(backbone: Backbone) -> JournaledBackbone:
    return backbone.model, backbone.weights
