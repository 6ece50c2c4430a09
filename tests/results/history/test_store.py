"""The cache of entries: each report is read once, and only what changed is read again."""

import gzip
import os
import sqlite3
from pathlib import Path

import pytest

from simx.results.files.report import write
from simx.results.history import store
from simx.results.history.store import CACHE_NAME, collect
from tests.results.history.series import day


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let each test have a cache of its own, and return its file."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setattr(store, "cache_folder", lambda: folder)
    return folder / CACHE_NAME


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """Return a folder of three reports, the latest of which has the first name."""
    folder = tmp_path / "reports"
    (folder / "below").mkdir(parents=True)
    write(folder / "a.json", day(2))
    write(folder / "b.json", day(0))
    write(folder / "below" / "c.json", day(1))
    return folder


def names(*paths: Path) -> list[str]:
    return [each.name for each in collect(paths).reports]


def replaced(path: Path, data: bytes, *, seconds: int = 0) -> None:
    """Write other data, with the file's old time of change or a later one."""
    status = path.stat()
    path.write_bytes(data)
    changed = status.st_mtime_ns + seconds * 10**9
    os.utime(path, ns=(changed, changed))


def test_reports_come_in_the_order_of_their_moments(reports: Path) -> None:
    """The order is that of the reports' moments, not of their names or folders."""
    assert names(reports) == ["b.json", "c.json", "a.json"]


def test_an_unchanged_file_is_not_read_again(reports: Path) -> None:
    """A file of the same size and time of change gives what was read first."""
    names(reports)
    path = reports / "b.json"
    replaced(path, b" " * path.stat().st_size)

    assert names(reports) == ["b.json", "c.json", "a.json"]


def test_a_changed_file_is_read_again(reports: Path) -> None:
    """A file of another time of change is read, and a broken one is told each time."""
    names(reports)
    path = reports / "b.json"
    replaced(path, path.read_bytes()[:-20], seconds=1)

    for _ in range(2):
        found = collect([reports])
        assert [each.name for each in found.reports] == ["c.json", "a.json"]
        (problem,) = found.problems
        assert problem.startswith(f"{path}: not JSON")


def test_only_what_is_asked_for_is_given(reports: Path) -> None:
    """Reports in the cache that are not named, or are gone, do not count."""
    names(reports)
    (reports / "a.json").unlink()

    assert names(reports) == ["b.json", "c.json"]
    assert names(reports / "b.json") == ["b.json"]


def test_other_files_are_counted_and_copies_count_once(reports: Path) -> None:
    """JSON of another kind is no problem in a folder, and the same report counts once."""
    (reports / "other.json").write_text("{}")
    (reports / "notes.txt").write_text("simx-report")
    copy = (reports / "b.json").read_bytes()
    (reports / "packed.json.gz").write_bytes(gzip.compress(copy))
    found = collect([reports])

    assert len(found.reports) == 3
    assert (found.others, found.copies, found.problems) == (1, 1, ())


def test_a_named_file_of_another_kind_is_a_problem(tmp_path: Path) -> None:
    """What is named has to be a report."""
    path = tmp_path / "other.json"
    path.write_text("{}")

    assert "not a simx report" in collect([path]).problems[0]


def test_a_date_that_does_not_exist_is_a_problem(reports: Path) -> None:
    """A report of 31 February is told and the others are read."""
    text = (reports / "b.json").read_text()
    (reports / "b.json").write_text(text.replace("2026-01-01T", "2026-02-31T"))
    found = collect([reports])

    assert len(found.reports) == 2
    assert "2026-02-31" in found.problems[0]


@pytest.mark.parametrize("damage", [b"no database at all", b""], ids=["foreign", "empty"])
def test_a_damaged_cache_begins_anew(reports: Path, cache: Path, damage: bytes) -> None:
    """What is no database is replaced."""
    cache.write_bytes(damage)

    assert len(names(reports)) == 3
    assert len(names(reports)) == 3


def test_a_cache_of_another_version_begins_anew(
    reports: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entries of another version of simx are made again."""
    names(reports)
    replaced(reports / "b.json", b" " * (reports / "b.json").stat().st_size)
    monkeypatch.setattr(store, "ENTRY_VERSION", 1000)

    assert len(names(reports)) == 2
    with sqlite3.connect(cache) as opened:
        assert opened.execute("pragma user_version").fetchone() == (1000,)


def test_a_cache_is_not_needed(reports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without a home folder reads all reports each time."""
    monkeypatch.setattr(store, "cache_folder", lambda: None)

    assert len(names(reports)) == 3


def test_a_locked_cache_is_not_waited_for_long(
    reports: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another process writes to the cache, all reports are read without it."""
    names(reports)
    write(reports / "d.json", day(3))
    monkeypatch.setattr(store, "LOCK_SECONDS", 0.0)
    with sqlite3.connect(cache) as other:
        other.execute("begin exclusive")

        assert len(names(reports)) == 4


def test_progress_is_told(reports: Path) -> None:
    """Every so many new files, the number of those that are read is told."""
    for number in range(3, 70):
        write(reports / f"{number}.json", day(number, models=["resnet18"], backends=["ort"]))
    told: list[tuple[int, int]] = []
    collect([reports], lambda done, of: told.append((done, of)))

    assert told == [(64, 70)]
