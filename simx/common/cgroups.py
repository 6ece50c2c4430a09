"""The limits of control groups on this process: CPU quota and memory, of versions 2 and 1.

A limit holds for a group and for everything below it, so all visible ancestors of this process's
group are read, and the smallest limit counts. A container often shows its own group as the root of
the file system, and may hide other groups.

Source: Linux, Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst; cgroups(7).
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Literal

Controller = Literal["cpu", "memory"]

ROOT = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")
_ROOTS_ONLY = "0::/\n1:cpu:/\n2:memory:/\n"
"""Assumed where the file of the groups cannot be read."""


def cpu_quota() -> float | None:
    """Return the smallest CPU quota, in cores; None without one."""
    found = [_quota(folder) for group in _groups("cpu") for folder in group]
    return min((quota for quota in found if quota is not None), default=None)


def throttled_ns() -> int | None:
    """Return the nanoseconds in which a quota has stopped this process's groups, over all cores.

    None where it is not counted. Each group counts for its own quota alone, so the groups are
    summed.
    """
    names = (("throttled_usec", 1000), ("throttled_time", 1))  # of version 2, and of version 1
    counts = (
        (named_number(folder / "cpu.stat", name), unit)
        for group in _groups("cpu")
        for folder in group
        for name, unit in names
    )
    found = [count * unit for count, unit in counts if count is not None]
    return sum(found) if found else None


def memory_left() -> int | None:
    """Return the bytes of memory that the groups still allow; None without a limit.

    Cached files count as free, because the kernel drops them before anything fails.
    """
    found = [_left(folder) for group in _groups("memory") for folder in group]
    return min((left for left in found if left is not None), default=None)


def memory_kills() -> int | None:
    """Return how many processes of this process's group the kernel has killed for lack of memory.

    None where it is not counted. The count of an ancestor would include other groups' processes.
    """
    names = ("memory.events", "memory.oom_control")
    files = [group[0] / name for group in _groups("memory") for name in names]
    found = [named_number(path, "oom_kill") for path in files]
    return next((count for count in found if count is not None), None)


def named_number(path: Path, name: str) -> int | None:
    """Return the number behind a name in a file of lines ``name number``; None if it has none."""
    for line in _text(path).splitlines():
        key, _, value = line.partition(" ")
        if key == name and value.isdigit():
            return int(value)
    return None


def _groups(controller: Controller) -> Iterator[list[Path]]:
    """Yield, for each version, the folders of this process's group and of its ancestors above."""
    for line in (_text(OWN) or _ROOTS_ONLY).splitlines():
        number, controllers, path = [*line.split(":", 2), "", ""][:3]
        if number == "0" and not controllers:
            yield _upwards(ROOT, path)
        elif controller in controllers.split(","):
            mounts = (ROOT / controller, ROOT / controllers)
            yield _upwards(next((each for each in mounts if each.is_dir()), ROOT), path)


def _upwards(mount: Path, path: str) -> list[Path]:
    """Return the folder of a group below a mount, and those above it up to the mount."""
    # A mount may show only the lower part of the hierarchy: then the end of the path leads there.
    parts = [part for part in PurePosixPath(path).parts if part != "/"]
    while parts and (".." in parts or not mount.joinpath(*parts).is_dir()):
        del parts[0]
    return [mount.joinpath(*parts[:depth]) for depth in range(len(parts), -1, -1)]


def _quota(folder: Path) -> float | None:
    fields = _text(folder / "cpu.max").split() or [
        *_text(folder / "cpu.cfs_quota_us").split(),
        *_text(folder / "cpu.cfs_period_us").split(),
    ]
    if len(fields) != len(("quota", "period")) or not all(each.isdigit() for each in fields):
        return None  # no quota is "max" in version 2 and -1 in version 1
    quota, period = map(int, fields)
    return quota / period if period else None


def _left(folder: Path) -> int | None:
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        bound, taken = _text(folder / limit).strip(), _text(folder / used).strip()
        if bound.isdigit() and taken.isdigit():
            names = ("total_inactive_file", "inactive_file")
            cached = filter(None, (named_number(folder / "memory.stat", name) for name in names))
            return max(0, int(bound) - int(taken) + next(cached, 0))
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
