"""The store: verified exports on disk, found again by what they are.

::

    STORE/weights/SHA256.safetensors                       state dicts, for the torch backend
    STORE/exports/MODEL/WEIGHTS/EMBEDDING-PRECISION-KEY/   manifest.json, model.onnx, ...
    STORE/unfinished/                                      what processes are working on
    STORE/lock                                             held while something is published

An entry appears by one rename, complete or not at all, and is never changed afterwards. Imports
neither torch nor onnxruntime: a machine that only measures reads the store too.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from simx.errors import InputError, SystemFailureError
from simx.exporter.manifest import (
    MANIFEST,
    MANIFEST_FILE,
    MODEL_FILE,
    VERIFICATION_FILE,
    ExportIdentity,
    FileRecord,
    Manifest,
    read_manifest,
)
from simx.exporter.stored_files import DamagedEntryError, opened_as_recorded
from simx.exporter.workspaces import workspace
from simx.models.backbone import Backbone, EmbeddingKind
from simx.results.atomic import make_folder, sync_folder, write_synced
from simx.results.schema import WeightsOrigin

_LOCK_SECONDS = 300.0
"""What a holder needs is the time to move a few files, and to hash those of one entry."""

_PREFERENCE: tuple[WeightsOrigin, ...] = ("pretrained", "file", "random")


class Entry(msgspec.Struct, frozen=True):
    """One export in the store."""

    folder: Path
    store: Path
    manifest: Manifest

    @property
    def model_path(self) -> Path:
        """The ONNX file."""
        return self.folder / MODEL_FILE

    @property
    def verification_path(self) -> Path:
        """The verification input and torch's answer to it."""
        return self.folder / VERIFICATION_FILE

    @property
    def weights_path(self) -> Path:
        """The state dict the export was made from, as safetensors."""
        return self.store / "weights" / f"{self.manifest.weights.sha256}.safetensors"

    def is_complete(self) -> bool:
        """Whether every file is there with its size; cheap, and no proof of what is inside."""
        records = {self.folder / name: record for name, record in self.manifest.files.items()}
        records[self.weights_path] = self.manifest.weights
        return all(
            path.is_file() and path.stat().st_size == record.bytes
            for path, record in records.items()
        )

    def verify(self) -> None:
        """Read every file of the entry and compare it with the manifest.

        Raises:
            DamagedEntryError: a file is missing, is no regular file of one name, or its hash
                differs; or the entry is not in its store.
        """
        if not self.folder.resolve().is_relative_to(self.store.resolve()):
            raise DamagedEntryError(f"{self.folder} leads out of the store by a link")
        for name, record in self.manifest.files.items():
            _verify_file(self.folder / name, record)
        _verify_file(self.weights_path, self.manifest.weights)

    def is_sound(self) -> bool:
        """Whether ``verify`` finds nothing."""
        try:
            self.verify()
        except DamagedEntryError:
            return False
        return True


class Store:
    """A folder of exports.

    An entry whose manifest cannot be read does not exist for anybody; ``on_damage`` is told of it
    in one line.
    """

    def __init__(self, root: Path, on_damage: Callable[[str], None] = lambda _: None) -> None:
        self.root = root
        self._on_damage = on_damage

    def entries(self) -> list[Entry]:
        """Return all readable entries, in the order of their names."""
        manifests = sorted(self.root.glob(f"exports/*/*/*/{MANIFEST_FILE}"))
        read = ((path, self._read_manifest(path)) for path in manifests)
        return [Entry(path.parent, self.root, manifest) for path, manifest in read if manifest]

    def find(
        self,
        backbone: Backbone,
        embedding: EmbeddingKind,
        origins: tuple[WeightsOrigin, ...] = _PREFERENCE,
        source: str | None = None,
    ) -> Entry | None:
        """Return the newest entry of the first origin that has one.

        Args:
            backbone: architecture and weights to look for.
            embedding: which embedding.
            origins: acceptable origins of the weights, best first.
            source: when given, exactly these weights and no others.
        """
        folder = self.root / "exports" / backbone.model / backbone.weights
        found = (
            Entry(path.parent, self.root, manifest)
            for path in folder.glob(f"{embedding}-*/{MANIFEST_FILE}")
            if (manifest := self._read_manifest(path)) is not None
            and manifest.identity.weights_origin in origins
            and source in (None, manifest.source)
        )
        return max(
            found,
            key=lambda e: (
                -origins.index(e.manifest.identity.weights_origin),
                e.manifest.created,
            ),
            default=None,
        )

    def peak_bytes(self, backbone: Backbone) -> int | None:
        """Return the most memory that an export of this backbone has needed, if one has told."""
        folder = self.root / "exports" / backbone.model / backbone.weights
        manifests = (self._read_manifest(path) for path in folder.glob(f"*/{MANIFEST_FILE}"))
        peaks = (manifest.peak_bytes for manifest in manifests if manifest is not None)
        return max((peak for peak in peaks if peak is not None), default=None)

    def entry_at(self, identity: ExportIdentity, key: str) -> Entry | None:
        """Return the entry of exactly this key, or None."""
        folder = self._folder(identity, key)
        manifest = self._read_manifest(folder / MANIFEST_FILE)
        return None if manifest is None else Entry(folder, self.root, manifest)

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        """Lend an empty folder on the store's own disk; it is removed afterwards.

        Raises:
            SystemFailureError: the store cannot be written.
        """
        with ExitStack() as stack:
            try:
                folder = stack.enter_context(workspace(self.root / "unfinished"))
            except OSError as error:
                raise SystemFailureError(
                    f"store {self.root}: cannot be written ({error.strerror}); "
                    "choose another with --store or SIMX_STORE"
                ) from None
            yield folder

    def publish(self, prepared: Path, weights: Path, manifest: Manifest, key: str) -> Entry:
        """Move a prepared folder, with its weights file, into the store in one step.

        A sound entry of the same key, which another process may have published meanwhile, stays as
        it is: somebody may be reading it.

        Args:
            prepared: folder on the store's disk, holding the files the manifest names.
            weights: state dict on the store's disk, outside of ``prepared``.
            manifest: what to publish it as.
            key: hash of everything that changes the files.

        Raises:
            SystemFailureError: the store cannot be written.
        """
        folder = self._folder(manifest.identity, key)
        entry = Entry(folder, self.root, manifest)
        try:
            write_synced(
                prepared / MANIFEST_FILE, msgspec.json.format(msgspec.json.encode(manifest))
            )
            sync_folder(prepared)
            make_folder(folder.parent)
            make_folder(entry.weights_path.parent)
            with self._locked():
                found = self.entry_at(manifest.identity, key)
                if found is not None and found.is_sound():
                    return found
                if not _is_intact(entry.weights_path, manifest.weights):
                    weights.replace(entry.weights_path)
                    sync_folder(entry.weights_path.parent)
                if folder.exists():
                    folder.rename(prepared.with_name(f"{prepared.name}.replaced"))
                prepared.rename(folder)
                sync_folder(folder.parent)
        except OSError as error:
            raise SystemFailureError(
                f"store {self.root}: publishing {manifest.identity.model} failed "
                f"({error.strerror}); free some space or choose another store with --store"
            ) from None
        return entry

    def discard(self, entry: Entry) -> None:
        """Remove an entry that turned out to be damaged, unless another process has mended it.

        Its weights file goes only if it is the damaged one: other entries may share it.

        Raises:
            SystemFailureError: the store cannot be written.
        """
        with self.workspace() as workspace:
            try:
                with self._locked():
                    if not entry.folder.exists() or entry.is_sound():
                        return
                    entry.folder.rename(workspace / "discarded")
                    if not _is_intact(entry.weights_path, entry.manifest.weights):
                        entry.weights_path.unlink(missing_ok=True)
            except OSError as error:
                raise SystemFailureError(
                    f"store {self.root}: a damaged entry cannot be removed ({error.strerror})"
                ) from None

    def require_writable(self) -> None:
        """Fail early, before any work is done.

        Raises:
            SystemFailureError: the store cannot be written.
            InputError: the path is there and is no folder.
        """
        if self.root.exists() and not self.root.is_dir():
            raise InputError(f"store {self.root}: is a file, not a folder; choose another --store")
        with self.workspace():
            pass

    def _read_manifest(self, path: Path) -> Manifest | None:
        """Return None where there is none, or none that is ours."""
        if not os.path.lexists(path):
            return None
        try:
            manifest = read_manifest(path)
            if not _names_are_plain(manifest):
                raise MANIFEST.refused(path, "names files that are not beside it")
        except InputError as error:
            self._on_damage(str(error))
            return None
        return manifest

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Be the only one who changes what has been published; nobody who reads waits for that."""
        import filelock  # noqa: PLC0415 - only writers need it, and listing the store is frequent

        try:
            with filelock.FileLock(self.root / "lock", timeout=_LOCK_SECONDS):
                yield
        except filelock.Timeout:
            raise SystemFailureError(
                f"store {self.root}: another process has kept it locked for {_LOCK_SECONDS:g} s; "
                "end that, or choose another store with --store"
            ) from None

    def _folder(self, identity: ExportIdentity, key: str) -> Path:
        leaf = f"{identity.embedding}-{identity.precision}-{key}"
        return self.root / "exports" / identity.model / identity.weights / leaf


def _verify_file(path: Path, expected: FileRecord) -> None:
    with opened_as_recorded(path, expected):
        pass


def _is_intact(path: Path, expected: FileRecord) -> bool:
    try:
        _verify_file(path, expected)
    except DamagedEntryError:
        return False
    return True


def _names_are_plain(manifest: Manifest) -> bool:
    """A manifest may name files beside itself and nothing else."""
    names = (*manifest.files, manifest.weights.sha256)
    return all(name == Path(name).name and name not in {"", ".", ".."} for name in names)
