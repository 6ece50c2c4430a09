"""The state of the C library's allocator in workers, which runtimes get their memory from.

By default glibc returns freed memory to the kernel, or keeps it, depending on what a process freed
before: it adapts both of its thresholds to the largest freed block, up to 32 MiB (``mallopt(3)``).
A network whose activations are returned after each call gets them again page by page, and its
time depends on the process's history. Therefore workers have one state: freed memory is kept.
"""

import os
from collections.abc import Collection, Iterable, Mapping

KEEPING: Mapping[str, str] = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**40)}
"""Variables that glibc reads when a process starts: no block is a mapping of its own, which would
be returned when it is freed, and no unused end of a heap is returned. ``MALLOC_MMAP_THRESHOLD_``
is no substitute: blocks above its largest value, 32 MiB, would still be mappings."""

_CHOOSING = frozenset(
    {
        *KEEPING,
        "GLIBC_TUNABLES",
        "LD_PRELOAD",
        "MALLOC_MMAP_THRESHOLD_",
        "MALLOC_TOP_PAD_",
    }
)
"""Variables that choose an allocator, or what it returns."""


def variables_beside(given: Collection[str]) -> Iterable[tuple[str, str]]:
    """Return the variables of a worker that gets the given ones: none beside one that chooses."""
    return KEEPING.items() if _CHOOSING.isdisjoint(given) else ()


def state(variables: Mapping[str, str] = os.environ) -> str:
    """Return the allocator's state, as a report has it, in a process with these variables."""
    chosen = {name: variables[name] for name in sorted(_CHOOSING & variables.keys())}
    if "LD_PRELOAD" not in chosen and not _is_glibc():
        return "not glibc's"
    if chosen == KEEPING:
        return "glibc, keeps freed memory"
    return f"set by {', '.join(chosen)}" if chosen else "glibc, returns freed memory"


def _is_glibc() -> bool:
    try:
        return bool(os.confstr("CS_GNU_LIBC_VERSION"))
    except (OSError, ValueError):
        return False
