"""A workspace goes with its process, however that ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simx.common.atomic import STALE_SECONDS
from simx.exporter.store.workspaces import others_may_write, workspace

HOLD = """
import sys, time
from pathlib import Path
from simx.exporter.store.workspaces import workspace
with workspace(Path(sys.argv[1])) as folder:
    (folder / "half").write_bytes(b"x")
    print(folder, flush=True)
    time.sleep(600)
"""


def hold(parent: Path) -> tuple[subprocess.Popen[str], Path]:
    """Start a process that works in a workspace, and return it with its folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(parent)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def age(path: Path) -> None:
    """Make it older than what may just have been made."""
    before = time.time() - 2 * STALE_SECONDS
    os.utime(path, (before, before))


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    """The next workspace finds it unlocked; a living process's stays, however old it is."""
    living, busy = hold(tmp_path)
    killed, left = hold(tmp_path)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    age(busy)
    age(left)
    try:
        with workspace(tmp_path):
            assert busy.is_dir()
            assert not left.exists()
    finally:
        living.kill()
        living.wait()


def test_what_was_just_left_stays_for_a_while(tmp_path: Path) -> None:
    """A folder that is this young may belong to a process that has not locked it yet."""
    (tmp_path / "young").mkdir()
    with workspace(tmp_path):
        assert (tmp_path / "young").is_dir()


def test_a_workspace_is_private_and_empty(tmp_path: Path) -> None:
    """Nobody else looks into what is not finished."""
    with workspace(tmp_path / "new") as folder:
        assert folder.stat().st_mode & 0o077 == 0
        assert list(folder.iterdir()) == []
    assert not folder.exists()


@pytest.mark.parametrize(("mode", "open_to_all"), [(0o700, False), (0o775, False), (0o777, True)])
def test_a_store_that_all_may_write_to_is_told_of(
    tmp_path: Path, *, mode: int, open_to_all: bool
) -> None:
    """Sharing with a group is a choice, and with everyone an oversight."""
    tmp_path.chmod(mode)

    assert (others_may_write(tmp_path) is not None) == open_to_all


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a folder away")
def test_a_store_of_another_user_is_told_of(tmp_path: Path) -> None:
    """Its owner may change it."""
    os.chown(tmp_path, 12345, 12345)

    assert others_may_write(tmp_path) == "it belongs to another user, who may write to it"


def test_a_store_that_does_not_exist_yet_is_not_reported(tmp_path: Path) -> None:
    """It will be this user's."""
    assert others_may_write(tmp_path / "absent") is None
