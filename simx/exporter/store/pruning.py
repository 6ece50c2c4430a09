"""What a store no longer needs, and its removal while other processes use the store.

An export is removed if it is damaged or replaced, unless it is being measured or a later version of
simx made it. It is judged twice, the second time under the store's lock, so that nothing changes.
"""

import contextlib
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
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

_ENDED = "left by a process that has ended"


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
    return _Pruning(store, catalogue).needless()


def prune(store: Store, catalogue: Sequence[Backbone]) -> Iterator[Needless]:
    """Remove what is no longer needed, and yield each with its new status.

    Raises:
        SystemFailureError: the store cannot be written.
    """
    pruning = _Pruning(store, catalogue)
    with store.written():
        for each in pruning.needless():
            status = pruning.remove(each.kind, Path(each.path))
            yield msgspec.structs.replace(each, status=status)
        for path in store.root.glob("locks/*.lock"):
            with contextlib.suppress(OSError), lock_file(path, timeout=0) as is_granted:
                if is_granted:
                    path.unlink(missing_ok=True)


class _Pruning:
    """Decides what is no longer needed, and removes it; reads every file once."""

    def __init__(self, store: Store, catalogue: Sequence[Backbone]) -> None:
        self._store = store
        self._backbones = {(each.model, each.weights): each for each in catalogue}
        self._damage: dict[Path, str | None] = {}

    def needless(self) -> list[Needless]:
        folders = self._exports()
        exports = {folder: found for folder in folders if (found := self._judged(folder))}
        weights = self._weights_beside(folder for folder in folders if folder not in exports)
        folders = sorted(self._store.root.glob("unfinished/*/"))
        unfinished = abandoned(folders, _JUST_MADE_SECONDS)
        return [
            *exports.values(),
            *(_needless("weights", path, "no export was made from it") for path in weights),
            *(_needless("unfinished", path, _ENDED) for path in unfinished),
        ]

    def remove(self, kind: Kind, path: Path) -> Status:
        """Remove a file or folder, unless it is needed or in use by now."""
        match kind:
            case "export":
                return self._remove_export(path)
            case "weights":
                with self._store.locked():
                    if path not in self._weights_beside(self._exports()):
                        return "kept"
                    path.unlink(missing_ok=True)
            case "unfinished":
                for left in abandoned([path], _JUST_MADE_SECONDS):
                    shutil.rmtree(left, ignore_errors=True)
                return "in use" if path.exists() else "removed"
        return "removed"

    def _remove_export(self, folder: Path) -> Status:
        with self._store.workspace() as workspace, self._store.locked(), ExitStack() as stack:
            self._damage.pop(folder, None)  # it may have changed
            if self._judged(folder) is None:
                return "kept"
            with contextlib.suppress(OSError):  # without a manifest it cannot be measured
                if not stack.enter_context(locked(folder / MANIFEST_FILE)):
                    return "in use"
            folder.rename(workspace / "pruned")
        return "removed"

    def _exports(self) -> list[Path]:
        found = sorted(self._store.root.glob("exports/*/*/*"))
        return [path for path in found if _EXPORT.fullmatch(path.name) and path.is_dir()]

    def _weights_beside(self, exports: Iterable[Path]) -> list[Path]:
        named = set()
        for folder in exports:
            try:
                data = (folder / MANIFEST_FILE).read_bytes()
                named.add(msgspec.json.decode(data)["weights"]["sha256"])
            except (OSError, LookupError, TypeError, *UNREADABLE):
                return []  # it may be any of them
        files = sorted(self._store.root.glob("weights/*"))
        return [each for each in files if _WEIGHTS.fullmatch(each.name) and each.stem not in named]

    def _judged(self, folder: Path) -> Needless | None:
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
            if path not in self._damage:
                self._damage[path] = find()
        return self._damage[entry.folder] or self._damage[entry.weights_path]


def _defect(folder: Path) -> str | None:
    """Say what is wrong with an unreadable manifest; None if a later version of simx wrote it."""
    try:
        version = version_of((folder / MANIFEST_FILE).read_bytes())
    except OSError:
        return "has no manifest that can be read"
    if version is not None and version != MANIFEST_VERSION:
        return "made by an earlier version of simx" if version < MANIFEST_VERSION else None
    return "its manifest is damaged"


def _needless(kind: Kind, path: Path, reason: str) -> Needless:
    files = () if path.is_symlink() else (path, *path.rglob("*"))
    size = sum(each.lstat().st_size for each in files if each.is_file())
    return Needless(kind=kind, path=str(path), reason=reason, bytes=size)
