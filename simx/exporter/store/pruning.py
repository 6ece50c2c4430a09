"""What a store no longer needs, and its removal while other processes use the store.

An export is removed if it is damaged or replaced, unless it is being measured or a later version of
simx made it. It is judged twice, the second time under the store's lock, so that nothing changes.
"""

import contextlib
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Literal

import msgspec

from simx.common.locking import abandoned, lock_file, locked
from simx.common.strict_json import UNREADABLE
from simx.exporter.store.cache_key import RECIPE, outdated
from simx.exporter.store.entry import Entry
from simx.exporter.store.manifest import MANIFEST_FILE, MANIFEST_VERSION, version_of
from simx.exporter.store.store import Store
from simx.models.backbone import Backbone, EmbeddingKind, Precision
from simx.results.schema.report import WeightsOrigin

Kind = Literal["export", "weights", "unfinished"]
Status = Literal["removable", "removed", "in use", "kept"]

_EXPORT = re.compile(r"[a-z]+-[a-z0-9]+-[0-9a-f]{16}")
_WEIGHTS = re.compile(r"[0-9a-f]{64}\.safetensors")

_JUST_MADE_SECONDS = 10.0
"""A younger folder may not be locked yet."""


class Needless(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the store that is no longer needed, as ``--format json`` gives it.

    ``kind`` is ``export``, ``weights`` (a state dict) or ``unfinished`` (left by an ended process).
    ``status`` is ``removable`` before the removal, then ``removed``, ``in use`` or ``kept`` (it was
    needed). The fields of an export are None for the other kinds, and without a readable manifest.
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


def needless(store: Store, catalogue: Sequence[Backbone]) -> list[Needless]:
    """Return what is no longer needed, exports first. Reads every file of every export.

    The catalogue has all known backbones; exports of others stay.
    """
    judge = _Judge(store, catalogue)
    folders = _export_folders(store)
    exports = {folder: found for folder in folders if (found := judge.needless(folder))}
    staying = [folder for folder in folders if folder not in exports]
    weights = [
        _needless("weights", path, "no export was made from it")
        for path in _weights_beside(store, staying)
    ]
    unfinished = [
        _needless("unfinished", path, "left by a process that has ended")
        for path in abandoned(sorted(store.root.glob("unfinished/*/")), _JUST_MADE_SECONDS)
    ]
    return [*exports.values(), *weights, *unfinished]


def prune(store: Store, catalogue: Sequence[Backbone]) -> Iterator[Needless]:
    """Remove what is no longer needed, and yield each with its new status.

    Raises:
        SystemFailureError: the store cannot be written.
    """
    judge = _Judge(store, catalogue)
    remove: dict[Kind, Callable[[Path], Status]] = {
        "export": partial(_remove_export, store, judge),
        "weights": partial(_remove_weights, store),
        "unfinished": _remove_unfinished,
    }
    with store.written():
        for each in needless(store, catalogue):
            status = remove[each.kind](Path(each.path))
            yield msgspec.structs.replace(each, status=status)
        for path in store.root.glob("locks/*.lock"):
            with contextlib.suppress(OSError), lock_file(path, timeout=0) as is_granted:
                if is_granted:
                    path.unlink(missing_ok=True)


class _Judge:
    """Decides which exports are no longer needed, and reads every file once."""

    def __init__(self, store: Store, catalogue: Sequence[Backbone]) -> None:
        self._store = store
        self._backbones = {(each.model, each.weights): each for each in catalogue}
        self.damage: dict[Path, str | None] = {}

    def needless(self, folder: Path) -> Needless | None:
        """Judge the export in a folder; None where it is needed."""
        entry = self._store.entry_in(folder)
        reason = _defect(folder) if entry is None else self._reason(entry)
        if reason is None:
            return None
        identity = {} if entry is None else msgspec.structs.asdict(entry.manifest.identity)
        return msgspec.structs.replace(_needless("export", folder, reason), **identity)

    def _reason(self, entry: Entry) -> str | None:
        identity, made_from = entry.manifest.identity, entry.manifest.made_from
        backbone = self._backbones.get((identity.model, identity.weights))
        if backbone is not None and made_from is not None:
            full = self._store.held(backbone, identity.embedding)
            if all(each.manifest.graph_sha256 != made_from for each in full):
                return "cannot be found: the fp32 export that it was made from is gone"
        if backbone is not None and entry.manifest.recipe <= RECIPE:
            age = outdated(entry, backbone)
            others = self._store.held(backbone, identity.embedding, identity.precision)
            if age is not None and any(self._replaces(each, entry, backbone) for each in others):
                return f"replaced: {age}"
        damage = self._damage_of(entry)
        return damage and f"damaged: {damage}"

    def _replaces(self, other: Entry, entry: Entry, backbone: Backbone) -> bool:
        mine, its = entry.manifest, other.manifest
        # A checkpoint replaces another one; a seed or a user's file does not.
        is_alike = mine.source == its.source or mine.identity.weights_origin == "pretrained"
        return (
            mine.identity == its.identity
            and is_alike
            and outdated(other, backbone) is None
            and other.is_complete()
            and self._damage_of(other) is None
        )

    def _damage_of(self, entry: Entry) -> str | None:
        files = ((entry.folder, entry.own_damage), (entry.weights_path, entry.weights_damage))
        for path, find in files:
            if path not in self.damage:
                self.damage[path] = find()
        return self.damage[entry.folder] or self.damage[entry.weights_path]


def _defect(folder: Path) -> str | None:
    """Say what is wrong with an unreadable manifest; None if a later version of simx wrote it."""
    try:
        version = version_of((folder / MANIFEST_FILE).read_bytes())
    except OSError:
        return "has no manifest that can be read"
    if version is not None and version != MANIFEST_VERSION:
        return "made by an earlier version of simx" if version < MANIFEST_VERSION else None
    return "its manifest is damaged"


def _remove_export(store: Store, judge: _Judge, folder: Path) -> Status:
    """Move an export out of the readers' sight, and remove it, unless it is needed."""
    with store.workspace() as workspace, store.locked(), ExitStack() as stack:
        judge.damage.pop(folder, None)  # it may have changed
        if judge.needless(folder) is None:
            return "kept"
        with contextlib.suppress(OSError):  # without a manifest it cannot be measured
            if not stack.enter_context(locked(folder / MANIFEST_FILE)):
                return "in use"
        folder.rename(workspace / "pruned")
    return "removed"


def _remove_weights(store: Store, path: Path) -> Status:
    with store.locked():
        if path not in _weights_beside(store, _export_folders(store)):
            return "kept"
        path.unlink(missing_ok=True)
    return "removed"


def _remove_unfinished(path: Path) -> Status:
    for left in abandoned([path], _JUST_MADE_SECONDS):
        shutil.rmtree(left, ignore_errors=True)
    return "in use" if path.exists() else "removed"


def _export_folders(store: Store) -> list[Path]:
    found = sorted(store.root.glob("exports/*/*/*"))
    return [path for path in found if _EXPORT.fullmatch(path.name) and path.is_dir()]


def _weights_beside(store: Store, folders: Sequence[Path]) -> list[Path]:
    """Return the weights files that no export in these folders was made from."""
    named = set()
    for folder in folders:
        try:
            data = (folder / MANIFEST_FILE).read_bytes()
            named.add(msgspec.json.decode(data)["weights"]["sha256"])
        except (OSError, LookupError, TypeError, *UNREADABLE):
            return []  # it may be any of them
    files = sorted(path for path in store.root.glob("weights/*") if _WEIGHTS.fullmatch(path.name))
    return [path for path in files if path.stem not in named]


def _needless(kind: Kind, path: Path, reason: str) -> Needless:
    files = () if path.is_symlink() else (path, *path.rglob("*"))
    size = sum(each.lstat().st_size for each in files if each.is_file())
    return Needless(kind=kind, path=str(path), reason=reason, bytes=size)
