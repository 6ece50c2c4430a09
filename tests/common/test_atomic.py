"""A file is replaced whole or not at all."""

import fcntl
import os
import stat
from pathlib import Path

import pytest

from simx.common.atomic import make_folder, write_atomically
from simx.common.errors import SystemFailureError


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


def test_a_private_file_stays_private(tmp_path: Path) -> None:
    """Who could not read the old content cannot read the new one."""
    (tmp_path / "r.json").write_bytes(b"old")
    (tmp_path / "r.json").chmod(0o600)
    write_atomically(tmp_path / "r.json", b"new")

    assert stat.S_IMODE((tmp_path / "r.json").stat().st_mode) == 0o600


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    """An old temporary file goes unless it is locked; a young one and anybody else's file stay."""
    old, locked, young = (tmp_path / f".simx-{digit * 16}.tmp" for digit in "abc")
    other = tmp_path / ".simx-notes.tmp"
    for path in (old, locked, young, other):
        path.write_bytes(b"half")
    for path in (old, locked, other):
        os.utime(path, (0, 0))
    with locked.open("rb") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        write_atomically(tmp_path / "r.json", b"new")

    assert names(tmp_path) == sorted(["r.json", locked.name, young.name, other.name])


def test_a_folder_is_made_with_those_above_it(tmp_path: Path) -> None:
    """Whether or not it is there; something else of its name is a failure."""
    make_folder(tmp_path / "a" / "b" / "c")
    make_folder(tmp_path / "a" / "b" / "c")
    (tmp_path / "file").write_bytes(b"")

    assert (tmp_path / "a" / "b" / "c").is_dir()
    with pytest.raises(OSError, match="exists"):
        make_folder(tmp_path / "file")


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
