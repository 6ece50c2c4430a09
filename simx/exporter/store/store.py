"""The store: verified exports on disk, found again by what they are.

::

    STORE/weights/SHA256.safetensors                       state dicts, for the torch backend
    STORE/exports/MODEL/WEIGHTS/EMBEDDING-PRECISION-KEY/   manifest.json, model.onnx, ...
    STORE/unfinished/                                      work of running processes
    STORE/locks/                                           held while one entry is exported
    STORE/lock                                             held while an entry is published

An entry appears by one rename, complete or not at all, and is never changed afterwards. Imports
neither torch nor onnxruntime.
"""

import errno
import math
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from simx.common.atomic import make_folder, sync_folder, write_synced
from simx.common.errors import InputError, SystemFailureError
from simx.common.locking import lock_file
from simx.common.temporary import workspace
from simx.exporter.store.entry import Entry, damage_of
from simx.exporter.store.manifest import (
    MANIFEST,
    MANIFEST_FILE,
    ExportIdentity,
    Manifest,
    read_manifest,
    sealed,
)
from simx.models.backbone import Backbone, EmbeddingKind, Precision

_LOCK_SECONDS = 300.0
"""A holder moves a few files, and hashes those of one entry."""


class Store:
    """A folder of exports, by whose ``name`` other processes open it, too.

    An entry whose manifest cannot be read is left out; ``on_damage`` gets one line about it. All
    that writes raises ``SystemFailureError`` where the store cannot be written.
    """

    def __init__(self, root: Path, on_damage: Callable[[str], None] = lambda _: None) -> None:
        self.root = root
        self.name = str(root.absolute())
        self._on_damage = on_damage

    @property
    def folders(self) -> tuple[Path, Path]:
        """The folders of the exports and of the weights, which may be missing."""
        return self.root / "exports", self.root / "weights"

    def entries(self, pattern: str = "*/*/*") -> list[Entry]:
        """Return all readable entries in matching folders, in the order of their names."""
        folders = sorted((self.root / "exports").glob(pattern))
        return [entry for folder in folders if (entry := self.entry_in(folder)) is not None]

    def held(
        self, backbone: Backbone, embedding: EmbeddingKind, precision: Precision = "fp32"
    ) -> list[Entry]:
        """Return all readable entries of a backbone's embedding, made from any weights."""
        return self.entries(f"{backbone.model}/{backbone.weights}/{embedding}-{precision}-*")

    def peak_bytes(self, backbone: Backbone, precision: Precision = "fp32") -> int | None:
        """Return the most memory that such an export of a backbone needed, where it is known."""
        entries = self.entries(f"{backbone.model}/{backbone.weights}/*-{precision}-*")
        return max((entry.manifest.peak_bytes or 0 for entry in entries), default=0) or None

    def entry_at(self, identity: ExportIdentity, key: str) -> Entry | None:
        """Return the entry of exactly this key, or None."""
        return self.entry_in(self._folder(identity, key))

    def entry_in(self, folder: Path) -> Entry | None:
        """Return the entry in one of the store's folders, None without a manifest of simx."""
        path = folder / MANIFEST_FILE
        if not os.path.lexists(path):
            return None
        try:
            manifest = read_manifest(path)
            names = (*manifest.files, manifest.weights.sha256)
            if any(name != Path(name).name or name in {"", ".", ".."} for name in names):
                raise MANIFEST.refused(path, "names files that are not beside it")
            identity = manifest.identity
            leaf = f"{identity.embedding}-{identity.precision}-{folder.name.rpartition('-')[2]}"
            if folder.parts[-3:] != (identity.model, identity.weights, leaf):
                raise MANIFEST.refused(path, "is another export's")
        except InputError as error:
            self._on_damage(str(error))
            return None
        return Entry(folder, self.root, manifest)

    def bring(self, entry: Entry) -> Entry:
        """Return an entry whose files are in its folder, as far as they can be; here they are."""
        return entry

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        """Yield an empty folder on the store's own disk; it is removed afterwards."""
        with ExitStack() as stack:
            with self.written():
                folder = stack.enter_context(workspace(self.root / "unfinished"))
            yield folder

    @contextmanager
    def exporting(self, identity: ExportIdentity, key: str, *, wait: bool) -> Iterator[bool]:
        """Hold the lock of an entry while it is exported; the system releases it with the process.

        With ``wait`` it waits until another process that exports it has finished or ended.

        Yields:
            Whether the lock was granted.
        """
        folder = self._folder(identity, key)
        name = "-".join(folder.relative_to(self.root / "exports").parts)
        lock = lock_file(self.root / "locks" / f"{name}.lock", timeout=math.inf if wait else 0)
        with ExitStack() as stack:
            with self.written():
                make_folder(self.root / "locks")
                is_granted = stack.enter_context(lock)
            yield is_granted

    def publish(self, prepared: Path, weights: Path, manifest: Manifest, key: str) -> Entry:
        """Move a prepared folder, with its weights file, into the store in one step.

        A sound entry of the same key stays unchanged: another process may be reading it.

        Args:
            prepared: folder on the store's disk with the files that the manifest names.
            weights: state dict on the store's disk, outside of ``prepared``.
            manifest: the entry's manifest.
            key: from ``cache_key``.
        """
        folder = self._folder(manifest.identity, key)
        entry = Entry(folder, self.root, manifest)
        with self.written():
            write_synced(prepared / MANIFEST_FILE, sealed(manifest))
            sync_folder(prepared)
            make_folder(folder.parent)
            make_folder(entry.weights_path.parent)
            with self.locked():
                found = self.entry_at(manifest.identity, key)
                if found is not None and found.damage() is None:
                    return found
                if damage_of(entry.weights_path, manifest.weights):
                    weights.replace(entry.weights_path)
                    sync_folder(entry.weights_path.parent)
                # Where the file system has no locks, another process may be first meanwhile.
                while not is_moved(prepared, folder):
                    found = self.entry_at(manifest.identity, key)
                    if found is not None and found.damage() is None:
                        return found
                    with suppress(FileNotFoundError):  # another process moved it away
                        folder.rename(prepared.with_name(f"{prepared.name}.replaced"))
                sync_folder(folder.parent)
        return entry

    def discard(self, entry: Entry) -> None:
        """Remove a damaged entry, unless another process has repaired it.

        Its weights file is removed only if that is damaged: other entries may share it.
        """
        with self.workspace() as workspace, self.written(), self.locked():
            if not entry.folder.exists() or entry.damage() is None:
                return
            entry.folder.rename(workspace / "discarded")
            if entry.weights_damage():
                entry.weights_path.unlink(missing_ok=True)

    def require_writable(self) -> None:
        """Fail before any work is done; raise ``InputError`` if the path is a file."""
        if self.root.exists() and not self.root.is_dir():
            raise InputError(f"store {self.root}: is a file, not a folder; choose another --store")
        with self.workspace():
            pass

    @contextmanager
    def written(self) -> Iterator[None]:
        """Name the store in the error of a write that fails."""
        try:
            yield
        except OSError as error:
            raise SystemFailureError(
                f"store {self.root}: cannot be written ({error.strerror}); "
                "free some space, or choose another store with --store or SIMX_STORE"
            ) from None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock of what has been published, to change it; readers do not wait for it.

        Raises:
            SystemFailureError: another process holds it for too long.
        """
        with lock_file(self.root / "lock", timeout=_LOCK_SECONDS) as is_granted:
            if not is_granted:
                raise SystemFailureError(
                    f"store {self.root}: another process has kept it locked for "
                    f"{_LOCK_SECONDS:g} s; end that, or choose another store with --store"
                )
            yield

    def _folder(self, identity: ExportIdentity, key: str) -> Path:
        leaf = f"{identity.embedding}-{identity.precision}-{key}"
        return self.root / "exports" / identity.model / identity.weights / leaf


def is_moved(folder: Path, to: Path) -> bool:
    """Move a folder to a place where nothing is, and return whether that is so."""
    try:
        folder.rename(to)
    except OSError as error:
        if error.errno not in {errno.EEXIST, errno.ENOTDIR, errno.ENOTEMPTY}:
            raise
        return False
    return True
