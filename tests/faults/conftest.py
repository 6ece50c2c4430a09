"""The short and the long form of the fault suite, and the counts it prints."""

import os
from collections.abc import Callable, Iterator

import pytest

from tests.cli.fixtures import folder, simx
from tests.faults.watching import Sweeps

__all__ = ["folder", "simx"]

_LONG = "SIMX_TEST_FAULTS"
"""Set by ``make test-faults``: the long form."""

_COUNTS = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def often() -> Callable[[int, int], int]:
    """How often to try: the first number in ``make test``, the second in ``make test-faults``."""
    is_long = bool(os.environ.get(_LONG))
    return lambda short, long: long if is_long else short


@pytest.fixture
def counted(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Take a line with what was tried and what was found, printed when the suite ends."""
    return request.config.stash.setdefault(_COUNTS, []).append


@pytest.fixture(scope="session")
def sweeps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sweeps]:
    """Return what begins sweeps of fakes."""
    found = Sweeps(tmp_path_factory.mktemp("sweeps"))
    yield found
    found.close()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the counts."""
    for line in config.stash.get(_COUNTS, []):
        terminalreporter.write_line(f"faults: {line}")
