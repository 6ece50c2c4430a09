"""A lock belongs to one holder at a time, and ends with its process."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from simx.common.locking import lock_file, try_lock


def test_a_locked_file_cannot_be_locked_again(tmp_path: Path) -> None:
    """An open file that is locked cannot be locked again before it closes."""
    path = tmp_path / "file"
    path.write_bytes(b"")
    with path.open("rb") as first, path.open("rb") as second:
        assert try_lock(first.fileno())
        assert not try_lock(second.fileno())
    with path.open("rb") as third:
        assert try_lock(third.fileno())


def test_shared_locks_exclude_an_exclusive_one_alone(tmp_path: Path) -> None:
    """Several descriptors share a lock, and none gets it exclusively meanwhile."""
    path = tmp_path / "file"
    path.write_bytes(b"")
    with path.open("rb") as first, path.open("rb") as second, path.open("rb") as third:
        assert try_lock(first.fileno(), shared=True)
        assert try_lock(second.fileno(), shared=True)
        assert not try_lock(third.fileno())


def test_a_second_holder_of_a_lock_file_is_refused(tmp_path: Path) -> None:
    """A lock file is held by one, and free again afterwards."""
    path = tmp_path / "name.lock"
    with lock_file(path, timeout=0) as first, lock_file(path, timeout=0) as second:
        assert first
        assert not second
    with lock_file(path, timeout=0) as third:
        assert third


def test_a_timeout_ends_the_wait(tmp_path: Path) -> None:
    """Who waits hears of it once, and is refused when the time is over."""
    path, waits = tmp_path / "name.lock", []
    with (
        lock_file(path),
        lock_file(path, timeout=0.25, on_wait=lambda: waits.append("waiting")) as is_granted,
    ):
        assert not is_granted
    assert waits == ["waiting"]


def test_a_wait_ends_when_the_holder_does(tmp_path: Path) -> None:
    """A lock that is waited for is granted as soon as its holder releases it."""
    path, release = tmp_path / "name.lock", threading.Event()
    held = threading.Event()

    def hold() -> None:
        with lock_file(path):
            held.set()
            release.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    with lock_file(path, on_wait=release.set) as is_granted:
        assert is_granted
    holder.join()


def test_a_killed_process_gives_its_lock_up(tmp_path: Path) -> None:
    """A process that is killed while it holds a lock file leaves it free."""
    path = tmp_path / "name.lock"
    script = (
        "import sys, time, pathlib\n"
        "from simx.common.locking import lock_file\n"
        "with lock_file(pathlib.Path(sys.argv[1])):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, path], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with lock_file(path, timeout=0) as is_granted:
            assert not is_granted
        process.kill()
        process.wait()
    with lock_file(path, timeout=0) as is_granted:
        assert is_granted


def test_a_lock_file_that_was_removed_locks_nothing(tmp_path: Path) -> None:
    """Who waits for a lock file that its holder removes gets the lock of the new file."""
    path = tmp_path / "name.lock"
    with lock_file(path):
        path.unlink()
        with lock_file(path, timeout=0) as second, lock_file(path, timeout=0) as third:
            assert second
            assert not third


def test_a_waiter_does_not_take_a_removed_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is removed between opening and locking it is not taken for the lock."""
    path, real = tmp_path / "name.lock", os.fstat
    removals = iter([path])

    def remove_once(descriptor: int) -> os.stat_result:
        status = real(descriptor)
        for removed in removals:
            removed.unlink()
        return status

    monkeypatch.setattr(os, "fstat", remove_once)
    with lock_file(path, timeout=5) as first, lock_file(path, timeout=0) as second:
        assert first
        assert path.exists()
        assert not second


@pytest.mark.parametrize("kind", ["symbolic link", "hard link", "pipe", "folder"])
def test_anything_but_a_plain_file_is_refused(tmp_path: Path, kind: str) -> None:
    """A link in the place of a lock file, or another kind of file, is an error and stays as it is.

    What a link leads to is neither made nor changed.
    """
    path, target = tmp_path / "name.lock", tmp_path / "target"
    if kind == "symbolic link":
        path.symlink_to(target)
    elif kind == "hard link":
        target.write_bytes(b"content")
        path.hardlink_to(target)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()

    with pytest.raises(OSError, match=r"symbolic links|regular file|directory"), lock_file(path):
        pass

    assert kind == "hard link" or not target.exists()
    assert kind != "hard link" or target.read_bytes() == b"content"
