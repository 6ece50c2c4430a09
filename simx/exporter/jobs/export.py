"""Exporting from the parent's side: plan, start one worker per backbone, publish what it made.

fp32 comes first, and other precisions are made from it. Imports no runtime; a backbone that fails
is a record, and the rest goes on.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec

from simx.common.errors import InputError
from simx.common.input_files import shown
from simx.exporter.jobs.export_workers import LazyLauncher
from simx.exporter.jobs.memory import memory_for_exports, needed_bytes
from simx.exporter.jobs.memory_scheduler import Job, run_admitted
from simx.exporter.jobs.messages import REPLIES, ExportDone, ExportFailed, ExportRequest
from simx.exporter.jobs.plan import (
    Exported,
    ExportListener,
    ExportPlan,
    NotExported,
    Outcome,
    make_folder_for,
    not_exported,
    require_no_system_failure,
)
from simx.exporter.jobs.precisions.reduce import reduce_all
from simx.exporter.store.cache_key import RECIPE, export_key, library_versions
from simx.exporter.store.entry import Entry
from simx.exporter.store.lookup import find_export
from simx.exporter.store.manifest import ExportIdentity, Manifest
from simx.exporter.store.store import Store
from simx.exporter.weights.cache import pretrained_cached
from simx.exporter.weights.download import Downloads, Listener
from simx.exporter.weights.locate import Source, locate, require_file_of
from simx.exporter.weights.need import need_of, size_of
from simx.exporter.weights.request import WeightsRequest
from simx.models.backbone import Backbone, Precision

_ENTRY = "simx.exporter.jobs.job:main"


class _Elsewhere(msgspec.Struct, frozen=True):
    """A backbone that another process is exporting just now."""

    backbone: Backbone


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
    _announce_downloads(backbones, store, plan, listener)
    listener.planned(len(backbones) * len(plan.precisions))
    outcomes: list[Outcome] = []
    for outcome in _exported(backbones, store, plan, listener):
        outcomes.append(outcome)
        listener.finished(outcome)
    _warn_of_random_weights(outcomes, plan, listener)
    place = {
        pair: position
        for position, pair in enumerate(itertools.product(backbones, plan.precisions))
    }
    return tuple(sorted(outcomes, key=lambda each: place[each.backbone, each.precision]))


def _exported(
    backbones: Sequence[Backbone], store: Store, plan: ExportPlan, listener: ExportListener
) -> Iterator[Outcome]:
    wanted = "fp32" in plan.precisions
    full: list[Outcome] = []
    for outcome in _in_fp32(
        backbones, store, plan, listener, listener.started if wanted else lambda *_: None
    ):
        full.append(outcome)
        if wanted:
            yield outcome

    def remake(backbone: Backbone) -> Outcome:
        (outcome,) = _in_fp32((backbone,), store, plan, listener, lambda *_: None)
        return outcome

    yield from reduce_all(full, store, plan, listener.started, remake)


def _in_fp32(
    backbones: Sequence[Backbone],
    store: Store,
    plan: ExportPlan,
    listener: ExportListener,
    on_start: Callable[[Backbone, Precision], None],
) -> Iterator[Outcome]:
    workers = LazyLauncher(_ENTRY, REPLIES)
    heard = Listener(
        progress=listener.downloading, arrived=listener.downloaded, notice=listener.notice
    )
    downloads = Downloads(mirror=plan.mirror, offline=plan.offline, listener=heard)
    elsewhere: list[Backbone] = []

    def admitted(wanted: Sequence[Backbone], *, wait: bool) -> Iterator[Outcome | _Elsewhere]:
        def job(backbone: Backbone) -> Job[Outcome | _Elsewhere]:
            work = partial(_export_one, backbone, store, plan, workers, downloads, wait=wait)
            return Job(work, needed_bytes(backbone, store), partial(on_start, backbone, "fp32"))

        return run_admitted(
            [job(backbone) for backbone in wanted],
            side_by_side=plan.jobs,
            memory_bytes=memory_for_exports(),
            on_abandon=workers.close,
        )

    def settled(found: Iterator[Outcome | _Elsewhere]) -> Iterator[Outcome]:
        for outcome in found:
            if isinstance(outcome, _Elsewhere):
                elsewhere.append(outcome.backbone)
            else:
                yield outcome

    try:
        yield from settled(admitted(backbones, wait=False))
        if elsewhere:
            listener.waiting(elsewhere)
            yield from settled(admitted(tuple(elsewhere), wait=True))
    finally:
        workers.close()


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


def _announce_downloads(
    backbones: Sequence[Backbone], store: Store, plan: ExportPlan, listener: ExportListener
) -> None:
    """Say, before the first byte, what is to be downloaded; nothing where nothing is.

    Raises:
        SystemFailureError: there is no room for it.
    """
    lacking = _to_download(backbones, store, plan)
    if not lacking:
        return
    need = need_of(lacking)
    checkpoints = "one checkpoint is" if len(lacking) == 1 else f"{len(lacking)} checkpoints are"
    if plan.offline:
        listener.notice(
            f"offline: {checkpoints} not here, and nothing is downloaded; "
            f"what is in {shown(need.folder)} and in the store is used"
        )
        return
    need.require_room()
    listener.downloads(lacking)
    listener.notice(
        f"{checkpoints} to be downloaded, {size_of(need.bytes)} in all, into "
        f"{shown(need.folder)} ({size_of(need.free_bytes())} free there)"
    )


def _to_download(
    backbones: Sequence[Backbone], store: Store, plan: ExportPlan
) -> tuple[Backbone, ...]:
    """Return those whose export would download a checkpoint first."""
    if plan.request.kind != "pretrained":
        return ()
    return tuple(
        backbone
        for backbone in backbones
        if pretrained_cached(backbone) is None and _held(backbone, store, plan) is None
    )


def _warn_of_random_weights(
    outcomes: Sequence[Outcome], plan: ExportPlan, listener: ExportListener
) -> None:
    """``auto`` must never pass random weights off as trained ones."""
    random = {
        outcome.backbone
        for outcome in outcomes
        if isinstance(outcome, Exported)
        and outcome.entry.manifest.identity.weights_origin == "random"
    }
    if random and plan.request.kind == "auto":
        count = f"{len(random)} backbones have" if len(random) > 1 else "one backbone has"
        listener.notice(
            f"{count} random weights, because no pretrained ones are here: latencies hold, "
            "similarities mean nothing; --weights pretrained downloads them"
        )


def _export_one(
    backbone: Backbone,
    store: Store,
    plan: ExportPlan,
    workers: LazyLauncher[ExportDone],
    downloads: Downloads,
    *,
    wait: bool,
) -> Outcome | _Elsewhere:
    held = _held(backbone, store, plan)
    if held is not None:
        return Exported(backbone, held, fresh=False)
    try:
        source = locate(backbone, plan.request, downloads=downloads, seed=plan.seed)
    except InputError as error:
        if plan.request.kind == "file":
            raise
        return NotExported(backbone, "weights", str(error))
    label = source.label()
    identity = ExportIdentity(
        model=backbone.model,
        weights=backbone.weights,
        embedding=plan.embedding,
        precision="fp32",
        weights_origin=source.origin,
    )
    key = export_key(backbone, plan.embedding, label)
    if present := _present(backbone, store, identity, key):
        return present
    with store.exporting(identity, key, wait=wait) as is_ours:
        # Whoever had it may just have published it.
        if present := _present(backbone, store, identity, key):
            return present
        if not is_ours:
            return _Elsewhere(backbone)
        with store.workspace() as workspace:
            return _run(backbone, identity, source, label, plan, store, workspace, workers)


def _present(
    backbone: Backbone, store: Store, identity: ExportIdentity, key: str
) -> Exported | None:
    found = store.entry_at(identity, key)
    if found is None or not found.is_complete():
        return None
    return Exported(backbone, found, fresh=False)


def _held(backbone: Backbone, store: Store, plan: ExportPlan) -> Entry | None:
    """Return an export that need not be the one that would be made here, if there is one.

    Pretrained weights that were exported are here, whatever became of their checkpoint; and what
    other precisions are only made from is whatever stands for fp32.
    """
    downloads = plan.request.kind in {"auto", "pretrained"}
    is_last = downloads and pretrained_cached(backbone) is None
    if not is_last and "fp32" in plan.precisions:
        return None
    held = find_export(store, backbone, plan.embedding, plan.request, seed=plan.seed)
    return held if held is not None and held.is_complete() else None


def _run(
    backbone: Backbone,
    identity: ExportIdentity,
    source: Source,
    label: str,
    plan: ExportPlan,
    store: Store,
    workspace: Path,
    workers: LazyLauncher[ExportDone],
) -> Outcome:
    folder, weights_path = workspace / "entry", workspace / "weights.safetensors"
    make_folder_for(folder, store)
    request = ExportRequest(
        backbone=backbone,
        embedding=plan.embedding,
        origin=source.origin,
        source_path=None if source.path is None else str(source.path.resolve()),
        source_sha256=source.sha256,
        seed=source.seed,
        threads=max(1, plan.threads // plan.jobs),
        folder=str(folder.resolve()),
        weights_path=str(weights_path.resolve()),
    )
    reply = workers.run(request)
    if isinstance(reply, ExportFailed):
        if reply.blame == "input" and plan.request.kind == "file":
            raise InputError(reply.reason)
        require_no_system_failure(reply, backbone, store)
        return not_exported(backbone, "fp32", source.origin, reply)
    manifest = _manifest(identity, label, backbone, reply)
    key = export_key(backbone, plan.embedding, label)
    return Exported(backbone, store.publish(folder, weights_path, manifest, key), fresh=True)


def _manifest(
    identity: ExportIdentity, source: str, backbone: Backbone, done: ExportDone
) -> Manifest:
    return Manifest(
        identity=identity,
        source=source,
        preset=backbone.preset,
        embedding_dim=done.embedding_dim,
        parity=done.parity,
        verified_batches=done.batches,
        margin=done.margin,
        reference_margin=done.reference_margin,
        weights=done.weights,
        files=done.files,
        recipe=RECIPE,
        versions=dict(library_versions()),
        created=datetime.now(UTC).isoformat(timespec="microseconds"),
        seconds=done.seconds,
        peak_bytes=done.peak_bytes,
    )
