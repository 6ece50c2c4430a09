"""Any number of processes on one store."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from simx.exporter.store import Store
from tests.faults.storing import KEYS


def test_a_store_is_everybodys(
    tmp_path: Path, often: Callable[[int, int], int], counted: Callable[[str], None]
) -> None:
    """Writers of the same and of other entries, and readers: each entry is whole, and stays."""
    roles = ["read", "write", "write", "write", "damage", "read"]
    times = often(20, 1000)
    processes = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.faults.storing",
                role,
                str(tmp_path),
                str(seed),
                str(times),
            ],
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed, role in enumerate(roles)
    ]
    complaints = [process.communicate()[1] for process in processes]
    store = Store(tmp_path)

    assert [process.returncode for process in processes] == [0] * len(roles), complaints
    assert {entry.folder.name.rsplit("-", 1)[1] for entry in store.entries()} == set(KEYS)
    assert all(entry.is_sound() for entry in store.entries())
    assert list((tmp_path / "unfinished").iterdir()) == []
    counted(f"sharing: {len(roles)} processes on one store, {times} times each")
