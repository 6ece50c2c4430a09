"""The findings of ``simx explain``: where the time of two targets goes."""

from typing import NamedTuple

import msgspec

from simx.models.backbone import Precision
from simx.results.schema.environment import Environment
from simx.results.schema.kernels import Kernels
from simx.results.schema.tuning import Effect, Interaction
from simx.results.statistics.estimates import Estimate, Ratio


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One target. ``forward`` is measured without a profile, in the same rounds as the other's.

    ``threads_used`` computed a large product, None if unknown, and ``page_faults`` are those of a
    call. ``flushed`` is how many times as fast a profiled call is with denormal numbers flushed to
    zero; None where they are already, where the backend cannot do it, and where the first launch
    showed no gain.
    """

    backend: str
    provider: str
    precision: Precision
    forward: Estimate
    kernels: Kernels
    threads_used: float | None = None
    page_faults: float | None = None
    flushed: Ratio | None = None

    @property
    def profiled_ns(self) -> float:
        """The time of all kernels together."""
        return sum(each.ns for each in self.kernels)

    @property
    def scale(self) -> float:
        """What profiled times are multiplied by, so that together they are ``forward``."""
        return self.forward.median_ns / self.profiled_ns


class Ceilings(NamedTuple):
    """The most that was reached in a run: floating-point operations, and bytes, per second."""

    flops_per_second: float
    bytes_per_second: float


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """The shares of both ceilings that a side reaches."""

    peak: float
    bandwidth: float


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the network or a kind of kernel, with the times of both sides.

    ``ns`` are as profiled. ``gap_ns`` is by how much the slower side takes longer, after each
    side's times are scaled to its ``forward``, and ``lost`` its share of all such losses of a
    table, 0 where the slower side loses nothing. ``flops`` are the floating-point operations of a
    call, and ``bytes`` what it has to read and write; 0 if unknown. ``reached`` is None where a
    side has no time for them of its own.
    """

    name: str
    ns: tuple[float, float]
    gap_ns: float
    lost: float
    flops: int = 0
    bytes: int = 0
    reached: tuple[Reached | None, Reached | None] = (None, None)


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Where the time of two targets goes, and what makes the difference.

    ``ratio`` is how many times as long the first side takes as the second, and ``slower`` the place
    of the slower one. ``settings`` are single changes of both sides' settings, if they were asked
    for, and ``pairs`` are two at once of those that matter; their gains come from rounds of their
    own.
    """

    created: str
    simx: str
    environment: Environment
    model: str
    weights: str
    batch: int
    threads: int
    launches: int
    sides: tuple[Side, Side]
    ratio: Ratio | None
    slower: int
    noisy: bool
    kinds: tuple[Row, ...]
    parts: tuple[Row, ...]
    settings: tuple[Effect, ...] = ()
    pairs: tuple[Interaction, ...] = ()
    ceilings: Ceilings | None = None
