"""The findings of ``simx selfcheck``: how quiet this machine is, and whether statistics hold."""

from typing import Literal

import msgspec

Verdict = Literal["holds", "fails", "too noisy", "not looked at"]


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One tested claim.

    ``value`` is in ``unit``, None if nothing was measured; ``bound`` is the criterion in words, and
    ``note`` how the value was found.
    """

    name: str
    value: float | None
    unit: str
    bound: str
    verdict: Verdict
    note: str = ""


class SelfCheck(msgspec.Struct, frozen=True, kw_only=True):
    """All checks of one run.

    ``noise_floor`` is the smallest ratio, minus 1, that a comparison at the default profile finds
    with a probability of 90 %; None where it is unknown.
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
