"""Criteria for choosing a backbone. Data only."""

from typing import Literal

import msgspec

LatencyOf = Literal["forward", "pipeline"]
"""``pipeline`` is the time of the positive picture, from its file to the vector."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits on the chosen backbone; None for no limit.

    A latency is within its limit if its whole interval is. ``min_acc1`` is in percent.
    """

    max_latency_ns: float | None = None
    min_acc1: float | None = None

    @property
    def any(self) -> bool:
        """Whether there is any limit."""
        return self.max_latency_ns is not None or self.min_acc1 is not None


class SelectionCriteria(msgspec.Struct, frozen=True, kw_only=True):
    """On which targets, by which latency, and within which limits a backbone is chosen.

    ``backends``, ``providers`` and ``precisions`` are names as in the report. An empty one selects
    all; if all three are empty, they select the report's first target.
    """

    backends: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ()
    latency_of: LatencyOf = "forward"
    limits: Limits = Limits()

    @property
    def narrows(self) -> bool:
        """Whether targets are selected by name."""
        return bool(self.backends or self.providers or self.precisions)
