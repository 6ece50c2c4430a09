"""Limits are found wherever in the tree of control groups they are set."""

from collections.abc import Callable
from pathlib import Path

import pytest

from simx.common import cgroups
from simx.common.cgroups import cpu_quota, memory_kills, memory_left, throttled_ns

Files = dict[str, str]
Tree = Callable[[str, Files], None]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """Write a process's groups, and the files of a tree of groups."""
    monkeypatch.setattr(cgroups, "OWN", tmp_path / "own")
    monkeypatch.setattr(cgroups, "ROOT", tmp_path / "groups")

    def write(own: str, files: Files) -> None:
        (tmp_path / "own").write_text(own)
        for name, text in files.items():
            path = tmp_path / "groups" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")

    return write


def quotas(**groups: str) -> Files:
    """Return the files of version 2 for the quotas of groups ``a``, ``b`` (in a) and ``root``."""
    folders = {"root": "", "a": "a/", "b": "a/b/"}
    return {f"{folders[group]}cpu.max": f"{quota} 100000" for group, quota in groups.items()}


def quota_1(group: str, quota: int) -> Files:
    """Return the files of version 1 for the quota of a group."""
    return {f"{group}/cpu.cfs_quota_us": str(quota), f"{group}/cpu.cfs_period_us": "100000"}


HALF_OF_CPUACCT = quota_1("cpu,cpuacct/a", 150000) | quota_1("cpu,cpuacct/a/b", -1)
SEEN_FROM_BELOW = {"cpu.max": "300000 100000", "inner/cpu.max": "100000 100000"}
QUOTAS = {
    "version 2, in the root": ("0::/\n", quotas(root="150000"), 1.5),
    "version 2, none": ("0::/\n", {"cpu.max": "max 100000"}, None),
    "version 2, own group": ("0::/a/b\n", quotas(b="150000"), 1.5),
    "version 2, parent": ("0::/a/b\n", quotas(a="50000", b="max"), 0.5),
    "version 2, the smallest": ("0::/a/b\n", quotas(root="800000", a="200000", b="400000"), 2.0),
    "version 2, another's": ("0::/a\n", quotas(root="max") | {"a/x": "", "b/cpu.max": "1 1"}, None),
    "version 2, a hidden group": ("0::/a/b\n", quotas(root="300000"), 3.0),
    "version 2, seen from below": ("0::/machine/job/inner\n", SEEN_FROM_BELOW, 1.0),
    "version 2, above the namespace": ("0::/../x\n", quotas(root="300000"), 3.0),
    "version 1, in the root": ("4:cpu,cpuacct:/\n", quota_1("cpu", 400000), 4.0),
    "version 1, none": ("4:cpu:/\n", quota_1("cpu", -1), None),
    "version 1, parent": ("4:cpu,cpuacct:/a/b\n1:name=systemd:/a\n", HALF_OF_CPUACCT, 1.5),
    "both versions": ("4:cpu:/a\n0::/\n", quotas(root="100000") | quota_1("cpu/a", 50000), 0.5),
    "groups that are not stated": ("", quotas(root="150000"), 1.5),
    "lines that are none": ("nonsense\n\n4:cpu\n", {"cpu.max": "many 0"}, None),
    "no files": ("0::/a\n", {"x": ""}, None),
}


@pytest.mark.parametrize("case", QUOTAS)
def test_the_smallest_quota_above_a_process_counts(tree: Tree, case: str) -> None:
    """Its own group's or an ancestor's, and of a group that is not visible the ancestors'."""
    own, files, expected = QUOTAS[case]
    tree(own, files)

    assert cpu_quota() == expected


THROTTLED = {
    "version 2": ("0::/\n", {"cpu.stat": "nr_throttled 2\nthrottled_usec 30"}, 30_000),
    "version 2, with its parent": (
        "0::/a/b\n",
        {"a/cpu.stat": "throttled_usec 5", "a/b/cpu.stat": "throttled_usec 30"},
        35_000,
    ),
    "version 2, without a quota": ("0::/\n", {"cpu.stat": "usage_usec 99"}, None),
    "version 1": ("4:cpu,cpuacct:/a\n", {"cpu,cpuacct/a/cpu.stat": "throttled_time 70"}, 70),
    "another group": ("0::/a\n", {"a/x": "", "b/cpu.stat": "throttled_usec 5"}, None),
}


@pytest.mark.parametrize("case", THROTTLED)
def test_throttling_is_summed_over_the_groups_above_a_process(tree: Tree, case: str) -> None:
    """In nanoseconds, as either version counts it."""
    own, files, expected = THROTTLED[case]
    tree(own, files)

    assert throttled_ns() == expected


def memory_2(group: str, most: str, used: int) -> Files:
    """Return the files of version 2 for a group's limit and use."""
    return {f"{group}memory.max": most, f"{group}memory.current": str(used)}


def memory_1(group: str, most: int, used: int) -> Files:
    """Return the files of version 1 for a group's limit and use."""
    place = f"memory/{group}memory"
    return {f"{place}.limit_in_bytes": str(most), f"{place}.usage_in_bytes": str(used)}


STAT = {"a/memory.stat": "anon 600\ninactive_file 50"}
STAT_1 = {"memory/memory.stat": "inactive_file 1\ntotal_inactive_file 30"}
TWO = memory_2("a/", "1000", 900) | memory_2("a/b/", "max", 10)
PARENT_HAS_LESS = memory_2("a/", "2000", 1950) | memory_2("a/b/", "1000", 10)
GRANDPARENT = memory_1("a/", 1000, 400) | memory_1("a/b/c/", 9223372036854771712, 100)
LEFT = {
    "version 2, own group": ("0::/a\n", memory_2("a/", "1000", 700) | STAT, 350),
    "version 2, parent": ("0::/a/b\n", TWO, 100),
    "version 2, parent has less left than the group": ("0::/a/b\n", PARENT_HAS_LESS, 50),
    "version 2, nothing left": ("0::/\n", memory_2("", "1000", 1200), 0),
    "version 2, none": ("0::/\n", memory_2("", "max", 5), None),
    "version 1, from outside": ("4:memory:/from/outside\n", memory_1("", 1000, 400) | STAT_1, 630),
    "version 1, grandparent": ("4:memory:/a/b/c\n", GRANDPARENT, 600),
    "no files": ("0::/a\n", {"x": ""}, None),
}


@pytest.mark.parametrize("case", LEFT)
def test_the_least_memory_above_a_process_counts(tree: Tree, case: str) -> None:
    """What is used is taken off each group's limit, and cached files are not used."""
    own, files, expected = LEFT[case]
    tree(own, files)

    assert memory_left() == expected


@pytest.mark.parametrize(
    ("own", "file"),
    [
        ("0::/job\n", "job/memory.events"),
        ("12:cpu:/job\n4:memory:/job\n0::/\n", "memory/job/memory.oom_control"),
        ("4:memory:/seen/from/outside\n", "memory/memory.oom_control"),
    ],
)
def test_the_group_s_memory_kills_are_counted(tree: Tree, own: str, file: str) -> None:
    """Of either version, in a container that sees itself as the root, too."""
    tree(own, {file: "low 0\noom 4\noom_kill 3\n"})

    assert memory_kills() == 3


def test_memory_kills_of_other_groups_do_not_count(tree: Tree) -> None:
    """An ancestor's count has those of all groups below it."""
    files = {"a/b/memory.max": "max\n", "a/memory.events": "oom_kill 3\n"}
    tree("0::/a/b\n", files)

    assert memory_kills() is None


def test_memory_kills_that_are_not_counted_are_unknown(tree: Tree) -> None:
    """A file that is absent, or holds something else, has no count."""
    tree("0::/\nnonsense\n4:memory:/\n", {"memory.events": "oom_kill many\n"})

    assert memory_kills() is None
