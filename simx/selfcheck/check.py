"""The whole self-check: it measures and judges simx's claims on this machine."""

import math
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
from scipy.stats import t

import simx
from simx.results.schema.config import Schedule
from simx.results.schema.selfcheck import Check, SelfCheck
from simx.results.statistics.estimates import CONFIDENCE, log_ratios
from simx.results.statistics.moderation import spread
from simx.runner.bench.schedule import PROFILES
from simx.selfcheck import claims
from simx.selfcheck.laboratory import Laboratory, PairComparison, laboratory
from simx.selfcheck.overhead import measure_overhead
from simx.selfcheck.simulation import Spread, simulate
from simx.selfcheck.trials import (
    AT_LENGTH,
    BACKENDS,
    OnComparison,
    neighbour,
    of_equals,
    of_unequals,
    planted,
    spread_of,
)


class Extent(msgspec.Struct, frozen=True, kw_only=True):
    """The extent of a self-check; ``quick`` measures the noise floor alone, and simulates the rest.

    ``comparisons`` counts those of equals, ``trials`` those with a slower network, ``simulated``
    those of each known ratio. ``at_length`` is for the slower network's true ratio, ``schedule``
    for all other measurements.
    """

    quick: bool
    threads: int
    comparisons: int
    trials: int = 10
    simulated: int = 10_000
    schedule: Schedule = PROFILES["default"]
    at_length: Schedule = AT_LENGTH


def run_selfcheck(extent: Extent, on_comparison: OnComparison) -> SelfCheck:
    """Test simx's claims on this machine.

    Raises:
        ProviderUnavailableError: a backend is not installed.
        SystemFailureError: a measurement failed.
    """
    begun = time.monotonic()
    with laboratory(extent.threads) as at:
        floors = []
        for place, backend in enumerate(BACKENDS):
            on_comparison(f"the noise of {backend}", place, len(BACKENDS))
            pair = at.cell(backend), at.cell(backend, again=True)
            floors.append(at.compare(*pair, extent.schedule))
        checks = list(_simulated(extent, spread_of(floors), on_comparison))
        if not extent.quick:
            checks += _real(at, extent, on_comparison)
    detectable = [_detectable(each) for each in floors]
    known = [each for each in detectable if each is not None]
    return SelfCheck(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        simx=simx.__version__,
        quick=extent.quick,
        threads=extent.threads,
        seconds=round(time.monotonic() - begun, 1),
        noise_floor=max(known) if len(known) == len(detectable) else None,
        checks=tuple(checks),
    )


def _detectable(comparison: PairComparison) -> float | None:
    """Return the smallest ratio that nine in ten such comparisons would have found, minus 1.

    It is exp((t_0.975 + t_0.90) s / sqrt(n)) - 1 with the pilot's s and degrees of freedom, or None
    for a comparison that was too noisy or had too few launches.
    """
    logs = log_ratios(*comparison.filtered.cells)
    own = spread(logs, comparison.pilot)
    if comparison.filtered.noisy or own is None:
        return None
    variance, degrees = own
    quantiles = float(t.ppf((1 + CONFIDENCE) / 2, degrees) + t.ppf(claims.POWER, degrees))
    return math.expm1(quantiles * math.sqrt(variance / len(logs)))


def _simulated(extent: Extent, spread: Spread, on_comparison: OnComparison) -> Iterator[Check]:
    count = len(claims.TRUE_RATIOS) + 1
    for place, true_ratio in enumerate(claims.TRUE_RATIOS):
        on_comparison("simulated comparisons", place, count)
        shares = simulate(true_ratio, Spread(), extent.schedule, extent.simulated, seed=place)
        if true_ratio == 1.0:
            yield claims.simulated_alarms(shares)
        yield claims.simulated_coverage(true_ratio, shares)
    on_comparison("simulated comparisons", count - 1, count)
    fewer = extent.simulated // 10
    shares = simulate(claims.SLOWDOWN, spread, extent.schedule, fewer, seed=count)
    yield claims.simulated_power(shares, spread)


def _real(at: Laboratory, extent: Extent, on_comparison: OnComparison) -> Iterator[Check]:
    yield from claims.small_overhead(measure_overhead())
    equals = of_equals(at, extent.comparisons, on_comparison)
    yield claims.real_alarms(equals)
    pixels = planted(at, "ort", claims.SLOWDOWN, on_comparison)
    truth = of_unequals(at, "ort", pixels, 1, extent.at_length, on_comparison).comparisons[0].ratio
    slower = of_unequals(at, "ort", pixels, extent.trials, extent.schedule, on_comparison, truth)
    yield claims.real_power(slower, truth)
    yield claims.real_coverage(slower)
    with neighbour():
        beside = of_equals(at, len(BACKENDS), on_comparison)
    yield claims.neighbour_flagged(beside)
    yield claims.nothing_flagged(equals.blocks)
