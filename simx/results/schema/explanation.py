"""The findings of ``simx explain``: where the time of two targets goes."""

import msgspec

from simx.models.backbone import Precision
from simx.results.schema.environment import Environment
from simx.results.schema.kernels import Kernels
from simx.results.schema.tuning import Effect
from simx.results.statistics.estimates import Estimate, Ratio


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One target. ``forward`` is measured without a profile, in the same rounds as the other's."""

    backend: str
    provider: str
    precision: Precision
    forward: Estimate
    kernels: Kernels

    @property
    def profiled_ns(self) -> float:
        """The time of all kernels together."""
        return sum(each.ns for each in self.kernels)

    @property
    def scale(self) -> float:
        """What profiled times are multiplied by, so that together they are ``forward``."""
        return self.forward.median_ns / self.profiled_ns


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the network or a kind of kernel, with the times of both sides.

    ``ns`` are as profiled. ``gap_ns`` is by how much the slower side takes longer, after each
    side's times are scaled to its ``forward``, and ``lost`` its share of all such losses of a
    table, 0 where the slower side loses nothing.
    """

    name: str
    ns: tuple[float, float]
    gap_ns: float
    lost: float


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Where the time of two targets goes, and what makes the difference.

    ``ratio`` is how many times as long the first side takes as the second, and ``slower`` the place
    of the slower one. ``settings`` are single changes of both sides' settings, if they were asked
    for; their gains come from rounds of their own.
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
