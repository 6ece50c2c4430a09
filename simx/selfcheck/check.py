"""The whole self-check: it measures and judges simx's claims about itself on this machine."""

import math
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
from scipy.stats import beta, binom, t

import simx
from simx.common.safe_text import counted
from simx.results.schema.config import Schedule
from simx.results.schema.selfcheck import Check, SelfCheck, Verdict
from simx.results.statistics.estimates import CONFIDENCE, log_ratios
from simx.results.statistics.moderation import spread
from simx.runner.bench.schedule import PROFILES
from simx.selfcheck.laboratory import Laboratory, PairComparison, laboratory
from simx.selfcheck.overhead import measure_overhead
from simx.selfcheck.simulation import Spread, simulate
from simx.selfcheck.trials import (
    AT_LENGTH,
    BACKENDS,
    SLOWDOWN,
    OnComparison,
    flagged_share,
    neighbour,
    of_equals,
    of_unequals,
    planted,
    quiet_blocks,
    spread_of,
)

TRUE_RATIOS = (1.00, 1.01, 1.03, 1.10)

POWER = 0.90
"""Share of the trials in which a slowdown has to be found."""

SIMULATED_ALARMS = (0.045, 0.055)
SIMULATED_COVERAGE = (0.93, 0.97)
OVERHEAD_NS = 1000.0
OVERHEAD_SHARE = 1e-4
FLAGGED = 0.95
FALSELY_FLAGGED = 0.01

_AT_LEAST_POWER = f"at least {100 * POWER:.0f} %"


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
    quantiles = float(t.ppf((1 + CONFIDENCE) / 2, degrees) + t.ppf(POWER, degrees))
    return math.expm1(quantiles * math.sqrt(variance / len(logs)))


def _simulated(extent: Extent, spread: Spread, on_comparison: OnComparison) -> Iterator[Check]:
    count = len(TRUE_RATIOS) + 1
    for place, true_ratio in enumerate(TRUE_RATIOS):
        on_comparison("simulated comparisons", place, count)
        shares = simulate(true_ratio, Spread(), extent.schedule, extent.simulated, seed=place)
        if true_ratio == 1.0:
            note = f"{shares.comparisons} comparisons of equals at a nominal 5 %"
            yield _between("false alarms, simulated", shares.significant, SIMULATED_ALARMS, note)
        name = f"coverage of a ratio of {true_ratio:.2f}, simulated"
        yield _between(name, shares.covered, SIMULATED_COVERAGE)
    on_comparison("simulated comparisons", count - 1, count)
    shares = simulate(SLOWDOWN, spread, extent.schedule, extent.simulated // 10, seed=count)
    note = (
        f"with the spread measured here (launches {100 * spread.launch:.1f} %, rounds "
        f"{100 * spread.own_round:.1f} %), {shares.launches:.1f} launches on average"
    )
    verdict: Verdict = "holds" if shares.significant >= POWER else "too noisy"
    name, value = "a 3 % slowdown found, simulated", 100 * shares.significant
    yield _check(name, value, _AT_LEAST_POWER, note, found=verdict)


def _real(at: Laboratory, extent: Extent, on_comparison: OnComparison) -> Iterator[Check]:
    overhead = measure_overhead()
    worst = max(overhead.batched_ns, overhead.single_ns)
    name, bound = "overhead of the harness", f"at most {OVERHEAD_NS:.0f} ns a call"
    note = "an empty backend against a bare loop"
    yield _check(name, worst, bound, note, found=worst <= OVERHEAD_NS, unit="ns")
    name, bound = "overhead of a 10 ms call", f"below {1e6 * OVERHEAD_SHARE:.0f} ppm"
    holds = overhead.share < OVERHEAD_SHARE
    yield _check(name, 1e6 * overhead.share, bound, found=holds, unit="ppm")

    equals = of_equals(at, extent.comparisons, on_comparison)
    count, found = len(equals.comparisons), equals.significant
    most = int(binom.ppf(CONFIDENCE, count, 1 - CONFIDENCE))
    note = (
        f"{found} of {count} comparisons of equals at a nominal 5 %; the bound is the binomial's "
        "95 %"
    )
    bound = f"at most {most} of {count}"
    yield _check("false alarms", 100 * found / count, bound, note, found=found <= most)
    yield from _slowdown(at, extent, on_comparison)

    with neighbour():
        beside = of_equals(at, len(BACKENDS), on_comparison)
    flagged = [each.filtered.noisy or each.filtered.excluded > 0 for each in beside.comparisons]
    share = sum(flagged) / len(flagged)
    bound = f"at least {100 * FLAGGED:.0f} % of comparisons"
    note = f"{100 * flagged_share(beside.blocks):.0f} % of their blocks"
    yield _check("a busy neighbour is flagged", 100 * share, bound, note, found=share >= FLAGGED)
    share, bound = (
        flagged_share(quiet_blocks(equals.blocks)),
        f"at most {100 * FALSELY_FLAGGED:.0f} %",
    )
    note = "blocks without steal or pressure, from the comparisons of equals"
    holds = share <= FALSELY_FLAGGED
    yield _check("blocks flagged without a reason", 100 * share, bound, note, found=holds)


def _slowdown(at: Laboratory, extent: Extent, on_comparison: OnComparison) -> Iterator[Check]:
    """Judge trials with a slower network by the ratio that was measured with many launches."""
    pixels = planted(at, on_comparison)
    truth = of_unequals(at, pixels, 1, extent.at_length, on_comparison).comparisons[0].ratio
    slower = of_unequals(at, pixels, extent.trials, extent.schedule, on_comparison, truth)
    count, found = len(slower.comparisons), slower.significant
    span = "no interval"
    if truth.low is not None and truth.high is not None:
        span = f"{100 * (truth.low - 1):.1f} to {100 * (truth.high - 1):.1f} %"
    note = (
        f"a larger crop that takes {100 * (truth.value - 1):.1f} % longer "
        f"({span}, by {counted(truth.launches, 'launch')}); {found} of "
        f"{count} trials at the default profile, so at least "
        f"{100 * lower_bound(found, count):.0f} % by Clopper and Pearson"
    )
    verdict = _found(found, slower.noisy, count)
    name, value = "a real slowdown found", 100 * found / count
    yield _check(name, value, _AT_LEAST_POWER, note, found=verdict)
    least, covered = int(binom.ppf(1 - CONFIDENCE, count, CONFIDENCE)), slower.covered
    name, bound = "coverage of the real slowdown", f"at least {least} of {count}"
    note = "intervals that agree with the ratio measured at length, within both intervals"
    yield _check(name, 100 * covered / count, bound, note, found=covered >= least)


def lower_bound(found: int, trials: int) -> float:
    """Return the lower end of the exact 95 % interval of a share (Clopper and Pearson, 1934)."""
    return float(beta.ppf((1 - CONFIDENCE) / 2, found, trials - found + 1)) if found else 0.0


def _between(name: str, share: float, bounds: tuple[float, float], note: str = "") -> Check:
    low, high = bounds
    bound = f"{100 * low:g} to {100 * high:g} %"
    return _check(name, 100 * share, bound, note, found=low <= share <= high)


def _check(
    name: str, value: float, bound: str, note: str = "", *, found: Verdict | bool, unit: str = "%"
) -> Check:
    verdict: Verdict = found if isinstance(found, str) else "holds" if found else "fails"
    return Check(name=name, value=value, unit=unit, bound=bound, verdict=verdict, note=note)


def _found(found: int, noisy: int, trials: int) -> Verdict:
    if found >= POWER * trials:
        return "holds"
    return "too noisy" if noisy + found >= POWER * trials else "fails"
