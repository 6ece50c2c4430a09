"""What a check says: a line, and whether it lets the whole pass."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

Outcome = Literal["PASS", "FAIL", "SKIP"]


class Verdict(NamedTuple):
    """One line; the figure is what the outcome rests on."""

    outcome: Outcome
    name: str
    figure: str

    @property
    def line(self) -> str:
        """As it is printed."""
        return f"{self.outcome}  {self.name}: {self.figure}"


def judged(name: str, problems: Sequence[str], figures: Sequence[str]) -> Verdict:
    """Return a failure with its problems, or a pass with its figures; nothing looked at fails."""
    if problems:
        return Verdict("FAIL", name, "; ".join(problems))
    if not figures:
        return Verdict("FAIL", name, "there was nothing to look at")
    return Verdict("PASS", name, "; ".join(figures))


def is_passed(verdicts: Sequence[Verdict]) -> bool:
    """Whether something was tested and nothing failed."""
    outcomes = {verdict.outcome for verdict in verdicts}
    return "PASS" in outcomes and "FAIL" not in outcomes
