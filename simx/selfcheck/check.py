"""The whole self-check: claims, what was measured of them, and whether they hold here."""

import math
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from statistics import stdev

import msgspec
from scipy.stats import t

import simx
from simx.results.schema.config import Schedule
from simx.results.schema.selfcheck import Check, SelfCheck
from simx.results.statistics.estimates import CONFIDENCE, log_ratios
from simx.runner.bench.schedule import PROFILES
from simx.selfcheck import claims
from simx.selfcheck.laboratory import Comparison, Laboratory, laboratory
from simx.selfcheck.overhead import measure_overhead
from simx.selfcheck.simulation import Spread, simulate
from simx.selfcheck.trials import (
    AT_LENGTH,
    BACKENDS,
    Told,
    neighbour,
    of_equals,
    of_unequals,
    spread_of,
)


class Extent(msgspec.Struct, frozen=True, kw_only=True):
    """How much is looked at. ``quick`` leaves out everything real but the noise floor.

    ``comparisons`` are of equals, ``trials`` of a slowdown whose true ratio is measured by
    ``at_length``, ``simulated`` of each known ratio; all else is by ``schedule``.
    """

    quick: bool
    threads: int
    comparisons: int
    trials: int = 10
    simulated: int = 10_000
    schedule: Schedule = PROFILES["default"]
    at_length: Schedule = AT_LENGTH


def run_selfcheck(extent: Extent, told: Told) -> SelfCheck:
    """Put simx's claims to the test on this machine, now.

    Raises:
        ProviderUnavailableError: a backend is not installed.
        SystemFailureError: something that is to be measured failed.
    """
    begun = time.monotonic()
    with laboratory(extent.threads) as at:
        floors = [_floor(at, backend, extent, told) for backend in BACKENDS]
        spread = spread_of(floors)
        checks = list(_simulated(extent, spread, told))
        if not extent.quick:
            checks += [*_overhead(), *_real(at, extent, told)]
    detectable = [_detectable(each) for each in floors]
    return SelfCheck(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        simx=simx.__version__,
        quick=extent.quick,
        threads=extent.threads,
        seconds=round(time.monotonic() - begun, 1),
        noise_floor=_worst(detectable),
        checks=tuple(checks),
    )


def _floor(at: Laboratory, backend: str, extent: Extent, told: Told) -> Comparison:
    told(f"the noise of {backend}", BACKENDS.index(backend), len(BACKENDS))
    return at.compare(at.cell(backend), at.cell(backend, again=True), extent.schedule)


def _worst(detectable: list[float | None]) -> float | None:
    """Return the largest, or None where one of them could not be told."""
    known = [each for each in detectable if each is not None]
    return max(known) if len(known) == len(detectable) else None


def _detectable(comparison: Comparison) -> float | None:
    """Return the smallest ratio above 1 that nine in ten such comparisons would have found.

    It is (t_0.975 + t_0.90) s / sqrt(n) with the pilot's s and degrees of freedom.

    Returns:
        As a share above 1; None of a comparison that was too noisy, or of too few launches.
    """
    logs = log_ratios(*comparison.filtered.cells)
    pilot = [log for index, log in logs.items() if index < comparison.pilot]
    if comparison.filtered.noisy or len(pilot) < 2:  # noqa: PLR2004 - one value has no spread
        return None
    degrees = len(pilot) - 1
    spread = stdev(pilot)
    quantiles = float(t.ppf((1 + CONFIDENCE) / 2, degrees) + t.ppf(claims.POWER, degrees))
    return math.expm1(quantiles * spread / math.sqrt(len(logs)))


def _simulated(extent: Extent, spread: Spread, told: Told) -> Iterator[Check]:
    count = len(claims.TRUE_RATIOS) + 1
    for place, true_ratio in enumerate(claims.TRUE_RATIOS):
        told("simulated comparisons", place, count)
        shares = simulate(true_ratio, Spread(), extent.schedule, extent.simulated, seed=place)
        if true_ratio == 1.0:
            yield claims.simulated_alarms(shares)
        yield claims.simulated_coverage(true_ratio, shares)
    told("simulated comparisons", count - 1, count)
    fewer = extent.simulated // 10
    yield claims.simulated_power(
        simulate(claims.SLOWDOWN, spread, extent.schedule, fewer, seed=count), spread
    )


def _overhead() -> Iterator[Check]:
    overhead = measure_overhead()
    yield claims.small_overhead(overhead)
    yield claims.small_share(overhead)


def _real(at: Laboratory, extent: Extent, told: Told) -> Iterator[Check]:
    equals = of_equals(at, extent.comparisons, told)
    yield claims.real_alarms(equals)
    truth = of_unequals(at, "ort", 1, extent.at_length, told).comparisons[0].ratio
    slower = of_unequals(at, "ort", extent.trials, extent.schedule, told, truth)
    yield claims.real_power(slower, truth)
    yield claims.real_coverage(slower)
    with neighbour():
        beside = of_equals(at, len(BACKENDS), told)
    yield claims.neighbour_flagged(beside)
    yield claims.nothing_flagged(equals.blocks)
