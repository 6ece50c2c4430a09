"""Exporting from the parent's side: plan, start one worker per export, publish what it made.

fp32 comes first, and other precisions are made from it. Imports no runtime; a backbone that fails
is a record, and the rest goes on.
"""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Protocol

import msgspec

from simx.common.errors import InputError, SystemFailureError
from simx.exporter.jobs.announcements import announce_downloads, warn_of_random_weights
from simx.exporter.jobs.export_workers import ExportWorkers
from simx.exporter.jobs.memory import memory_for_exports, needed_bytes
from simx.exporter.jobs.memory_scheduler import Job, run_admitted
from simx.exporter.jobs.messages import ExportDone
from simx.exporter.jobs.orders import Order, order_from_fp32, order_from_weights
from simx.exporter.jobs.plan import Exported, ExportListener, ExportPlan, NotExported, Outcome
from simx.exporter.store.entry import Entry
from simx.exporter.store.lookup import find_export
from simx.exporter.store.store import Store
from simx.exporter.store.stored_files import DamagedEntryError
from simx.exporter.weights.cache import pretrained_cached
from simx.exporter.weights.download import Downloads
from simx.exporter.weights.locate import locate, require_file_of
from simx.exporter.weights.request import WeightsRequest
from simx.models.backbone import Backbone, Precision


def export(
    backbones: Sequence[Backbone],
    store: Store,
    plan: ExportPlan,
    listener: ExportListener = ExportListener(),  # noqa: B008 - it has no state
) -> tuple[Outcome, ...]:
    """Export backbones side by side; those the store holds are not exported again.

    Args:
        backbones: what to export.
        store: where to.
        plan: how.
        listener: hears of each export and download.

    Returns:
        One outcome per backbone and precision, in the order of the backbones and of the plan's
        precisions. fp32 that others are only made from is none of them.

    Raises:
        InputError: a weights file that was named is not usable.
        SystemFailureError: the store, or torch's cache, cannot be written or has no room.
    """
    require_fitting(plan.request, backbones)
    store.require_writable()
    if plan.request.kind == "pretrained":
        lacking = [each for each in backbones if _needs_download(each, store, plan)]
        announce_downloads(lacking, listener, offline=plan.offline)
    listener.planned(len(backbones) * len(plan.precisions))
    outcomes: dict[tuple[Backbone, Precision], Outcome] = {}
    for outcome in _outcomes(backbones, store, plan, listener):
        outcomes[outcome.backbone, outcome.precision] = outcome
        if outcome.precision in plan.precisions:
            listener.finished(outcome)
    wanted = tuple(outcomes[pair] for pair in itertools.product(backbones, plan.precisions))
    if plan.request.kind == "auto":
        warn_of_random_weights(wanted, listener)
    return wanted


def require_fitting(request: WeightsRequest, backbones: Sequence[Backbone]) -> None:
    """Refuse, before any work is done, a weights file that cannot be meant.

    Raises:
        InputError: the file is absent, or several backbones are to share it.
    """
    if request.kind != "file":
        return
    if len(backbones) != 1:
        raise InputError(
            f"--weights {request.path}: one file holds the weights of one backbone, "
            f"but {len(backbones)} are selected; name one"
        )
    require_file_of(request)


class _ElsewhereError(Exception):
    """Another process is making this export just now."""


class _Settle(Protocol):
    """Finds an export, or makes it.

    Raises:
        _ElsewhereError: another process makes it, and is not to be waited for.
    """

    def __call__(self, *, wait: bool) -> Outcome: ...


class _Task(msgspec.Struct, frozen=True):
    """An export that is still to be settled."""

    backbone: Backbone
    precision: Precision
    settle: _Settle


def _outcomes(
    backbones: Sequence[Backbone], store: Store, plan: ExportPlan, listener: ExportListener
) -> Iterator[Outcome]:
    """Yield each export as soon as it is known, fp32 first, and in any case."""
    with closing(ExportWorkers()) as workers:
        exporter = _Exporter(store, plan, listener, workers)
        full = []
        for outcome in exporter.settled(exporter.tasks_in_fp32(backbones)):
            full.append(outcome)
            yield outcome
    # Without the server that has torch: only an fp32 export that is damaged needs it again.
    with closing(ExportWorkers()) as workers:
        exporter = _Exporter(store, plan, listener, workers)
        yield from exporter.settled(exporter.tasks_from(full))


class _Exporter:
    """Settles exports: finds them in the store, or has them made and publishes them."""

    def __init__(
        self, store: Store, plan: ExportPlan, listener: ExportListener, workers: ExportWorkers
    ) -> None:
        self._store = store
        self._plan = plan
        self._listener = listener
        self._workers = workers
        self._downloads = Downloads(
            mirror=plan.mirror,
            offline=plan.offline,
            progress=listener.downloading,
            arrived=listener.downloaded,
            notice=listener.notice,
        )

    def tasks_in_fp32(self, backbones: Sequence[Backbone]) -> list[_Task]:
        """Return the fp32 exports of backbones."""
        return [_Task(each, "fp32", partial(self._in_fp32, each)) for each in backbones]

    def tasks_from(self, full: Sequence[Outcome]) -> list[_Task]:
        """Return the exports in the plan's other precisions, given those in fp32."""
        return [
            _Task(each.backbone, precision, partial(self._converted, each, precision))
            for each in full
            for precision in self._plan.precisions
            if precision != "fp32"
        ]

    def settled(self, tasks: Sequence[_Task]) -> Iterator[Outcome]:
        """Settle tasks side by side, and at the end those that other processes work on."""
        elsewhere: list[_Task] = []
        for result in self._admitted(tasks, wait=False):
            if isinstance(result, _Task):
                elsewhere.append(result)
            else:
                yield result
        if elsewhere:
            self._listener.waiting(list(dict.fromkeys(task.backbone for task in elsewhere)))
        for result in self._admitted(elsewhere, wait=True):
            if not isinstance(result, _Task):
                yield result

    def _admitted(self, tasks: Sequence[_Task], *, wait: bool) -> Iterator[Outcome | _Task]:
        """Yield outcomes, and the tasks that other processes work on."""

        def result_of(task: _Task) -> Outcome | _Task:
            try:
                return task.settle(wait=wait)
            except _ElsewhereError:
                return task

        def job(task: _Task) -> Job[Outcome | _Task]:
            needs = needed_bytes(task.backbone, self._store, task.precision)
            return Job(partial(result_of, task), needs, partial(self._started, task))

        return run_admitted(
            [job(task) for task in tasks],
            side_by_side=self._plan.jobs,
            memory_bytes=memory_for_exports(),
            on_abandon=self._workers.close,
        )

    def _started(self, task: _Task) -> None:
        if task.precision in self._plan.precisions:
            self._listener.started(task.backbone, task.precision)

    def _in_fp32(self, backbone: Backbone, *, wait: bool) -> Outcome:
        held = _held(backbone, self._store, self._plan)
        if held is not None:
            return Exported(backbone, held, fresh=False)
        request, embedding = self._plan.request, self._plan.embedding
        try:
            source = locate(backbone, request, downloads=self._downloads, seed=self._plan.seed)
        except InputError as error:
            if request.kind == "file":
                raise
            return _failed(backbone, "fp32", "weights", str(error))
        return self._found_or_made(order_from_weights(backbone, embedding, source), wait=wait)

    def _converted(self, full: Outcome, precision: Precision, *, wait: bool) -> Outcome:
        """Return an export in another precision; without one in fp32 there is none.

        A damaged fp32 export is made again.
        """
        if isinstance(full, NotExported):
            return msgspec.structs.replace(full, precision=precision)
        try:
            return self._found_or_made(order_from_fp32(full, precision), wait=wait)
        except DamagedEntryError:
            self._store.discard(full.entry)
        again = self._in_fp32(full.backbone, wait=True)
        if isinstance(again, NotExported):
            return msgspec.structs.replace(again, precision=precision)
        try:
            return self._found_or_made(order_from_fp32(again, precision), wait=True)
        except DamagedEntryError:
            reason = "its fp32 export is damaged, though it was just made again: see to the disk"
            return _failed(full.backbone, precision, "source", reason)

    def _found_or_made(self, order: Order, *, wait: bool) -> Outcome:
        """Return the store's export, or make it.

        Raises:
            DamagedEntryError: the fp32 export that it is made from is damaged.
            _ElsewhereError: another process makes it, and is not to be waited for.
        """
        if present := self._present(order):
            return present
        with self._store.exporting(order.identity, order.key, wait=wait) as is_ours:
            # Another process may just have published it.
            if present := self._present(order):
                return present
            if not is_ours:
                raise _ElsewhereError
            if order.full is not None:
                order.full.verify()
            with self._store.workspace() as workspace:
                return self._made(order, workspace)

    def _present(self, order: Order) -> Exported | None:
        found = self._store.entry_at(order.identity, order.key)
        if found is None or not found.is_complete():
            return None
        return Exported(order.backbone, found, fresh=False)

    def _made(self, order: Order, workspace: Path) -> Outcome:
        """Have an export made, and publish it.

        Raises:
            InputError: the weights file that was named is not usable.
            SystemFailureError: the store cannot be written.
        """
        folder, state_path = workspace / "entry", workspace / "weights.safetensors"
        with self._store.written():
            folder.mkdir()
        threads = max(1, self._plan.threads // self._plan.jobs)
        reply = self._workers.run(order.request(folder, state_path, threads))
        if isinstance(reply, ExportDone):
            weights_path = order.full.weights_path if order.full else state_path
            entry = self._store.publish(folder, weights_path, order.manifest(reply), order.key)
            return Exported(order.backbone, entry, fresh=True)
        if reply.blame == "input" and order.is_from_a_file:
            raise InputError(reply.reason)
        if reply.blame == "system":
            raise SystemFailureError(
                f"store {self._store.root}: exporting {order.backbone.name} failed at "
                f"{reply.stage} ({reply.reason}); free some space, or choose another store with "
                "--store or SIMX_STORE"
            )
        return reply


def _failed(backbone: Backbone, precision: Precision, stage: str, reason: str) -> NotExported:
    return NotExported(backbone=backbone, precision=precision, stage=stage, reason=reason)


def _needs_download(backbone: Backbone, store: Store, plan: ExportPlan) -> bool:
    """Whether an export from pretrained weights would download a checkpoint first."""
    return pretrained_cached(backbone) is None and _held(backbone, store, plan) is None


def _held(backbone: Backbone, store: Store, plan: ExportPlan) -> Entry | None:
    """Return an export that need not be the one that would be made here, if there is one.

    Pretrained weights that were exported can be used although their checkpoint is gone; and other
    precisions are made from the fp32 export that the store has.
    """
    downloads = plan.request.kind in {"auto", "pretrained"}
    is_last = downloads and pretrained_cached(backbone) is None
    if not is_last and "fp32" in plan.precisions:
        return None
    held = find_export(store, backbone, plan.embedding, plan.request, seed=plan.seed)
    return held if held is not None and held.is_complete() else None
