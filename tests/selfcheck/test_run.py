"""The whole self-check, in small."""

import pytest

from simx.results.schema.config import Schedule
from simx.results.schema.selfcheck import SelfCheck
from simx.selfcheck.check import Extent, run_selfcheck

SMALL = Extent(
    quick=False,
    threads=1,
    comparisons=2,
    trials=2,
    simulated=50,
    schedule=Schedule(pilot=2, launches=2, rounds=1),
    at_length=Schedule(pilot=2, launches=2, rounds=1),
)

pytestmark = pytest.mark.slow  # it measures for two minutes; its parts are tested by themselves


@pytest.fixture(scope="module")
def found() -> SelfCheck:
    return run_selfcheck(SMALL, lambda *_: None)


def test_every_claim_is_looked_at(found: SelfCheck) -> None:
    """Each check has a figure, a bound and a verdict."""
    names = [check.name for check in found.checks]

    assert names == [
        "false alarms, simulated",
        "coverage of a ratio of 1.00, simulated",
        "coverage of a ratio of 1.01, simulated",
        "coverage of a ratio of 1.03, simulated",
        "coverage of a ratio of 1.10, simulated",
        "a 3 % slowdown found, simulated",
        "overhead of the harness",
        "overhead of a 10 ms call",
        "false alarms",
        "a real slowdown found",
        "coverage of the real slowdown",
        "a busy neighbour is flagged",
        "blocks flagged without a reason",
    ]
    assert all(check.value is not None and check.bound for check in found.checks)


def test_there_is_a_floor_or_a_machine_too_noisy_for_one(found: SelfCheck) -> None:
    """Two launches leave a floor that is not small, unless all was disturbed."""
    assert found.noise_floor is None or found.noise_floor > 0
    assert found.seconds > 0
    assert (found.quick, found.threads) == (False, 1)
