"""Criteria for choosing a backbone. Data only."""

from typing import Literal

import msgspec

LatencyOf = Literal["forward", "pipeline"]
"""``pipeline`` is the time from the positive picture's file to the vector."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits that whole intervals must keep; None for no limit.

    ``min_acc1``, in percent, is for the published accuracy, which has no interval, and
    ``min_recall``, a share, for Recall@1 of an evaluation.
    """

    max_latency_ns: float | None = None
    min_acc1: float | None = None
    min_recall: float | None = None

    @property
    def any(self) -> bool:
        """Whether there is any limit."""
        return self.max_latency_ns is not None or self.accuracy

    @property
    def accuracy(self) -> bool:
        """Whether there is a limit on an accuracy."""
        return self.min_acc1 is not None or self.min_recall is not None


class SelectionCriteria(msgspec.Struct, frozen=True, kw_only=True):
    """On which targets, by which latency, and within which limits a backbone is chosen.

    ``backends``, ``providers`` and ``precisions`` are names as in the report. Empty, each selects
    all; if all three are empty, only the report's first target is selected, and with an evaluation
    all of them.
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
