"""A workspace goes with its process, however that ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from simx.common.atomic import STALE_SECONDS
from simx.exporter.store.workspaces import workspace

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
    with process.stdout as names:
        return process, Path(names.readline().strip())


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
    """Other users cannot read unfinished work."""
    with workspace(tmp_path / "new") as folder:
        assert folder.stat().st_mode & 0o077 == 0
        assert list(folder.iterdir()) == []
    assert not folder.exists()
