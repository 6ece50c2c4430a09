"""The exit code of a comparison: what the gate cannot judge does not pass for judged."""

from typing import get_args

import pytest

from simx.common.errors import ExitCode
from simx.results.comparison.outcome import FailOn, Unjudged, gate
from tests.results.comparison.builders import LATER, cell, compared, digest
from tests.results.comparison.unjudged import NAME, PAIRS, with_one

FAIL_ON: tuple[FailOn, ...] = get_args(FailOn)

reasons = pytest.mark.parametrize("reason", get_args(Unjudged))


def test_every_reason_has_a_case() -> None:
    """A reason cannot be added without a test."""
    assert set(PAIRS) == set(get_args(Unjudged))


@reasons
def test_a_cell_without_a_verdict_is_counted_by_its_reason(reason: Unjudged) -> None:
    """And by nothing else: each cell is counted once."""
    found = with_one(reason, cell("alexnet"))

    assert found.judged == 1
    assert [(each.reason, [its.model for its in each.cells]) for each in found.unjudged] == [
        (reason, [NAME])
    ]


@reasons
def test_a_cell_without_a_verdict_fails_the_strict_gate_alone(reason: Unjudged) -> None:
    """``inconclusive`` promises a verdict on every cell, the others on those that have one."""
    found = with_one(reason, cell("alexnet"))

    assert {fail_on: gate([found], fail_on) for fail_on in FAIL_ON} == {
        "regression": ExitCode.DONE,
        "inconclusive": ExitCode.INCONCLUSIVE,
        "never": ExitCode.DONE,
    }


@reasons
@pytest.mark.parametrize("fail_on", FAIL_ON)
def test_a_comparison_without_any_verdict_never_passes(reason: Unjudged, fail_on: FailOn) -> None:
    """Not beside another comparison that has one, either."""
    judged = compared(digest(cell()), digest(cell()))

    assert gate([with_one(reason)], fail_on) == ExitCode.INCONCLUSIVE
    assert gate([judged, with_one(reason)], fail_on) == ExitCode.INCONCLUSIVE
    assert gate([judged], fail_on) == ExitCode.DONE


@reasons
def test_a_regression_comes_first(reason: Unjudged) -> None:
    """Its exit code says more than that another cell has no verdict."""
    base, new = PAIRS[reason]
    slow = compared(
        digest(cell("alexnet"), *([base] if base else [])),
        digest(cell("alexnet", 100), *([new] if new else []), created=LATER),
    )

    assert gate([slow], "regression") == ExitCode.REGRESSION
    assert gate([slow], "inconclusive") == ExitCode.REGRESSION


def test_two_empty_reports_have_no_verdict() -> None:
    """There is nothing that could be slower."""
    assert gate([compared(digest(), digest())], "never") == ExitCode.INCONCLUSIVE
