"""``simx selfcheck``, without its measurements, which are tested elsewhere."""

import msgspec
import pytest

from simx.common.errors import ExitCode
from simx.results.schema.selfcheck import Check, SelfCheck, Verdict
from simx.selfcheck import check
from simx.selfcheck.check import Extent
from tests.cli.support import Simx


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Extent]:
    """Answer with one claim, whose verdict is that it fails where one thread was asked for."""
    extents: list[Extent] = []

    def answer(extent: Extent, on_comparison: object) -> SelfCheck:
        assert callable(on_comparison)
        on_comparison("equal ones", 0, extent.comparisons)
        extents.append(extent)
        verdict: Verdict = "fails" if extent.threads == 1 else "holds"
        claim = Check(name="false alarms", value=5.0, unit="%", bound="all", verdict=verdict)
        return SelfCheck(
            created="2026-01-05T12:00:00Z",
            simx="0.1.0",
            quick=extent.quick,
            threads=extent.threads,
            seconds=1.0,
            noise_floor=0.01,
            checks=(claim,),
        )

    monkeypatch.setattr(check, "run_selfcheck", answer)
    return extents


def test_a_machine_that_holds_is_told_so(simx: Simx, asked: list[Extent]) -> None:
    """Table, floor and verdict go to stdout, progress to stderr, and the exit code is 0."""
    outcome = simx("selfcheck", "--threads", "2", "--comparisons", "7")

    assert outcome.code == ExitCode.DONE
    assert "noise floor: 1.0 %" in outcome.out
    assert "the machine is quiet enough" in outcome.out
    assert "equal ones, 1 of 7" in outcome.err
    assert [(extent.comparisons, extent.quick) for extent in asked] == [(7, False)]


def test_a_claim_that_fails_is_an_exit_code(simx: Simx, asked: list[Extent]) -> None:
    """A pipeline learns of it, and the figures are there."""
    outcome = simx("selfcheck", "--quick", "--threads", "1", "--format", "json")

    assert outcome.code == ExitCode.CELLS_FAILED
    assert msgspec.json.decode(outcome.out, type=SelfCheck).checks[0].verdict == "fails"
    assert asked[0].quick
