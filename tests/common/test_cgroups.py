"""Limits are found wherever in the tree of control groups they are set."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from simx.common.cgroups import cpu_quota, memory_kills, memory_left, throttled_ns


def tree(folder: Path, own: str, files: Mapping[str, str]) -> tuple[Path, Path]:
    """Write a process's groups, and the files of a tree of groups."""
    (folder / "own").write_text(own)
    for name, text in files.items():
        path = folder / "groups" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "own", folder / "groups"


FREE = {"cpu.max": "max 100000\n"}
QUOTAS = {
    "version 2, in the root": ("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5),
    "version 2, none": ("0::/\n", FREE, None),
    "version 2, own group": ("0::/a/b\n", {"a/b/cpu.max": "150000 100000\n"}, 1.5),
    "version 2, parent": (
        "0::/a/b\n",
        {"a/cpu.max": "50000 100000\n", "a/b/cpu.max": "max 100000\n"},
        0.5,
    ),
    "version 2, the smallest of three": (
        "0::/a/b\n",
        {
            "cpu.max": "800000 100000\n",
            "a/cpu.max": "200000 100000\n",
            "a/b/cpu.max": "400000 100000\n",
        },
        2.0,
    ),
    "version 2, another group's": ("0::/a\n", FREE | {"a/x": "", "b/cpu.max": "1 1\n"}, None),
    "version 2, a hidden group": ("0::/a/b\n", {"cpu.max": "300000 100000\n"}, 3.0),
    "version 2, seen from below": (
        "0::/machine/job/inner\n",
        {"cpu.max": "300000 100000\n", "inner/cpu.max": "100000 100000\n"},
        1.0,
    ),
    "version 2, above the namespace": ("0::/../x\n", {"cpu.max": "300000 100000\n"}, 3.0),
    "version 1, in the root": (
        "4:cpu,cpuacct:/\n",
        {"cpu/cpu.cfs_quota_us": "400000", "cpu/cpu.cfs_period_us": "100000"},
        4.0,
    ),
    "version 1, none": (
        "4:cpu:/\n",
        {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"},
        None,
    ),
    "version 1, parent": (
        "4:cpu,cpuacct:/a/b\n1:name=systemd:/a\n",
        {
            "cpu,cpuacct/a/cpu.cfs_quota_us": "150000\n",
            "cpu,cpuacct/a/cpu.cfs_period_us": "100000\n",
            "cpu,cpuacct/a/b/cpu.cfs_quota_us": "-1\n",
            "cpu,cpuacct/a/b/cpu.cfs_period_us": "100000\n",
        },
        1.5,
    ),
    "both versions": (
        "4:cpu:/a\n0::/\n",
        {
            "cpu.max": "100000 100000\n",
            "cpu/a/cpu.cfs_quota_us": "50000\n",
            "cpu/a/cpu.cfs_period_us": "100000\n",
        },
        0.5,
    ),
    "groups that are not stated": ("", {"cpu.max": "150000 100000\n"}, 1.5),
    "lines that are none": ("nonsense\n\n4:cpu\n", {"cpu.max": "many 0\n"}, None),
    "no files": ("0::/a\n", {"x": ""}, None),
}


@pytest.mark.parametrize("case", QUOTAS)
def test_the_smallest_quota_above_a_process_counts(tmp_path: Path, case: str) -> None:
    """Its own group's or an ancestor's, and of a group that is not visible the ancestors'."""
    own, files, expected = QUOTAS[case]

    assert cpu_quota(*tree(tmp_path, own, files)) == expected


THROTTLED = {
    "version 2": ("0::/\n", {"cpu.stat": "nr_throttled 2\nthrottled_usec 30\n"}, 30_000),
    "version 2, with its parent": (
        "0::/a/b\n",
        {"a/cpu.stat": "throttled_usec 5\n", "a/b/cpu.stat": "throttled_usec 30\n"},
        35_000,
    ),
    "version 2, without a quota": ("0::/\n", {"cpu.stat": "usage_usec 99\n"}, None),
    "version 1": ("4:cpu,cpuacct:/a\n", {"cpu,cpuacct/a/cpu.stat": "throttled_time 70\n"}, 70),
    "another group": ("0::/a\n", {"a/x": "", "b/cpu.stat": "throttled_usec 5\n"}, None),
}


@pytest.mark.parametrize("case", THROTTLED)
def test_throttling_is_summed_over_the_groups_above_a_process(tmp_path: Path, case: str) -> None:
    """In nanoseconds, as either version counts it."""
    own, files, expected = THROTTLED[case]

    assert throttled_ns(*tree(tmp_path, own, files)) == expected


LEFT = {
    "version 2, own group": (
        "0::/a\n",
        {
            "a/memory.max": "1000\n",
            "a/memory.current": "700\n",
            "a/memory.stat": "anon 600\ninactive_file 50\n",
        },
        350,
    ),
    "version 2, parent": (
        "0::/a/b\n",
        {
            "a/memory.max": "1000\n",
            "a/memory.current": "900\n",
            "a/b/memory.max": "max\n",
            "a/b/memory.current": "10\n",
        },
        100,
    ),
    "version 2, parent has less left than the group": (
        "0::/a/b\n",
        {
            "a/memory.max": "2000\n",
            "a/memory.current": "1950\n",
            "a/b/memory.max": "1000\n",
            "a/b/memory.current": "10\n",
        },
        50,
    ),
    "version 2, nothing left": (
        "0::/\n",
        {"memory.max": "1000\n", "memory.current": "1200\n"},
        0,
    ),
    "version 2, none": ("0::/\n", {"memory.max": "max\n", "memory.current": "5\n"}, None),
    "version 1, seen from outside": (
        "4:memory:/seen/from/outside\n",
        {
            "memory/memory.limit_in_bytes": "1000\n",
            "memory/memory.usage_in_bytes": "400\n",
            "memory/memory.stat": "inactive_file 1\ntotal_inactive_file 30\n",
        },
        630,
    ),
    "version 1, grandparent": (
        "4:memory:/a/b/c\n",
        {
            "memory/a/memory.limit_in_bytes": "1000\n",
            "memory/a/memory.usage_in_bytes": "400\n",
            "memory/a/b/c/memory.limit_in_bytes": "9223372036854771712\n",
            "memory/a/b/c/memory.usage_in_bytes": "100\n",
        },
        600,
    ),
    "no files": ("0::/a\n", {"x": ""}, None),
}


@pytest.mark.parametrize("case", LEFT)
def test_the_least_memory_above_a_process_counts(tmp_path: Path, case: str) -> None:
    """What is used is taken off each group's limit, and cached files are not used."""
    own, files, expected = LEFT[case]

    assert memory_left(*tree(tmp_path, own, files)) == expected


@pytest.mark.parametrize(
    ("own", "file"),
    [
        ("0::/job\n", "job/memory.events"),
        ("12:cpu:/job\n4:memory:/job\n0::/\n", "memory/job/memory.oom_control"),
        ("4:memory:/seen/from/outside\n", "memory/memory.oom_control"),
    ],
)
def test_the_group_s_memory_kills_are_counted(tmp_path: Path, own: str, file: str) -> None:
    """Of either version, in a container that sees itself as the root, too."""
    found = memory_kills(*tree(tmp_path, own, {file: "low 0\noom 4\noom_kill 3\n"}))

    assert found == 3


def test_memory_kills_of_other_groups_do_not_count(tmp_path: Path) -> None:
    """An ancestor's count has those of all groups below it."""
    files = {"a/b/memory.max": "max\n", "a/memory.events": "oom_kill 3\n"}

    assert memory_kills(*tree(tmp_path, "0::/a/b\n", files)) is None


def test_memory_kills_that_are_not_counted_are_unknown(tmp_path: Path) -> None:
    """A file that is absent, or holds something else, has no count."""
    own, root = tree(tmp_path, "0::/\nnonsense\n4:memory:/\n", {"memory.events": "oom_kill many\n"})

    assert memory_kills(own, root) is None
