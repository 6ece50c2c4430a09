"""A worker that the kernel really kills for want of memory, in a control group of its own."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

_GROUPS = Path("/sys/fs/cgroup")
_LIMITS = {_GROUPS / "memory": "memory.limit_in_bytes", _GROUPS: "memory.max"}
"""Where groups are made, and how their memory is limited, in either version of control groups."""

_MOST_BYTES = 200_000_000

_PROGRAM = """
import os, sys
with open(sys.argv[1], "w") as members:
    members.write(str(os.getpid()))
from simx.workers.forking import ForkServer
from simx.workers.worker import WorkerDiedError
from tests.workers.entries import NOTES, Note
with ForkServer("tests.workers.entries:hungry") as launcher:
    for _ in range(2):
        with launcher.launch() as worker:
            try:
                worker.request(Note("all of it"), NOTES, 60)
            except WorkerDiedError as error:
                print(error)
"""


@pytest.fixture
def group() -> Iterator[Path]:
    """Make a group whose processes may use little memory, where this user can."""
    for root, name in _LIMITS.items():
        folder = root / f"simx-test-{os.getpid()}"
        with contextlib.suppress(OSError):
            folder.mkdir()
            try:
                (folder / name).write_text(str(_MOST_BYTES))
                yield folder
                return
            finally:
                folder.rmdir()
    pytest.skip("control groups cannot be made here")


def test_a_memory_kill_is_told(group: Path, counted: Callable[[str], None]) -> None:
    """The worker is killed and not its parent, which says that it was for want of memory."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, group / "cgroup.procs"],
        capture_output=True,
        text=True,
        check=True,
    )

    told = "was killed by SIGKILL because the system ran out of memory before it answered"
    assert done.stdout.splitlines() == [told, told]
    counted("workers really killed for want of memory: 2, told so: 2")
