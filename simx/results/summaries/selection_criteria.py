"""What somebody who has to choose a backbone asks for. Data only."""

from typing import Literal

import msgspec

LatencyOf = Literal["forward", "pipeline"]
"""``pipeline`` is that of the positive picture, from its file to the vector."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer has to keep; None where it does not matter.

    A latency keeps its limit with its whole interval. ``min_acc1`` is in percent.
    """

    max_latency_ns: float | None = None
    min_acc1: float | None = None

    @property
    def any(self) -> bool:
        """Whether anything is limited."""
        return self.max_latency_ns is not None or self.min_acc1 is not None


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """Where to look, at which latency, and within which limits.

    ``backends``, ``providers`` and ``precisions`` are names as the report has them; where one of
    them is empty it narrows nothing down, and where all are, the report's first executor is meant.
    """

    backends: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ()
    latency_of: LatencyOf = "forward"
    limits: Limits = Limits()

    @property
    def narrows(self) -> bool:
        """Whether anything is said of where to look."""
        return bool(self.backends or self.providers or self.precisions)
