"""What a comparison means for whoever waits for its exit code."""

from collections.abc import Sequence
from typing import Literal

from simx.common.errors import ExitCode
from simx.results.comparison.outcome import Comparison

FailOn = Literal["regression", "inconclusive", "never"]
"""What is to end with a code other than 0. ``inconclusive`` counts regressions, too."""


def gate(comparisons: Sequence[Comparison], fail_on: FailOn) -> ExitCode:
    """Return the exit code of comparisons with one base.

    One in which nothing could be compared is no success, whatever counts.
    """
    if fail_on != "never" and any(each.regressions for each in comparisons):
        return ExitCode.REGRESSION
    if any(not each.compared for each in comparisons):
        return ExitCode.INCONCLUSIVE
    if fail_on == "inconclusive" and any(each.is_open for each in comparisons):
        return ExitCode.INCONCLUSIVE
    return ExitCode.DONE
