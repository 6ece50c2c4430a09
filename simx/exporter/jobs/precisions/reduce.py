"""Making another precision from the parent's side: find it in the store, or make and publish it.

Imports no runtime.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial

import msgspec

from simx.exporter.jobs.export_workers import LazyLauncher
from simx.exporter.jobs.memory import memory_for_exports, needed_bytes
from simx.exporter.jobs.memory_scheduler import Job, run_admitted
from simx.exporter.jobs.messages import REDUCE_REPLIES, ExportFailed, ReduceDone, ReduceRequest
from simx.exporter.jobs.plan import (
    Exported,
    ExportPlan,
    NotExported,
    Outcome,
    make_folder_for,
    not_exported,
    require_no_system_failure,
)
from simx.exporter.store.cache_key import library_versions, reduced_key
from simx.exporter.store.entry import Entry
from simx.exporter.store.manifest import Manifest
from simx.exporter.store.store import Store
from simx.models.backbone import Backbone, Precision

_ENTRY = "simx.exporter.jobs.precisions.job:main"


Remake = Callable[[Backbone], Outcome]
"""Exports a backbone in fp32 once more."""


def reduce_all(
    full: Sequence[Outcome],
    store: Store,
    plan: ExportPlan,
    on_start: Callable[[Backbone, Precision], None],
    remake: Remake,
) -> Iterator[Outcome]:
    """Make every other precision that a plan asks for, side by side.

    Args:
        full: the fp32 exports.
        store: where they are, and the others go.
        plan: how.
        on_start: called before each one.
        remake: makes an fp32 export again that has turned out to be damaged.

    Yields:
        One outcome per backbone and precision, as soon as it is known.

    Raises:
        SystemFailureError: the store cannot be written.
    """
    workers = LazyLauncher(_ENTRY, REDUCE_REPLIES)
    jobs = [
        Job(
            partial(_reduce_one, source, precision, store, plan, workers, remake),
            needed_bytes(source.backbone, store, precision),
            partial(on_start, source.backbone, precision),
        )
        for source in full
        for precision in plan.precisions
        if precision != "fp32"
    ]
    try:
        yield from run_admitted(
            jobs,
            side_by_side=plan.jobs,
            memory_bytes=memory_for_exports(),
            on_abandon=workers.close,
        )
    finally:
        workers.close()


def _reduce_one(
    source: Outcome,
    precision: Precision,
    store: Store,
    plan: ExportPlan,
    workers: LazyLauncher[ReduceDone],
    remake: Remake,
) -> Outcome:
    """Return an export of another precision, the store's where it is there.

    Where there is no fp32 export, there is none of another precision.
    """
    if isinstance(source, NotExported):
        return msgspec.structs.replace(source, precision=precision)
    found = _found_or_made(source, precision, store, plan, workers)
    if found is not None:
        return found
    store.discard(source.entry)
    again = remake(source.backbone)
    if isinstance(again, NotExported):
        return msgspec.structs.replace(again, precision=precision)
    reason = "its fp32 export is damaged, though it was just made again: see to the disk"
    return _found_or_made(again, precision, store, plan, workers) or NotExported(
        source.backbone, "source", reason, precision
    )


def _found_or_made(
    source: Exported,
    precision: Precision,
    store: Store,
    plan: ExportPlan,
    workers: LazyLauncher[ReduceDone],
) -> Outcome | None:
    """Return what the store has, or what was made of an fp32 export; None where that is damaged."""
    before = source.entry.manifest
    key = reduced_key(before.graph_sha256, before.preset, precision)
    identity = msgspec.structs.replace(before.identity, precision=precision)
    # Two that make the same file take turns, and the second one finds it.
    with store.exporting(identity, key, wait=True):
        found = store.entry_at(identity, key)
        if found is not None and found.is_complete():
            return Exported(source.backbone, found, fresh=False)
        if not source.entry.is_sound():
            return None
        return _made(source, precision, key, store, plan, workers)


def _made(
    source: Exported,
    precision: Precision,
    key: str,
    store: Store,
    plan: ExportPlan,
    workers: LazyLauncher[ReduceDone],
) -> Outcome:
    backbone, its = source.backbone, source.entry.manifest.identity
    with store.workspace() as workspace:
        folder = workspace / "entry"
        make_folder_for(folder, store)
        reply = workers.run(
            ReduceRequest(
                backbone=backbone,
                embedding=its.embedding,
                precision=precision,
                source=str(source.entry.folder.resolve()),
                files=source.entry.manifest.files,
                threads=max(1, plan.threads // plan.jobs),
                folder=str(folder.resolve()),
            )
        )
        if isinstance(reply, ExportFailed):
            require_no_system_failure(reply, backbone, store)
            return not_exported(backbone, precision, its.weights_origin, reply)
        manifest = _manifest(source.entry, precision, reply)
        entry = store.publish(folder, source.entry.weights_path, manifest, key)
        return Exported(backbone, entry, fresh=True)


def _manifest(source: Entry, precision: Precision, done: ReduceDone) -> Manifest:
    before = source.manifest
    return msgspec.structs.replace(
        before,
        identity=msgspec.structs.replace(before.identity, precision=precision),
        made_from=before.graph_sha256,
        parity=done.parity,
        verified_batches=done.batches,
        margin=done.margin,
        reference_margin=done.reference_margin,
        files=done.files,
        versions={**before.versions, **library_versions()},
        created=datetime.now(UTC).isoformat(timespec="microseconds"),
        seconds=done.seconds,
        peak_bytes=done.peak_bytes,
    )
