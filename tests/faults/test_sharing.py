"""Any number of processes on one store."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from simx.exporter.store.store import Store
from tests.faults.exporting import Done
from tests.faults.storing import KEYS


def together(root: Path, each: int, seconds: int, kind: str) -> list[Done]:
    """Run exporters, as many readers, and one that prunes; return what each has done."""
    roles = ["export"] * each + ["load"] * each + ["prune"]
    processes = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.faults.exporting"),
                *(role, str(root), str(number), str(seconds), kind),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number, role in enumerate(roles)
    ]
    outputs = [process.communicate() for process in processes]

    complaints = [error for _, error in outputs if error]
    assert [process.returncode for process in processes] == [0] * len(roles), complaints
    return [msgspec.json.decode(out, type=Done) for out, _ in outputs]


def test_exporters_and_readers_share_a_store(
    tmp_path: Path, often: Callable[[int, int], int], counted: Callable[[str], None]
) -> None:
    """No load fails, no entry is of two exports, none is made twice, and none is lost.

    The long form is with real exports and real sessions.
    """
    each, seconds, kind = often(2, 8), often(2, 300), "real" if often(0, 1) else "fake"
    done = together(tmp_path, each, seconds, kind)
    made, taken = sum(one.made for one in done), sum(one.taken for one in done)
    loaded = sum(one.loaded for one in done)
    entries = Store(tmp_path).entries()

    assert loaded > 0
    assert made == len(entries)
    assert all(entry.damage() is None for entry in entries)
    assert list((tmp_path / "unfinished").iterdir()) == []
    counted(
        f"sharing: {each} exporters and {each} readers, {seconds} s of {kind} exports: "
        f"{made} made, {taken} taken from others, {loaded} loads, 0 failed, 0 mixed"
    )


def test_a_store_is_shared(
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
    assert all(entry.damage() is None for entry in store.entries())
    assert list((tmp_path / "unfinished").iterdir()) == []
    counted(f"sharing: {len(roles)} processes on one store, {times} times each")
