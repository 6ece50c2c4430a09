"""Exporting from the parent's side: plan, start one worker per backbone, publish what it made.

Imports no runtime; a backbone that fails is a record, and the rest goes on.
"""

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib import metadata
from pathlib import Path

import msgspec

import simx
from simx.errors import InputError, SystemFailureError
from simx.exporter.admission import Job, run_admitted
from simx.exporter.deadline import export_seconds
from simx.exporter.manifest import ExportIdentity, Manifest
from simx.exporter.memory import memory_for_exports, needed_bytes
from simx.exporter.messages import REPLIES, ExportDone, ExportFailed, ExportRequest
from simx.exporter.store import Entry, Store
from simx.exporter.weights.cache import pretrained_cached
from simx.exporter.weights.download import Downloads, Listener
from simx.exporter.weights.locate import Source, locate, require_file_of
from simx.exporter.weights.request import WeightsRequest
from simx.models.backbone import Backbone, EmbeddingKind
from simx.workers.launchers import launcher
from simx.workers.worker import Launcher, WorkerError

_ENTRY = "simx.exporter.job:main"

_RECIPE = 2
"""Counts the ways in which this version of simx has made files out of networks."""

_VERSIONED = ("torch", "torchvision", "onnx", "onnxscript", "onnxruntime")
"""Libraries that change an exported file, or vouch for it."""


class ExportPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How to export: which embedding, whose weights, and how many exports side by side.

    ``threads`` are those of all of them together. ``mirror`` and ``offline`` are as for
    ``Downloads``.
    """

    embedding: EmbeddingKind
    request: WeightsRequest
    threads: int
    jobs: int = 1
    seed: int = 0
    mirror: str | None = None
    offline: bool = False


class Exported(msgspec.Struct, frozen=True):
    """A backbone that is in the store; ``fresh`` where this run put it there."""

    backbone: Backbone
    entry: Entry
    fresh: bool


class NotExported(msgspec.Struct, frozen=True):
    """A backbone that is not: at which stage it failed, and why."""

    backbone: Backbone
    stage: str
    reason: str


Outcome = Exported | NotExported


def export(
    backbones: Sequence[Backbone],
    store: Store,
    plan: ExportPlan,
    *,
    on_start: Callable[[Backbone], None] = lambda _: None,
    listener: Listener = Listener(),  # noqa: B008 - it is immutable
) -> Iterator[Outcome]:
    """Export backbones side by side; those the store holds are not exported again.

    Args:
        backbones: what to export.
        store: where to.
        plan: how.
        on_start: called before each backbone, from the caller's thread.
        listener: told how downloads get on.

    Yields:
        One outcome per backbone, as soon as it is known.

    Raises:
        InputError: a weights file that was named is not usable.
        SystemFailureError: the store, or torch's cache, cannot be written.
    """
    require_fitting(plan.request, backbones)
    store.require_writable()
    workers = _LazyLauncher()
    downloads = Downloads(mirror=plan.mirror, offline=plan.offline, listener=listener)
    try:
        yield from run_admitted(
            [
                Job(
                    partial(_export_one, backbone, store, plan, workers, downloads),
                    needed_bytes(backbone, store),
                    partial(on_start, backbone),
                )
                for backbone in backbones
            ],
            side_by_side=plan.jobs,
            memory_bytes=memory_for_exports(),
            on_abandon=workers.close,
        )
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


def to_download(
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


def export_key(backbone: Backbone, embedding: EmbeddingKind, source: str) -> str:
    """Return the hash of everything that changes an export's files, 16 hexadecimal digits."""
    parts = (backbone, embedding, source, sorted(_versions().items()), _RECIPE)
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:16]


class _LazyLauncher:
    """Starts the export workers' server with the first export: a full store needs none."""

    def __init__(self) -> None:
        self._launcher: Launcher | None = None
        self._lock = threading.Lock()

    def run(self, request: ExportRequest) -> ExportDone | ExportFailed:
        """Run one export in a worker of its own."""
        reply: ExportDone | ExportFailed
        try:
            with self._started().launch() as worker:
                seconds = export_seconds(request.backbone, request.embedding)
                reply = worker.request(request, REPLIES, seconds)
        except WorkerError as error:
            reply = ExportFailed("worker", f"the export worker {error}", "backbone")
        return reply

    def _started(self) -> Launcher:
        with self._lock:
            if self._launcher is None:
                self._launcher = launcher(_ENTRY)
            return self._launcher

    def close(self) -> None:
        """End the server, if one was started, and with it every worker that still runs."""
        if self._launcher is not None:
            self._launcher.close()


def _export_one(
    backbone: Backbone,
    store: Store,
    plan: ExportPlan,
    workers: _LazyLauncher,
    downloads: Downloads,
) -> Outcome:
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
    found = store.entry_at(identity, key)
    if found is not None and found.is_complete():
        return Exported(backbone, found, fresh=False)
    with store.workspace() as workspace:
        return _run(backbone, identity, source, label, plan, store, workspace, workers)


def _held(backbone: Backbone, store: Store, plan: ExportPlan) -> Entry | None:
    """Return the export of pretrained weights whose checkpoint is no longer here, if there is one.

    Those that were exported are here, whatever became of their checkpoint.
    """
    if plan.request.kind not in {"auto", "pretrained"} or pretrained_cached(backbone) is not None:
        return None
    held = store.find(backbone, plan.embedding, ("pretrained",))
    return held if held is not None and held.is_complete() else None


def _run(
    backbone: Backbone,
    identity: ExportIdentity,
    source: Source,
    label: str,
    plan: ExportPlan,
    store: Store,
    workspace: Path,
    workers: _LazyLauncher,
) -> Outcome:
    folder, weights_path = workspace / "entry", workspace / "weights.safetensors"
    _make(folder, store)
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
        if reply.blame == "system":
            raise SystemFailureError(
                f"store {store.root}: exporting {backbone.name} failed at {reply.stage} "
                f"({reply.reason}); free some space or choose another store with --store"
            )
        return NotExported(backbone, reply.stage, reply.reason)
    manifest = _manifest(identity, label, backbone, reply)
    key = export_key(backbone, plan.embedding, label)
    return Exported(backbone, store.publish(folder, weights_path, manifest, key), fresh=True)


def _make(folder: Path, store: Store) -> None:
    try:
        folder.mkdir()
    except OSError as error:
        raise SystemFailureError(
            f"store {store.root}: cannot be written ({error.strerror}); free some space or choose "
            "another store with --store"
        ) from None


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
        weights=done.weights,
        files=done.files,
        versions=_versions(),
        created=datetime.now(UTC).isoformat(timespec="microseconds"),
        seconds=done.seconds,
        peak_bytes=done.peak_bytes,
    )


def _versions() -> dict[str, str]:
    versions = {"simx": simx.__version__}
    for name in _VERSIONED:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
