"""The short and the long form of the fault suite, its mark, and the counts it prints."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.fixtures import folder, simx
from tests.faults.watching import Sweeps

__all__ = ["folder", "simx"]

_LONG = "SIMX_TEST_FAULTS"
"""Set by ``make test-faults``: the long form."""

_COUNT = "faults"
"""The property that carries a count to the process that prints the summary."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test in this folder before tests are chosen by their marks."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.faults)


@pytest.fixture(scope="session")
def often() -> Callable[[int, int], int]:
    """How often to try: the first number in ``make test``, the second in ``make test-faults``."""
    is_long = bool(os.environ.get(_LONG))
    return lambda short, long: long if is_long else short


@pytest.fixture
def counted(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Take a line with what was tried and what was found, printed when the suite ends."""
    return lambda line: record_property(_COUNT, line)


@pytest.fixture(scope="session")
def sweeps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sweeps]:
    """Return what begins sweeps of fakes."""
    found = Sweeps(tmp_path_factory.mktemp("sweeps"))
    yield found
    found.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the counts."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, line in report.user_properties:
                if name == _COUNT and report.when == "call":
                    terminalreporter.write_line(f"faults: {line}")
