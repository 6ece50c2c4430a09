"""A memory kill is told from other kills where the system counts them."""

from pathlib import Path

import pytest

from simx.workers.memory_kills import MemoryKills, Verdict, count_memory_kills


@pytest.mark.parametrize(
    ("own", "file"),
    [
        ("0::/job\n", "job/memory.events"),
        ("12:cpu:/job\n4:memory:/job\n0::/\n", "memory/job/memory.oom_control"),
        ("4:memory:/seen/from/outside\n", "memory/memory.oom_control"),
    ],
)
def test_the_group_s_count_is_read(tmp_path: Path, own: str, file: str) -> None:
    """Of either version of control groups, in a container that sees itself as the root, too."""
    (tmp_path / "own").write_text(own)
    (tmp_path / "vmstat").write_text("pgfault 1\noom_kill 9\n")
    events = tmp_path / "groups" / file
    events.parent.mkdir(parents=True)
    events.write_text("low 0\noom 4\noom_kill 3\n")

    found = count_memory_kills(tmp_path / "own", tmp_path / "groups", tmp_path / "vmstat")
    assert found == MemoryKills(group=3, system=9)


def test_a_system_that_does_not_count_says_nothing(tmp_path: Path) -> None:
    """Files that are absent or say something else are no count."""
    (tmp_path / "own").write_text("0::/\nnonsense\n4:memory:/\n")
    (tmp_path / "vmstat").write_text("oom_kill many\n")
    found = count_memory_kills(tmp_path / "own", tmp_path, tmp_path / "vmstat")

    assert found == MemoryKills(group=None, system=None)


@pytest.mark.parametrize(
    ("before", "later", "verdict"),
    [
        ((1, 5), (2, 6), "yes"),
        ((1, 5), (1, 6), "likely"),
        ((None, 5), (None, 6), "likely"),
        ((1, 5), (1, 5), "no"),
        ((None, None), (None, None), "unknown"),
    ],
)
def test_a_count_that_rose_tells(
    before: tuple[int | None, int | None], later: tuple[int | None, int | None], verdict: Verdict
) -> None:
    """One's own group's count is proof, the whole system's a hint."""
    assert MemoryKills(*before).verdict(MemoryKills(*later)) == verdict
