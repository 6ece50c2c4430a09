"""The state of the C library's allocator in workers, which runtimes get their memory from.

By default glibc returns freed memory to the kernel, or keeps it, depending on what a process freed
before: it adapts both of its thresholds to the largest freed block, up to 32 MiB (``mallopt(3)``).
A network whose activations are returned after each call gets them again page by page, and its
time depends on the process's history. Therefore workers have one state: freed memory is kept.
"""

import ctypes
import os
import random
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


_ALIGNMENT = 16
"""Of every block of glibc's, in bytes."""


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


def displace_heap() -> None:
    """Move the end of this process's heap by up to 1 MiB, so that later blocks lie elsewhere.

    The forks of one server would otherwise have the same addresses in all launches, and another
    server's would have others: a difference between two targets that no launch could show. Source:
    Mytkowicz et al., "Producing wrong data without doing anything obviously wrong", 2009; and
    Curtsinger and Berger, "STABILIZER", 2013, where the heap is drawn again.
    """
    units = random.randrange(2**16)  # noqa: S311 - it keeps no secret
    ctypes.CDLL(None).sbrk(ctypes.c_ssize_t(units * _ALIGNMENT))


def _is_glibc() -> bool:
    try:
        return bool(os.confstr("CS_GNU_LIBC_VERSION"))
    except (OSError, ValueError):
        return False
