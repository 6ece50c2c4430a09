"""What ``simx selfcheck`` found: whether this machine is quiet enough and the statistics hold.

Data only; made in ``runner.selfcheck``, rendered in ``report``.
"""

from typing import Literal

import msgspec

Verdict = Literal["holds", "fails", "too noisy", "not looked at"]


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One claim that was put to the test.

    ``value`` is in ``unit``, None where nothing was measured; ``bound`` says in words what was
    asked of it, and ``note`` how it was found.
    """

    name: str
    value: float | None
    unit: str
    bound: str
    verdict: Verdict
    note: str = ""


class SelfCheck(msgspec.Struct, frozen=True, kw_only=True):
    """All checks of one run.

    ``noise_floor`` is the smallest ratio, as a share above 1, that a comparison at the default
    profile would show with a probability of 90 %; None where it could not be told.
    """

    created: str
    simx: str
    quick: bool
    threads: int
    seconds: float
    noise_floor: float | None
    checks: tuple[Check, ...]

    @property
    def holds(self) -> bool:
        """Whether no check failed."""
        return all(check.verdict != "fails" for check in self.checks)
