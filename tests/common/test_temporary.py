"""Temporary files have one place, and folders on the disk of a result go with their process."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

import simx
from simx.common.errors import SystemFailureError
from simx.common.locking import STALE_SECONDS
from simx.common.temporary import temporary_file, temporary_folder, workspace

HOLD = """
import sys, time
from pathlib import Path
from simx.common.temporary import workspace
with workspace(Path(sys.argv[1])) as folder:
    (folder / "half").write_bytes(b"x")
    print(folder, flush=True)
    time.sleep(600)
"""


def test_a_folder_is_gone_afterwards() -> None:
    """With all that is in it."""
    with temporary_folder() as folder:
        (folder / "file").write_text("content")

    assert not folder.exists()


@pytest.mark.parametrize("make", [temporary_file, lambda: temporary_folder().__enter__()])
def test_a_system_without_a_place_is_explained(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, make: object
) -> None:
    """The message names the variable that sets another place."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "missing")])
    assert callable(make)
    with pytest.raises(SystemFailureError, match="set TMPDIR"):
        make()


def test_no_other_file_of_the_code_makes_temporary_files_there() -> None:
    """All others name the folder to make them in."""
    uses = re.compile(r"tempfile\.(?!gettempdir)\w+\((?!.*\bdir=)")
    package = Path(simx.__file__).parent
    found = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if uses.search(path.read_text(encoding="utf-8"))
    }

    assert found == {"common/temporary.py"}


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
