"""A store behind a URL of fsspec, such as ``s3://``, with a local copy of what is needed here.

::

    URL/files/SHA256                                            a file of any entries
    URL/exports/MODEL/WEIGHTS/EMBEDDING-PRECISION-KEY.json      the manifest of one entry

A manifest is written after its files, where none is: the first one stays, and others take its
files, so that all measure equal bytes. It is replaced only if a file is missing or damaged there.
The copy is a usual store in the user's cache folder, with the manifests that were looked up and the
files that were needed.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from simx.common.atomic import make_folder, write_synced
from simx.common.errors import InputError, ProviderUnavailableError, SystemFailureError
from simx.common.input_files import InputPath, is_url
from simx.common.safe_text import clean
from simx.common.user_folders import cache_folder, homeless
from simx.exporter.store import manifest as manifests
from simx.exporter.store.entry import Entry, record_of
from simx.exporter.store.manifest import FileRecord, Manifest
from simx.exporter.store.store import Store, is_moved


def opened_store(name: InputPath, on_damage: Callable[[str], None] = lambda _: None) -> Store:
    """Return the store in a folder or behind a URL; nothing is asked or written yet.

    Raises:
        InputError: the URL has a secret in it, or fsspec cannot write there.
        ProviderUnavailableError: a package for it is not installed.
    """
    return RemoteStore(os.fspath(name), on_damage) if is_url(name) else Store(Path(name), on_damage)


class RemoteStore(Store):
    """A store with a local copy in ``root``; what fails there is a ``SystemFailureError``."""

    def __init__(self, url: str, on_damage: Callable[[str], None]) -> None:
        url, cache = url.rstrip("/"), cache_folder()
        if cache is None:
            raise homeless("name a folder for the local copy with XDG_CACHE_HOME")
        copy = cache / "stores" / hashlib.sha256(url.encode()).hexdigest()[:16]
        super().__init__(copy, on_damage)
        self.name = url
        self._system, self._place = _opened(url)
        self._contents = f"{self._place}/files"
        self._damaged: set[str] = set()

    def entries(self, pattern: str = "*/*/*") -> list[Entry]:
        """Return all readable entries in the copy or there."""
        for name in self._names:
            if PurePosixPath(name).match(pattern):
                self._copy(self.root / "exports" / name)
        return super().entries(pattern)

    def entry_in(self, folder: Path) -> Entry | None:
        """Return the entry in a folder of the copy, whose manifest may be there only."""
        self._copy(folder)
        return super().entry_in(folder)

    def bring(self, entry: Entry) -> Entry:
        """Get the files that the copy lacks, as far as they are there with their hashes."""
        if entry.is_complete():
            return entry
        super().discard(entry)  # another process may have replaced it there
        entry = self.entry_in(entry.folder) or entry
        with self.workspace() as workspace, self.written():
            folder, weights = workspace / "entry", workspace / "weights"
            folder.mkdir()
            files = {folder / name: record for name, record in entry.manifest.files.items()}
            if entry.weights_damage():
                files[weights] = entry.manifest.weights
            for path, record in files.items():
                if self._is_there(record):
                    with self._reached():
                        self._system.get_file(f"{self._contents}/{record.sha256}", str(path))
                    if record_of(path) == record:
                        continue
                self._damaged.add(record.sha256)
                self._on_damage(f"{self.name}/files/{record.sha256} is missing or damaged")
                return entry
            return super().publish(folder, weights, entry.manifest, entry.key)

    def publish(self, prepared: Path, weights: Path, manifest: Manifest, key: str) -> Entry:
        """Publish an entry there and in the copy; if a sound one is there, bring it instead."""
        folder, data = self._folder(manifest.identity, key), manifests.sealed(manifest)
        files = {prepared / name: record for name, record in manifest.files.items()}
        while True:
            earlier = self._read(folder)
            found = self.entry_in(folder)
            if found is None:  # a manifest in the copy is damaged, if there is one
                shutil.rmtree(folder, ignore_errors=True)
                found = self.entry_in(folder)
            if found is not None and (found := self.bring(found)).is_complete():
                return found
            for path, record in (files | {weights: manifest.weights}).items():
                if not self._is_there(record):
                    with self._reached():
                        self._system.put_file(str(path), f"{self._contents}/{record.sha256}")
                    self._damaged.discard(record.sha256)
            if earlier is not None and self._read(folder) == earlier:  # nobody has replaced it
                with self._reached():
                    self._system.rm_file(self._manifest(folder))
            with self._reached(FileExistsError):
                self._system.pipe_file(self._manifest(folder), data, mode="create")
            if self._read(folder) == data:  # otherwise another process was first
                return super().publish(prepared, weights, manifest, key)

    def require_writable(self) -> None:
        """Fail before any work is done, by a small file there that stays."""
        super().require_writable()
        with self._reached():
            self._system.pipe_file(f"{self._place}/writable", b"simx\n")

    @cached_property
    def _names(self) -> list[str]:
        """MODEL/WEIGHTS/... of the manifests there; asked for once."""
        found: list[str] = []
        with self._reached(FileNotFoundError):
            self._system.invalidate_cache()
            found = self._system.find(f"{self._place}/exports")
        paths = (each.removesuffix(".json").split("/")[-3:] for each in found)
        return ["/".join(parts) for parts in paths if not {"", ".", ".."} & {*parts}]

    def _copy(self, folder: Path) -> None:
        """Write the manifest of an entry, if the copy lacks it and it is sound there."""
        is_here = os.path.lexists(folder / manifests.MANIFEST_FILE)
        if is_here or (data := self._read(folder)) is None:
            return
        try:
            manifests.manifest_of(data, self._manifest(folder))
        except InputError as error:
            self._on_damage(str(error))
            return
        with self.workspace() as workspace, self.written():
            prepared = workspace / "entry"
            prepared.mkdir()
            write_synced(prepared / manifests.MANIFEST_FILE, data)
            make_folder(folder.parent)
            is_moved(prepared, folder)

    def _manifest(self, folder: Path) -> str:
        return f"{self._place}/{folder.relative_to(self.root).as_posix()}.json"

    def _read(self, folder: Path) -> bytes | None:
        """Return a manifest as it is there; None where none is."""
        data = None
        with self._reached(FileNotFoundError):
            data = self._system.cat_file(self._manifest(folder), end=manifests.MANIFEST.most_bytes)
        return None if data is None else bytes(data)

    def _is_there(self, record: FileRecord) -> bool:
        """Whether a file is there with its size, and is not known to be damaged."""
        size = None
        with self._reached(FileNotFoundError):
            size = self._system.info(f"{self._contents}/{record.sha256}")["size"]
        return size == record.bytes and record.sha256 not in self._damaged

    @contextmanager
    def _reached(self, *expected: type[Exception]) -> Iterator[None]:
        """Suppress what is expected, and say in one line what else the file system raises."""
        try:
            yield
        except expected:
            pass
        except Exception as error:  # noqa: BLE001 - each file system has its own errors
            reason = clean(str(error)) or type(error).__name__
            problem = f"cannot be reached ({reason}); look at address, permissions and network"
            raise SystemFailureError(f"store {self.name}: {problem}") from None


def _opened(url: str) -> tuple[Any, str]:
    """Return fsspec's file system of a URL, and the place in it."""
    scheme = url.partition(":")[0]
    if re.search(r"://[^@]*:[^@]*@|\?", url):  # a query can hold a signature
        raise InputError(
            f"store {scheme}://...: has a password or a query in it; leave it out, and give "
            f"credentials where fsspec's package for {scheme} looks for them"
        )
    problem = "nothing can be written there"
    try:
        from fsspec.core import url_to_fs  # noqa: PLC0415 - only a URL needs it

        if scheme.lower() not in {"http", "https"}:
            system, place = url_to_fs(url, **{"auto_mkdir": True} if scheme == "file" else {})
            return system, place
    except ImportError as error:
        lacks = str(getattr(error.__cause__ or error, "name", None)).partition(".")[0]
        raise ProviderUnavailableError(f"store {url}: needs {lacks}; pip install {lacks}") from None
    except Exception as error:  # noqa: BLE001 - each file system has its own errors
        problem = clean(str(error))
    raise InputError(f"store {url}: {problem}; name a folder, or a URL such as s3://BUCKET/FOLDER")
