"""Exports backbones: plans them, starts one worker per export, publishes what it made.

Runs in the parent and imports no runtime. A backbone that fails becomes a record; the rest goes on.
"""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from simx.common.errors import InputError, SystemFailureError
from simx.common.input_files import shown
from simx.common.safe_text import counted
from simx.exporter.jobs.export_workers import ExportWorkers
from simx.exporter.jobs.memory import memory_for_exports, needed_bytes, run_admitted
from simx.exporter.jobs.orders import (
    ExportDone,
    ExportRequest,
    Order,
    order_from_fp32,
    order_from_weights,
)
from simx.exporter.jobs.plan import Exported, ExportListener, ExportPlan, NotExported, Outcome
from simx.exporter.store.cache_key import library_versions
from simx.exporter.store.entry import Entry
from simx.exporter.store.lookup import find_export
from simx.exporter.store.store import Store
from simx.exporter.store.stored_files import DamagedEntryError
from simx.exporter.weights.cache import checkpoints_folder, pretrained_cached
from simx.exporter.weights.disk_space import require_room, size_of
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
    """Export backbones side by side; those that the store holds are not exported again.

    Args:
        backbones: what to export.
        store: where the exports go.
        plan: how to export.
        listener: hears of each export and download.

    Returns:
        One outcome per backbone and precision, in the order of the backbones and of the plan's
        precisions. An fp32 export that only serves to make others is not among them.

    Raises:
        InputError: a weights file that was named is not usable.
        SystemFailureError: the store, or torch's cache, cannot be written or has no room.
    """
    require_fitting(plan.request, backbones)
    _require_timm(backbones, store, plan)
    store.require_writable()
    if plan.request.kind == "pretrained":
        lacking = [
            each
            for each in backbones
            if each.file is None
            and pretrained_cached(each) is None
            and _held(each, store, plan) is None
        ]
        _announce_downloads(lacking, listener, offline=plan.offline)
    listener.planned(len(backbones) * len(plan.precisions))
    outcomes: dict[tuple[Backbone, Precision], Outcome] = {}
    for outcome in _outcomes(backbones, store, plan, listener):
        outcomes[outcome.backbone, outcome.precision] = outcome
        if outcome.precision in plan.precisions:
            listener.finished(outcome)
    wanted = tuple(outcomes[pair] for pair in itertools.product(backbones, plan.precisions))
    if plan.request.kind == "auto":
        _warn_of_random_weights(wanted, listener)
    return wanted


def require_fitting(request: WeightsRequest, backbones: Sequence[Backbone]) -> None:
    """Refuse an unusable weights file before any work is done.

    Raises:
        InputError: the file is absent, or several backbones are to share it.
    """
    if request.kind != "file":
        return
    count = sum(each.file is None for each in backbones)
    if count != 1:
        raise InputError(
            f"--weights {request.path}: one file holds the weights of one backbone, "
            f"but {count} are selected; name one"
        )
    require_file_of(request)


def _require_timm(backbones: Sequence[Backbone], store: Store, plan: ExportPlan) -> None:
    """Refuse to begin without timm, if one of its backbones is not in the store.

    Raises:
        InputError: it is not installed.
    """
    is_here = "timm" in library_versions()
    for each in () if is_here else backbones:
        held = find_export(store, each, plan.embedding, plan.request, seed=plan.seed)
        if each.source == "timm" and held is None:
            raise InputError(
                f"{each.name} is of timm, which is not installed; pip install 'simx-bench[timm]'"
            )


def _announce_downloads(
    lacking: Sequence[Backbone], listener: ExportListener, *, offline: bool
) -> None:
    """Announce which checkpoints will be downloaded, before the first byte.

    Raises:
        SystemFailureError: there is no room for them.
    """
    if not lacking:
        return
    folder = shown(checkpoints_folder())
    checkpoints = f"{counted(len(lacking), 'checkpoint')} {'is' if len(lacking) == 1 else 'are'}"
    if offline:
        listener.notice(
            f"offline: {checkpoints} not here, and nothing is downloaded; "
            f"what is in {folder} and in the store is used"
        )
        return
    needed, free = require_room(lacking)
    listener.downloads(lacking)
    listener.notice(
        f"{checkpoints} to be downloaded, {size_of(needed)} in all, into {folder} "
        f"({size_of(free)} free there)"
    )


def _warn_of_random_weights(outcomes: Sequence[Outcome], listener: ExportListener) -> None:
    """Count the backbones with random weights: they must never pass for trained ones."""
    exported = [each for each in outcomes if isinstance(each, Exported)]
    random = {
        each.backbone
        for each in exported
        if each.entry.manifest.identity.weights_origin == "random"
    }
    if random:
        count = f"{counted(len(random), 'backbone')} {'has' if len(random) == 1 else 'have'}"
        listener.notice(
            f"{count} random weights, because no pretrained ones are here: latencies hold, "
            "similarities mean nothing; --weights pretrained downloads them"
        )


class _Task(msgspec.Struct, frozen=True):
    """An export to find or make; ``full`` is the fp32 outcome that another precision needs."""

    backbone: Backbone
    precision: Precision
    full: Outcome | None = None


def _outcomes(
    backbones: Sequence[Backbone], store: Store, plan: ExportPlan, listener: ExportListener
) -> Iterator[Outcome]:
    """Yield each export as soon as it is known; fp32 first, even if the plan does not name it."""

    def settled(tasks: Sequence[_Task]) -> Iterator[Outcome]:
        with closing(ExportWorkers()) as workers:
            yield from _Exporter(store, plan, listener, workers).settled(tasks)

    full = []
    for outcome in settled([_Task(each, "fp32") for each in backbones]):
        full.append(outcome)
        yield outcome
    # Without the server that has torch: only a damaged fp32 export needs it again.
    pairs = itertools.product(full, (each for each in plan.precisions if each != "fp32"))
    yield from settled([_Task(each.backbone, other, each) for each, other in pairs])


class _Exporter:
    """Finds exports in the store, or has them made and publishes them."""

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

    def settled(self, tasks: Sequence[_Task]) -> Iterator[Outcome]:
        """Yield the outcomes of tasks; those that other processes work on come last."""
        elsewhere: list[_Task] = []
        yield from self._side_by_side(tasks, elsewhere)
        if elsewhere:
            self._listener.waiting(list(dict.fromkeys(task.backbone for task in elsewhere)))
            yield from self._side_by_side(elsewhere)

    def _side_by_side(
        self, tasks: Sequence[_Task], elsewhere: list[_Task] | None = None
    ) -> Iterator[Outcome]:
        """Put the tasks that other processes work on into ``elsewhere``; without it, wait."""

        def settle(task: _Task) -> Outcome | None:
            wait = elsewhere is None
            if task.full is None:
                outcome = self._in_fp32(task.backbone, wait=wait)
            else:
                outcome = self._converted(task.full, task.precision, wait=wait)
            if outcome is None and elsewhere is not None:
                elsewhere.append(task)
            return outcome

        def started(task: _Task) -> None:
            if task.precision in self._plan.precisions:
                self._listener.started(task.backbone, task.precision)

        outcomes = run_admitted(
            tasks,
            settle,
            lambda task: needed_bytes(task.backbone, self._store, task.precision),
            side_by_side=self._plan.jobs,
            memory_bytes=memory_for_exports(),
            on_start=started,
            on_abandon=self._workers.close,
        )
        return filter(None, outcomes)

    def _in_fp32(self, backbone: Backbone, *, wait: bool) -> Outcome | None:
        """Find or make an export; None if another process makes it, and ``wait`` is false."""
        held = _held(backbone, self._store, self._plan)
        if held is not None:
            return Exported(backbone, held, fresh=False)
        request, embedding = self._plan.request.of(backbone), self._plan.embedding
        try:
            source = locate(backbone, request, downloads=self._downloads, seed=self._plan.seed)
        except InputError as error:
            if request.kind == "file":
                raise
            return _failed(backbone, "fp32", "weights", str(error))
        return self._found_or_made(order_from_weights(backbone, embedding, source), wait=wait)

    def _converted(
        self, full: Outcome | None, precision: Precision, *, wait: bool, is_second: bool = False
    ) -> Outcome | None:
        """Return an export in another precision; a damaged fp32 export is made again, once."""
        if not isinstance(full, Exported):
            return full and msgspec.structs.replace(full, precision=precision)
        try:
            order = order_from_fp32(full, precision, self._plan.calibration_for(precision))
            return self._found_or_made(order, full.entry, wait=wait)
        except DamagedEntryError:
            if is_second:
                reason = "its fp32 export is damaged, though it was just made again: check the disk"
                return _failed(full.backbone, precision, "source", reason)
        self._store.discard(full.entry)
        again = self._in_fp32(full.backbone, wait=True)
        return self._converted(again, precision, wait=True, is_second=True)

    def _found_or_made(
        self, order: Order, full: Entry | None = None, *, wait: bool
    ) -> Outcome | None:
        """Return the store's export, or make it; None if another process makes it just now.

        Raises:
            DamagedEntryError: the fp32 export that it is made from is damaged.
        """
        if present := self._present(order):
            return present
        with self._store.exporting(order.identity, order.key, wait=wait) as is_ours:
            # Another process may just have published it.
            if (present := self._present(order)) or not is_ours:
                return present
            if full is not None and (damage := full.damage()):
                raise DamagedEntryError(damage)
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
        paths = str(folder.resolve()), str(state_path.resolve())
        reply = self._workers.run(ExportRequest(order, threads, *paths))
        request = self._plan.request.of(order.backbone)
        if isinstance(reply, ExportDone):
            entry = self._store.publish(folder, state_path, reply.manifest, order.key)
            reading = reply.manifest.file_reading
            if reading and order.full is None and request.path is not None:
                self._listener.notice(f"weights file {shown(request.path)}: {reading.text()}")
            return Exported(order.backbone, entry, fresh=True)
        is_file = order.full is None and request.kind == "file"
        if reply.blame == "input" and (is_file or order.calibration):
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


def _held(backbone: Backbone, store: Store, plan: ExportPlan) -> Entry | None:
    """Return a stored export that replaces the one that would be made here, or None.

    It serves where pretrained weights were exported and their checkpoint is gone, and where only
    other precisions are wanted, which are made from any fp32 export.
    """
    downloads = plan.request.of(backbone).kind in {"auto", "pretrained"}
    is_last = downloads and pretrained_cached(backbone) is None
    if not is_last and "fp32" in plan.precisions:
        return None
    held = find_export(store, backbone, plan.embedding, plan.request, seed=plan.seed)
    return held if held is not None and held.is_complete() else None
