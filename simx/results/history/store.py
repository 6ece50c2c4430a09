"""Reads the entries of many reports, and keeps them in the user's cache folder.

A report is read again only if its size or its time of change differ. The cache is a database of the
standard library's SQLite: one row for each file, its entry as MessagePack. It can be deleted at any
time, and nothing in it is needed.
"""

import gc
import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, nullcontext
from pathlib import Path

import msgspec

from simx.common.errors import InputError, SystemFailureError
from simx.common.input_files import shown
from simx.common.user_folders import cache_folder
from simx.results.comparison.digest import digest
from simx.results.comparison.reading import LARGE_BYTES
from simx.results.files.report import begins_as, moment, read
from simx.results.history.entries import ENTRY_VERSION, Entry, Stored, entry
from simx.results.schema.report import SCHEMA_NAME

CACHE_NAME = "history.sqlite"

LOCK_SECONDS = 60.0
"""How long another process may write to the cache meanwhile."""

_MADE_AT_ONCE = 64
"""Reports between two commits: what is interrupted begins again with the next one."""

_TABLE = """
create table if not exists reports(
    path blob primary key, size integer, changed integer, moment real, entry blob, problem text
) without rowid
"""

_Row = tuple[float | None, bytes | None, str | None]
"""The moment and the entry of a report; else what is wrong with a file, or that it is no report."""


class Collection(msgspec.Struct, frozen=True, kw_only=True):
    """The reports that were found, in the order of their moments, each of them once.

    ``problems`` has a line for each broken report. ``others`` counts JSON files of another kind,
    and ``copies`` reports that another file has, too.
    """

    reports: tuple[Stored, ...]
    problems: tuple[str, ...] = ()
    others: int = 0
    copies: int = 0


def collect(
    paths: Sequence[Path], tell: Callable[[int, int], None] = lambda _done, _of: None
) -> Collection:
    """Read reports, and all those below folders.

    Args:
        paths: Files and folders. A folder's files are those that end in ``.json`` or ``.json.gz``.
        tell: Is called with how many of the new files are read.

    Raises:
        SystemFailureError: The cache cannot be written.
    """
    try:
        with closing(_opened()) as cache:
            return _collected(cache, paths, tell)
    except sqlite3.Error as error:
        raise SystemFailureError(
            f"{_place()}: the cache of reports cannot be used ({error}); delete it and try again"
        ) from error


def _collected(
    cache: sqlite3.Connection, paths: Sequence[Path], tell: Callable[[int, int], None]
) -> Collection:
    named = {os.fsencode(path.absolute()): path for path in paths if not path.is_dir()}
    files = named | {
        os.fsencode(path.absolute()): path
        for folder in paths
        if folder.is_dir()
        for path in sorted(folder.rglob("*.json*"))
        if path.name.endswith((".json", ".json.gz")) and path.is_file()
    }
    seen = cache.execute("select path, size, changed from reports")
    known = {key: (size, changed) for key, size, changed in seen}
    stamps = {key: _stamp(path) for key, path in files.items()}
    new = {key: path for key, path in files.items() if known.get(key) != stamps[key]}
    rows = zip(new, _rows(new.values(), set(named.values())), strict=True)
    for done, (key, row) in enumerate(rows, 1):
        cache.execute("replace into reports values (?, ?, ?, ?, ?, ?)", (key, *stamps[key], *row))
        if done % _MADE_AT_ONCE == 0:
            cache.commit()
            tell(done, len(new))
    cache.commit()
    return _chosen(cache, files)


def _chosen(cache: sqlite3.Connection, files: dict[bytes, Path]) -> Collection:
    cache.execute("create temporary table asked(path blob primary key)")
    cache.executemany("insert into asked values (?)", ((key,) for key in files))
    rows = cache.execute(
        "select path, entry, problem from asked join reports using (path) order by moment, path"
    )
    decoder = msgspec.msgpack.Decoder(Entry)
    reports: list[Stored] = []
    problems: list[str] = []
    others, copies, seen = 0, 0, set[bytes]()
    for path, data, problem in rows:
        if problem is not None:
            problems.append(problem)
        elif data is None:
            others += 1
        elif (content := hashlib.sha256(data).digest()) in seen:
            copies += 1
        else:
            seen.add(content)
            reports.append(Stored(files[path].name, decoder.decode(data)))
    return Collection(
        reports=tuple(reports), problems=tuple(problems), others=others, copies=copies
    )


def _rows(paths: Iterable[Path], named: set[Path]) -> Iterator[_Row]:
    """Yield the end of each file's row, made on all cores where that takes less time."""
    work = [(path, path in named) for path in paths]
    large = sum(_stamp(path)[0] for path, _ in work) >= LARGE_BYTES
    with ProcessPoolExecutor(os.cpu_count()) if large else nullcontext() as pool:
        yield from pool.map(_row, work, chunksize=_MADE_AT_ONCE) if pool else map(_row, work)


def _row(work: tuple[Path, bool]) -> _Row:
    path, is_named = work
    if not is_named and not begins_as(path, SCHEMA_NAME):
        return None, None, None
    gc.disable()  # as for a comparison: many small records without cycles
    try:
        report = read(path)
        found = entry(digest(report))
    except InputError as error:
        return None, None, str(error)
    finally:
        gc.enable()
    try:
        return moment(report), msgspec.msgpack.encode(found), None
    except InputError as error:
        return None, None, f"{shown(path)}: {error}"


def _stamp(path: Path) -> tuple[int, int]:
    """Return a file's size and its time of change in nanoseconds."""
    try:
        status = path.stat()
    except OSError:
        return 0, 0  # reading it gives the error that explains this
    return status.st_size, status.st_mtime_ns


def _place() -> Path | None:
    folder = cache_folder()
    return folder and folder / CACHE_NAME


def _opened() -> sqlite3.Connection:
    """Open the cache, in memory for a user without a home folder; a damaged one begins anew."""
    path = _place()
    if path is None:
        return _prepared(sqlite3.connect(":memory:"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _prepared(sqlite3.connect(path, timeout=LOCK_SECONDS))
    except (sqlite3.OperationalError, OSError):  # a full or read-only disk, or a lock
        return _prepared(sqlite3.connect(":memory:"))
    except sqlite3.DatabaseError:
        path.unlink(missing_ok=True)
        return _prepared(sqlite3.connect(path, timeout=LOCK_SECONDS))


def _prepared(cache: sqlite3.Connection) -> sqlite3.Connection:
    if cache.execute("pragma user_version").fetchone() != (ENTRY_VERSION,):
        cache.execute("drop table if exists reports")
        cache.execute(f"pragma user_version = {ENTRY_VERSION}")
    cache.execute(_TABLE)
    return cache
