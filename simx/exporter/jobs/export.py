"""Exports backbones: finds them in the store, has one worker make each of the others, publishes it.

Runs in the parent and imports no runtime. A backbone that fails becomes a record; the rest goes on.
"""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from simx.common.errors import InputError, SystemFailureError
from simx.common.input_files import shown
from simx.exporter.jobs.export_workers import ExportWorkers
from simx.exporter.jobs.memory import memory_for_exports, needed_bytes, run_admitted
from simx.exporter.jobs.plan import (
    ExportDone,
    Exported,
    ExportListener,
    ExportPlan,
    ExportRequest,
    NotExported,
    Order,
    Outcome,
    network_of,
    order_from_fp32,
    order_from_weights,
)
from simx.exporter.jobs.preparation import (
    announce_downloads,
    require_fitting,
    require_timm,
    warn_of_random_weights,
)
from simx.exporter.store.cache_key import outdated
from simx.exporter.store.entry import DamagedEntryError, Entry
from simx.exporter.store.lookup import answering, find_export
from simx.exporter.store.store import Store
from simx.exporter.weights.cache import pretrained_cached
from simx.exporter.weights.download import Downloads
from simx.exporter.weights.locate import locate
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
    exporter = _Exporter(store, plan, listener)
    full = list(filter(None, (exporter.stored(each, "fp32") for each in backbones)))
    held = {each.backbone for each in full}
    lacking = [each for each in backbones if each not in held]
    require_timm(lacking)
    if lacking:  # what is only read may be read-only
        store.require_writable()
    if plan.request.kind == "pretrained":
        absent = [each for each in lacking if each.file is None and not pretrained_cached(each)]
        announce_downloads(absent, listener, offline=plan.offline)
    listener.planned(len(backbones) * len(plan.precisions))
    outcomes: dict[tuple[Backbone, Precision], Outcome] = {}
    for outcome in itertools.chain(full, exporter.settled([_Task(each) for each in lacking])):
        outcomes[outcome.backbone, outcome.precision] = outcome
        if outcome.precision in plan.precisions:
            listener.finished(outcome)
    # Without the server that has torch: only a damaged fp32 export needs it again.
    for outcome in exporter.in_other_precisions(list(outcomes.values())):
        outcomes[outcome.backbone, outcome.precision] = outcome
        listener.finished(outcome)
    wanted = tuple(outcomes[pair] for pair in itertools.product(backbones, plan.precisions))
    if plan.request.kind == "auto":
        # What a checked export is used for labels it; of those only new ones are said here.
        warn_of_random_weights(wanted, listener, only_fresh=plan.checked)
    return wanted


class _Task(msgspec.Struct, frozen=True):
    """An export to make; ``full`` is the fp32 export that another precision is made from."""

    backbone: Backbone
    precision: Precision = "fp32"
    full: Exported | None = None

    @property
    def network(self) -> str | None:
        """What it traces, if it traces anything."""
        return None if self.full else network_of(self.backbone)


class _Exporter:
    """Finds exports in the store, or has them made and publishes them."""

    def __init__(self, store: Store, plan: ExportPlan, listener: ExportListener) -> None:
        self._store = store
        self._plan = plan
        self._listener = listener
        self._workers = ExportWorkers()
        self._downloads = Downloads(
            mirror=plan.mirror,
            offline=plan.offline,
            progress=listener.downloading,
            arrived=listener.downloaded,
            notice=listener.notice,
        )

    def stored(self, backbone: Backbone, precision: Precision) -> Exported | None:
        """Return the store's export for the plan; None if it is missing, outdated or damaged."""
        plan, notice = self._plan, self._listener.notice
        wanted = (self._store, backbone, plan.embedding, plan.request)
        pictures = plan.calibration_for(precision)
        entry = find_export(
            *wanted,
            precision,
            seed=plan.seed,
            calibration=pictures.sha256 if pictures else None,
            newest=plan.newest,
        )
        entry = entry and self._store.bring(entry)
        if plan.checked and entry is not None:
            if (age := outdated(entry, backbone)) is not None:
                notice(f"{backbone.name}: measured from an export that was {age}")
            if damage := entry.damage():
                notice(f"{damage}; exporting {backbone.name} again")
                self._store.discard(entry)
                return None
        elif plan.checked and precision == "fp32" and (old := answering(*wanted, seed=plan.seed)):
            age = outdated(old, backbone) or "made without the names of modules"
            notice(f"{backbone.name}: its export was {age}; exporting it again")
        if entry is None or not entry.is_complete():
            return None
        return Exported(backbone, entry, fresh=False)

    def in_other_precisions(self, full: Sequence[Outcome]) -> Iterator[Outcome]:
        """Find or make the plan's other precisions of fp32 exports, and yield each when known."""
        tasks = []
        for each, other in itertools.product(full, self._plan.precisions):
            if other == "fp32":
                continue
            if isinstance(each, NotExported):
                yield msgspec.structs.replace(each, precision=other)
            elif found := self.stored(each.backbone, other):
                yield found
            else:
                tasks.append(_Task(each.backbone, other, each))
        yield from self.settled(tasks)

    def settled(self, tasks: Sequence[_Task]) -> Iterator[Outcome]:
        """Yield the outcomes of tasks; those that other processes work on come last."""
        elsewhere: list[_Task] = []
        with closing(ExportWorkers()) as self._workers:
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
            self._workers.settled(task.network)
            if outcome is None and elsewhere is not None:
                elsewhere.append(task)
            return outcome

        def started(task: _Task) -> None:
            if task.precision in self._plan.precisions:
                self._listener.started(task.backbone, task.precision)

        self._workers.expect(task.network for task in tasks)
        outcomes = run_admitted(
            tasks,
            settle,
            lambda task: needed_bytes(task.backbone, self._store, task.precision),
            side_by_side=self._plan.jobs,
            memory_bytes=memory_for_exports(),
            group=lambda task: task.network,
            on_start=started,
            on_abandon=self._workers.close,
        )
        return filter(None, outcomes)

    def _in_fp32(self, backbone: Backbone, *, wait: bool) -> Outcome | None:
        """Make an export; None if another process makes it, and ``wait`` is false."""
        request, embedding = self._plan.request.of(backbone), self._plan.embedding
        try:
            source = locate(backbone, request, downloads=self._downloads, seed=self._plan.seed)
        except InputError as error:
            if request.kind == "file":
                raise
            return _failed(backbone, "fp32", "weights", str(error))
        return self._found_or_made(order_from_weights(backbone, embedding, source), wait=wait)

    def _converted(
        self, full: Exported, precision: Precision, *, wait: bool, is_second: bool = False
    ) -> Outcome | None:
        """Return an export in another precision; a damaged fp32 export is made again, once."""
        try:
            order = order_from_fp32(full, precision, self._plan.calibration_for(precision))
            return self._found_or_made(order, full.entry, wait=wait)
        except DamagedEntryError:
            if is_second:
                reason = "its fp32 export is damaged, though it was just made again: check the disk"
                return _failed(full.backbone, precision, "source", reason)
        self._store.discard(full.entry)
        again = self._in_fp32(full.backbone, wait=True)
        if not isinstance(again, Exported):
            return again and msgspec.structs.replace(again, precision=precision)
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
        found = found and self._store.bring(found)
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
