"""Workers keep the memory that a call frees, or return it, as their variables say."""

import mmap
import os
from collections.abc import Mapping

import pytest

from simx.runner.backends.registry import backend_named
from simx.workers.allocator import KEEPING, state
from simx.workers.forking import ForkServer
from simx.workers.spawning import Spawner
from tests.workers.entries import NOTES, Note

PAGES = 10 * 3 * 20_000_000 // mmap.PAGESIZE
"""All that the test's worker takes while it counts."""

KEEPS, RETURNS = "glibc, keeps freed memory", "glibc, returns freed memory"

pytestmark = pytest.mark.skipif(
    "CS_GNU_LIBC_VERSION" not in os.confstr_names, reason="glibc alone reads the variables"
)


def faults(kind: type[ForkServer | Spawner], name: str) -> int:
    """Return how many page faults a worker of a backend has that takes and frees memory."""
    launcher = kind("tests.workers.entries:repetitive", backend_named(name).environment)
    try:
        with launcher.launch() as worker:
            return int(worker.request(Note("go"), NOTES, 60).text)
    finally:
        launcher.close()


@pytest.mark.parametrize("kind", [ForkServer, Spawner])
@pytest.mark.parametrize("backend", ["torch", "ort"])
def test_freed_memory_is_kept(kind: type[ForkServer | Spawner], backend: str) -> None:
    """In the workers of all backends, however they were started."""
    assert faults(kind, backend) < PAGES / 1000


@pytest.mark.parametrize("kind", [ForkServer, Spawner])
@pytest.mark.parametrize(
    "name", ["torch:fresh-heap", "ort:fresh-heap", "torch:MALLOC_TRIM_THRESHOLD_=131072"]
)
def test_freed_memory_is_returned(kind: type[ForkServer | Spawner], name: str) -> None:
    """By a variant, or by a variable that a user passes."""
    assert faults(kind, name) > PAGES / 2


@pytest.mark.parametrize("backend", ["torch", "ort"])
def test_each_launch_has_addresses_of_its_own(backend: str) -> None:
    """The workers of one server have their blocks at other places, also within a page."""
    environment = backend_named(backend).environment
    with ForkServer("tests.workers.entries:allocating", environment) as launcher:
        places = set()
        for _ in range(6):
            with launcher.launch() as worker:
                places.add(int(worker.request(Note("go"), NOTES, 60).text) % mmap.PAGESIZE)

    assert len(places) > 1


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (KEEPING, KEEPS),
        ({}, RETURNS),
        ({"MALLOC_ARENA_MAX": "1"}, RETURNS),
        ({**KEEPING, "MALLOC_ARENA_MAX": "1"}, KEEPS),
        ({"MALLOC_TRIM_THRESHOLD_": "0"}, "set by MALLOC_TRIM_THRESHOLD_"),
        ({**KEEPING, "LD_PRELOAD": "other.so"}, "set by LD_PRELOAD, MALLOC_"),
    ],
)
def test_a_state_is_what_the_variables_make_of_it(
    variables: Mapping[str, str], expected: str
) -> None:
    """As a report has it."""
    assert state(variables).startswith(expected)


def test_a_library_that_reads_no_variables_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another C library has no such name, and another system no such question."""
    for error in (OSError, ValueError):

        def unknown(_: str, error: type[Exception] = error) -> str:
            raise error

        monkeypatch.setattr(os, "confstr", unknown)
        assert state(KEEPING) == "not glibc's"
