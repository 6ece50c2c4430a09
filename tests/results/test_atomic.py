"""A file is replaced whole or not at all."""

import os
import stat
from pathlib import Path

import pytest

from simx.errors import SystemFailureError
from simx.results.atomic import write_atomically


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_new_file_holds_the_bytes_and_nothing_else_stays(tmp_path: Path) -> None:
    """The target has the content, and no temporary file is left beside it."""
    write_atomically(tmp_path / "r.json", b"new")

    assert (tmp_path / "r.json").read_bytes() == b"new"
    assert names(tmp_path) == ["r.json"]


def test_the_umask_decides_who_may_read(tmp_path: Path) -> None:
    """A file is as readable as one made by any other program, not as private as a temporary one."""
    before = os.umask(0o022)
    try:
        write_atomically(tmp_path / "r.json", b"new")
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "r.json").stat().st_mode) == 0o644


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_a_failing_disk_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Where the system refuses, the old content and no temporary file remain."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "r.json").write_bytes(b"old")
    if call == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    else:
        monkeypatch.setattr(Path, "replace", full)

    with pytest.raises(SystemFailureError, match=r"r\.json: No space left on device"):
        write_atomically(tmp_path / "r.json", b"new")

    assert (tmp_path / "r.json").read_bytes() == b"old"
    assert names(tmp_path) == ["r.json"]


def test_an_interruption_leaves_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is no error of the system passes through, and the temporary file goes all the same."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)

    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "r.json", b"new")

    assert names(tmp_path) == []


def test_an_absent_folder_is_a_failure(tmp_path: Path) -> None:
    """The folder is not made: it may be misspelt."""
    with pytest.raises(SystemFailureError, match="No such file or directory"):
        write_atomically(tmp_path / "absent" / "r.json", b"new")


def test_a_symbolic_link_is_followed(tmp_path: Path) -> None:
    """A link to a report stays a link, and what it names is replaced."""
    (tmp_path / "latest.json").symlink_to("r.json")

    write_atomically(tmp_path / "latest.json", b"new")

    assert (tmp_path / "latest.json").is_symlink()
    assert (tmp_path / "r.json").read_bytes() == b"new"


def test_a_pipe_stays_a_pipe(tmp_path: Path) -> None:
    """A target that is no regular file is written to, never renamed over."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    write_atomically(path, b"new")

    received = os.read(reader, 10)
    os.close(reader)
    assert received == b"new"
    assert stat.S_ISFIFO(path.stat().st_mode)
