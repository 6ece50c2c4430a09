"""What a store no longer needs, and its removal while other processes use the store.

An export is removed when it is damaged, or when another one has replaced it; what a later version
of simx has put there stays. Everything is judged twice, the second time under the store's lock,
where nothing else changes. An export that is being measured stays, and a file that is open stays
open.
"""

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Literal

import msgspec

from simx.common.locking import lock_file, try_lock
from simx.common.strict_json import UNREADABLE
from simx.exporter.store.cache_key import RECIPE, outdated
from simx.exporter.store.entry import Entry, verify_file
from simx.exporter.store.manifest import MANIFEST_FILE, MANIFEST_VERSION, version_of
from simx.exporter.store.store import Store
from simx.exporter.store.stored_files import DamagedEntryError
from simx.exporter.store.workspaces import abandoned, remove_abandoned
from simx.models.backbone import Backbone, EmbeddingKind, Precision
from simx.results.schema.report import WeightsOrigin

Kind = Literal["export", "weights", "unfinished"]
Status = Literal["removable", "removed", "in use", "kept"]

_EXPORT = re.compile(r"[a-z]+-[a-z0-9]+-[0-9a-f]{16}")
_WEIGHTS = re.compile(r"[0-9a-f]{64}\.safetensors")


class Needless(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is no longer needed, as ``--format json`` gives it.

    ``kind`` is ``export``, ``weights`` (a state dict) or ``unfinished`` (work that a process left
    behind). ``status`` is ``removable`` before it is removed, then ``removed``, ``in use`` or
    ``kept`` (it turned out to be needed). The fields of an export are None for other things, and
    where its manifest cannot be read.
    """

    kind: Kind
    status: Status = "removable"
    reason: str
    bytes: int
    path: str
    model: str | None = None
    weights: str | None = None
    weights_origin: WeightsOrigin | None = None
    embedding: EmbeddingKind | None = None
    precision: Precision | None = None


class _WeightsRecord(msgspec.Struct, frozen=True):
    """What every version of the manifest names."""

    sha256: str


class _Naming(msgspec.Struct, frozen=True):
    """Of a manifest, the weights."""

    weights: _WeightsRecord


def needless(store: Store, catalogue: Sequence[Backbone]) -> list[Needless]:
    """Return what is no longer needed, exports first. Reads every file of every export.

    Args:
        store: where to look.
        catalogue: all backbones there are; exports of others stay.
    """
    judge = _Judge(store, catalogue)
    exports = [found for folder in _export_folders(store) if (found := judge.needless(folder))]
    going = {found.path for found in exports}
    staying = [folder for folder in _export_folders(store) if str(folder) not in going]
    weights = [
        _needless("weights", path, "no export was made from it", path.lstat().st_size)
        for path in _weights_beside(store, staying)
    ]
    unfinished = [
        _needless("unfinished", path, "left by a process that has ended", _bytes_in(path))
        for path in abandoned(store.root / "unfinished")
    ]
    return [*exports, *weights, *unfinished]


def prune(store: Store, catalogue: Sequence[Backbone]) -> Iterator[Needless]:
    """Remove what is no longer needed, and yield each with its new status.

    Raises:
        SystemFailureError: the store cannot be written.
    """
    judge = _Judge(store, catalogue)
    found = needless(store, catalogue)
    with store.written():
        for each in found:
            if each.kind == "export":
                yield _with(each, _remove_export(store, judge, Path(each.path)))
        yield from _remove_weights(store, [each for each in found if each.kind == "weights"])
        for each in found:
            if each.kind == "unfinished":
                yield _with(each, "removed" if remove_abandoned(Path(each.path)) else "in use")
        _remove_locks(store)


class _Judge:
    """Decides which exports are no longer needed; reads every file once."""

    def __init__(self, store: Store, catalogue: Sequence[Backbone]) -> None:
        self._store = store
        self._backbones = {(each.model, each.weights): each for each in catalogue}
        self._damage: dict[Path, str | None] = {}

    def needless(self, folder: Path) -> Needless | None:
        """Judge the export in a folder; None where it is needed."""
        entry = self._store.entry_in(folder)
        reason = _defect(folder) if entry is None else self._reason(entry)
        if reason is None:
            return None
        found = _needless("export", folder, reason, _bytes_in(folder))
        if entry is None:
            return found
        return msgspec.structs.replace(found, **msgspec.structs.asdict(entry.manifest.identity))

    def look_again(self, folder: Path) -> Needless | None:
        """Judge once more, as the export is now."""
        self._damage.pop(folder, None)
        return self.needless(folder)

    def _reason(self, entry: Entry) -> str | None:
        identity = entry.manifest.identity
        backbone = self._backbones.get((identity.model, identity.weights))
        if backbone is not None and self._has_lost_its_source(entry, backbone):
            return "nothing finds it: the fp32 export that it was made from is gone"
        if backbone is not None and entry.manifest.recipe <= RECIPE:
            age = outdated(entry, backbone)
            others = self._store.held(backbone, identity.embedding, identity.precision)
            if age is not None and any(self._replaces(each, entry, backbone) for each in others):
                return f"replaced: {age}"
        return self._damage_of(entry)

    def _has_lost_its_source(self, entry: Entry, backbone: Backbone) -> bool:
        made_from = entry.manifest.made_from
        if made_from is None:
            return False
        full = self._store.held(backbone, entry.manifest.identity.embedding)
        return all(each.manifest.graph_sha256 != made_from for each in full)

    def _replaces(self, other: Entry, entry: Entry, backbone: Backbone) -> bool:
        mine, its = entry.manifest, other.manifest
        # A checkpoint takes the place of another one; a seed or a file of one's own does not.
        same = mine.identity == its.identity and (
            mine.source == its.source or mine.identity.weights_origin == "pretrained"
        )
        current = same and outdated(other, backbone) is None
        return current and other.is_complete() and self._damage_of(other) is None

    def _damage_of(self, entry: Entry) -> str | None:
        own = self._remembered(entry.folder, entry.verify_own)
        weights = partial(verify_file, entry.weights_path, entry.manifest.weights)
        return own or self._remembered(entry.weights_path, weights)

    def _remembered(self, path: Path, verify: Callable[[], None]) -> str | None:
        if path not in self._damage:
            try:
                verify()
                self._damage[path] = None
            except DamagedEntryError as error:
                self._damage[path] = f"damaged: {error}"
        return self._damage[path]


def _defect(folder: Path) -> str | None:
    """Say what is wrong with the manifest of what is no entry; None where others can read it."""
    try:
        version = version_of((folder / MANIFEST_FILE).read_bytes())
    except OSError:
        return "has no manifest that can be read"
    if version is not None and version != MANIFEST_VERSION:
        return "made by an earlier version of simx" if version < MANIFEST_VERSION else None
    return "its manifest is damaged"


def _remove_export(store: Store, judge: _Judge, folder: Path) -> Status:
    """Move an export to where no process looks for it, and remove it, unless it is needed."""
    with store.workspace() as workspace, store.locked(), ExitStack() as stack:
        if judge.look_again(folder) is None:
            return "kept"
        try:
            manifest = stack.enter_context((folder / MANIFEST_FILE).open("rb"))
        except OSError:
            pass  # without one it cannot be measured
        else:
            if not try_lock(manifest.fileno()):
                return "in use"
        folder.rename(workspace / "pruned")
    return "removed"


def _remove_weights(store: Store, found: Sequence[Needless]) -> Iterator[Needless]:
    if not found:
        return
    with store.locked():
        still = set(_weights_beside(store, _export_folders(store)))
        for each in found:
            path = Path(each.path)
            if path in still:
                path.unlink(missing_ok=True)
            yield _with(each, "removed" if path in still else "kept")


def _remove_locks(store: Store) -> None:
    """Remove the lock files that no process holds."""
    for path in store.root.glob("locks/*.lock"):
        with contextlib.suppress(OSError), lock_file(path, timeout=0) as is_granted:
            if is_granted:
                path.unlink(missing_ok=True)


def _export_folders(store: Store) -> list[Path]:
    found = sorted(store.root.glob("exports/*/*/*"))
    return [path for path in found if _EXPORT.fullmatch(path.name) and path.is_dir()]


def _weights_beside(store: Store, folders: Sequence[Path]) -> list[Path]:
    """Return the weights files that no export in these folders was made from."""
    named: set[str] = set()
    for folder in folders:
        weights = _weights_named_in(folder / MANIFEST_FILE)
        if weights is None:
            return []  # it may be any of them
        named.add(weights)
    files = sorted(path for path in store.root.glob("weights/*") if _WEIGHTS.fullmatch(path.name))
    return [path for path in files if path.stem not in named]


def _weights_named_in(manifest: Path) -> str | None:
    """Return the weights that a manifest names, one of a later version of simx too."""
    try:
        return msgspec.json.decode(manifest.read_bytes(), type=_Naming).weights.sha256
    except (OSError, *UNREADABLE):
        return None


def _needless(kind: Kind, path: Path, reason: str, size: int) -> Needless:
    return Needless(kind=kind, path=str(path), reason=reason, bytes=size)


def _with(found: Needless, status: Status) -> Needless:
    return msgspec.structs.replace(found, status=status)


def _bytes_in(folder: Path) -> int:
    if folder.is_symlink():
        return 0
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())
