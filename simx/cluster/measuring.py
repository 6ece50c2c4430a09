"""A benchmark on a cluster: each backbone on one node, which measures that and does nothing else.

The driver prepares, keeps the journal and writes the report as in a local run. Each finished launch
that a node sends is on the driver's disk before the next one is taken. A node that is lost costs
the backbone that it was measuring: that begins again elsewhere, as another attempt.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from simx.cluster.connection import Lost, Node, connected
from simx.cluster.exporting import export_on
from simx.cluster.health import Quartiles, quartiles, symptoms
from simx.cluster.nodes import Nodes
from simx.cluster.spreading import Spread
from simx.cluster.tasks import Look, Measure, Measured
from simx.common.errors import InputError
from simx.exporter.jobs.plan import ExportListener, NotExported
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

    def prepare(self, left: Sequence[Backbone]) -> None:
        """Say the notes, and export on the nodes what the store lacks of these backbones."""
        for note in self.notes:
            self.listener.notice(note)
        plan = msgspec.structs.replace(self.plan, threads=1, checked=True)
        export_on(self.nodes.cluster, left, self.store, plan, self.listener)

    def measure(self, journal: Journal, path: Path, measuring: Measuring) -> Report:
        """Do as ``Session.measure``, on the nodes."""
        if any(not launch.node for launch in journal.kept.launches):
            raise InputError("--resume: the run was begun without --on; resume it without, too")
        if kinds := journal.kept.header.report.kinds:
            self.nodes.measure_on(kinds)
        left = open_backbones(journal, self.backbones)
        self.prepare(left)
        with published_if_ended(journal, path), measuring(left) as progress:
            _Run(self, journal, path, progress).measure(left)
        return finish(journal, path)


class _Work(NamedTuple):
    """A backbone that a kind of nodes measures."""

    backbone: Backbone
    kind: str


class _Run(Spread[_Work]):
    """What waits, what runs, and what is known of the nodes."""

    def __init__(
        self, session: SpreadSession, journal: Journal, path: Path, progress: Progress
    ) -> None:
        super().__init__(
            session.nodes,
            (),
            self._started,
            lambda work: f"it measured {work.backbone.name}",
            f"finished launches are kept, go on with '{resume_command(path)} --on ADDRESS'",
            session.listener,
        )
        self._session = session
        self._is_per_kind = session.config.per is not None
        self._threads = {kind.name: kind.threads for kind in session.nodes.kinds}
        self._journal = journal
        self._progress = progress
        # All nodes measure the backbone with the least work: it shows what they differ in.
        self._reference = min(session.backbones, key=lambda each: each.gflops or math.inf)
        self._ended = defaultdict[JournaledBackbone, set[str]](set)
        self._canaries = defaultdict[str, list[Canary]](list)
        self._quartiles: dict[str, Quartiles] = {}
        self._sick = set(journal.kept.sick_nodes)
        for each in journal.kept.attempts:
            self._remember(each)
        self._attempt = max((each.attempt for each in journal.kept.attempts), default=0)
        self._attempts: dict[str, int] = {}

    def measure(self, left: Sequence[Backbone]) -> None:
        """Measure all backbones, the reference first.

        Raises:
            SystemFailureError: no node was left for a long time.
        """
        kinds = [kind.name for kind in self._nodes.kinds]
        works = [_Work(backbone, kind) for backbone in left for kind in kinds]
        open_works = [each for each in works if not self._is_finished(each)]
        self._waiting = sorted(open_works, key=lambda each: each.backbone != self._reference)
        with closing(self.answers()) as answers:
            for work, node, answer in answers:
                match answer:
                    case None:
                        self._wait_again(work)
                    case Lost(reason):
                        self._keep(work, node, self._failed(work.backbone, reason))
                    case Measured(FinishedLaunch() as launch, planned, done):
                        self._keep(work, node, launch)
                        if not launch.is_last:
                            self._progress(work.backbone, done, planned)
                    case Measured(line):
                        self._journal.append(line)

    def _next_for(self, node: Node) -> _Work | None:
        """Return a backbone for a node of its kind, the reference before any other."""
        kind = self._nodes.kind_of[node.id]
        work = next((each for each in self._waiting if each.kind == kind), None)
        if work is None or node.id in self._sick:
            return None
        reference = _Work(self._reference, kind)
        if node.id not in self._ended[self._name(reference)]:
            work = reference
        if work in self._waiting:
            self._waiting.remove(work)
        return work

    def _started(self, work: _Work, node: Node) -> Measure:
        """Count an attempt of a backbone on a node, and return what is to be done."""
        self._attempt += 1
        self._attempts[node.id] = self._attempt
        session = self._session
        self._progress(work.backbone, 0, session.config.pilot)
        config = msgspec.structs.replace(session.config, threads=self._threads[work.kind])
        return Measure(work.backbone.name, config, absolute(session.inputs))

    def _keep(self, work: _Work, node: Node, launch: FinishedLaunch) -> None:
        """Acknowledge a launch: it is on the disk when this returns."""
        launch = msgspec.structs.replace(
            launch.on(work.kind if self._is_per_kind else None),
            node=node.id,
            attempt=self._attempts[node.id],
        )
        self._journal.append(launch)
        self._remember(launch)
        if launch.is_last and work.backbone == self._reference:
            compared = {node: self._quartiles[node] for node in self._ended[launch.backbone]}
            for key, reason in symptoms(compared).items():
                self._leave_out(key, reason)

    def _remember(self, launch: FinishedLaunch) -> None:
        node = launch.node or ""
        if launch.backbone[:2] == (self._reference.model, self._reference.weights):
            self._canaries[node] += launch.canary
            if launch.is_last:
                self._quartiles[node] = quartiles(self._canaries.pop(node))
        if launch.is_last:
            self._ended[launch.backbone].add(node)

    def _leave_out(self, key: str, reason: str) -> None:
        """Use a sick node no more, and measure again what it has measured."""
        self._sick.add(key)
        self._journal.append(Noted(notes=(f"a node was left out: it {reason}",), sick_node=key))
        if key in self._nodes.usable:
            self._nodes.leave_out(self._nodes.usable[key], reason)
        again = []
        for task, (work, node) in list(self._running.items()):
            if node.id == key:
                del self._running[task]
                self._nodes.cluster.cancel(task)
                again.append(work)
        names = {name for name, nodes in self._ended.items() if key in nodes}
        for name in names:
            self._ended[name].discard(key)
        works = (_Work(each, kind) for each in self._session.backbones for kind in self._threads)
        for work in (*again, *(each for each in works if self._name(each) in names)):
            self._wait_again(work)

    def _begins_again(self, unit: _Work, node: Node, gone: Lost) -> bool:
        """Do as every spread, and tell the report of it."""
        note = f"a node was lost while {self._doing(unit)}, which began again"
        self._journal.append(Noted(notes=(note,)))
        return super()._begins_again(unit, node, gone)

    def _wait_again(self, unit: _Work) -> None:
        """Let a backbone wait, unless it is finished or another node measures it."""
        elsewhere = {work for work, _ in self._running.values()}
        if not self._is_finished(unit) and unit not in {*elsewhere, *self._waiting}:
            super()._wait_again(unit)

    def _is_finished(self, work: _Work) -> bool:
        return bool(self._ended[self._name(work)])

    def _name(self, work: _Work) -> JournaledBackbone:
        kind = work.kind if self._is_per_kind else None
        return work.backbone.model, work.backbone.weights, kind

    def _failed(self, backbone: Backbone, reason: str) -> FinishedLaunch:
        config, failed = self._session.config, partial(NotExported, backbone=backbone)
        failure = {
            each: failed(precision=each, stage="node", reason=reason) for each in config.precisions
        }
        cells = Workload(backbone, failure).cells(self._session.targets, config)
        return FinishedLaunch(cells=tuple(each for each in cells if isinstance(each, FailedCell)))
