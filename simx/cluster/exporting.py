"""Exports on a cluster: one task for each network, where there is the memory that it needs.

Each task is a usual export into the store, which the nodes share: an entry appears there at once,
whoever is first.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path

import msgspec

from simx.cluster.connection import Cluster, Lost, Running, connected
from simx.cluster.tasks import Answer, Export, Made, Noticed, Refused
from simx.common import grouped
from simx.common.errors import InputError, ProviderUnavailableError
from simx.exporter.jobs.ensure import Exporting
from simx.exporter.jobs.export import export
from simx.exporter.jobs.memory import needed_bytes
from simx.exporter.jobs.plan import (
    Exported,
    ExportListener,
    ExportPlan,
    NotExported,
    Outcome,
    network_of,
)
from simx.exporter.jobs.preparation import require_fitting, warn_of_random_weights
from simx.exporter.store.store import Store
from simx.models.backbone import Backbone, Precision

MOST_TRIES = 5
"""Of a task whose node or process is lost: it may be the task that takes them down."""


@contextmanager
def exporting(address: str | None) -> Iterator[Exporting]:
    """Yield what exports: on the cluster at an address, or here without one.

    Raises:
        InputError: as for ``connected``.
        ProviderUnavailableError: likewise.
    """
    if address is None:
        yield export
        return
    with connected(address) as cluster:
        yield partial(export_on, cluster)


class _Group(msgspec.Struct, frozen=True):
    """Backbones of one network, which one task exports, and how often it was tried before."""

    backbones: tuple[Backbone, ...]
    tries: int = 0


def export_on(
    cluster: Cluster,
    backbones: Sequence[Backbone],
    store: Store,
    plan: ExportPlan,
    listener: ExportListener,
) -> tuple[Outcome, ...]:
    """Export as ``export`` does, on the nodes of a cluster; each export has the plan's threads.

    A task begins where there is the memory that it needs; one that needs more than any node has is
    tried where it is alone.
    """
    require_fitting(plan.request, backbones)
    # A node has a working folder of its own.
    path = plan.request.path and plan.request.path.absolute()
    plan = msgspec.structs.replace(plan, jobs=1, request=replace(plan.request, path=path))
    return _Exports(cluster, store, plan, listener).of(backbones)


class _Exports:
    """The exports of one call, and their outcomes."""

    def __init__(
        self, cluster: Cluster, store: Store, plan: ExportPlan, listener: ExportListener
    ) -> None:
        self._cluster = cluster
        self._nodes = cluster.nodes().values()
        self._store = store
        self._plan = plan
        self._listener = listener
        self._running: dict[Running, _Group] = {}
        self._outcomes: dict[tuple[Backbone, Precision], Outcome] = {}
        if not self._nodes:
            raise ProviderUnavailableError("--on: the cluster has no processors for tasks")

    def of(self, backbones: Sequence[Backbone]) -> tuple[Outcome, ...]:
        """Export backbones, those with the largest need first."""
        wanted = list(product(backbones, self._plan.precisions))
        self._listener.planned(len(wanted))
        networks = grouped(backbones, lambda each: network_of(each) or each.name).values()
        for group in sorted((_Group(tuple(of)) for of in networks), key=self._need, reverse=True):
            self._start(group)
        for found in self._cluster.answers(self._running):
            if found is not None:
                self._take(*found)
        outcomes = tuple(self._outcomes[each] for each in wanted)
        if self._plan.request.kind == "auto":
            warn_of_random_weights(outcomes, self._listener, only_fresh=self._plan.checked)
        return outcomes

    def _need(self, group: _Group) -> int:
        pairs = product(group.backbones, self._plan.precisions)
        return max(needed_bytes(backbone, self._store, precision) for backbone, precision in pairs)

    def _start(self, group: _Group) -> None:
        for backbone, precision in product(group.backbones, self._plan.precisions):
            self._listener.started(backbone, precision)
        task = self._cluster.start(
            Export(group.backbones, self._store.name, self._plan),
            cpus=min(self._plan.threads, *(node.cpus for node in self._nodes)),
            memory=min(self._need(group), max(node.memory for node in self._nodes)),
        )
        self._running[task] = group

    def _take(self, group: _Group, answer: Answer | Lost | None) -> None:
        match answer:
            case Noticed(text):
                self._listener.notice(text)
            case Refused():
                raise answer.error()
            case Made():
                self._settle(_exported(answer, self._store))
            case NotExported():
                self._settle(answer)
            case Lost() if group.tries + 1 < MOST_TRIES:
                self._start(msgspec.structs.replace(group, tries=group.tries + 1))
            case Lost() as gone:
                failed = partial(NotExported, stage="node", reason=given_up(gone))
                for backbone, precision in product(group.backbones, self._plan.precisions):
                    self._settle(failed(backbone=backbone, precision=precision))

    def _settle(self, outcome: Outcome) -> None:
        # A task that was lost after an answer says it again.
        key = outcome.backbone, outcome.precision
        if self._outcomes.setdefault(key, outcome) is outcome:
            self._listener.finished(outcome)


def given_up(gone: Lost) -> str:
    """Return why what was tried often enough has failed."""
    return f"its node or process was lost {MOST_TRIES} times: {gone.reason}"


def _exported(made: Made, store: Store) -> Exported:
    # A local copy of what is behind a URL lies elsewhere on a node.
    entry = store.entry_in(store.root.joinpath("exports", *Path(made.folder).parts[-3:]))
    if entry is None:
        raise InputError(
            f"store {store.root}: a node has an export of {made.backbone.name} there that is not "
            "here; choose a --store that all nodes share, by the same path"
        )
    return Exported(made.backbone, entry, made.fresh)
