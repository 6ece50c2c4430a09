"""The whole self-check: claims, what was measured of them, and whether they hold here."""

import math
import time
from datetime import UTC, datetime

import msgspec
from scipy.stats import beta, binom, t

import simx
from simx.results.selfcheck import Check, SelfCheck, Verdict
from simx.results.statistics import CONFIDENCE, log_ratios
from simx.runner.schedule import PROFILES, Schedule
from simx.runner.selfcheck.laboratory import Comparison, Laboratory, laboratory
from simx.runner.selfcheck.overhead import measure_overhead
from simx.runner.selfcheck.simulation import Spread, simulate
from simx.runner.selfcheck.trials import (
    BACKENDS,
    Told,
    flagged_share,
    neighbour,
    of_equals,
    of_unequals,
    spread_of,
)

TRUE_RATIOS = (1.00, 1.01, 1.03, 1.10)
SLOWDOWN = 1.03
POWER = 0.90
"""Of the trials that a slowdown is to be found in."""

SIMULATED_ALARMS = (0.045, 0.055)
SIMULATED_COVERAGE = (0.93, 0.97)
OVERHEAD_NS = 1000.0
OVERHEAD_SHARE = 1e-4
FLAGGED = 0.95
FALSELY_FLAGGED = 0.01


class Extent(msgspec.Struct, frozen=True, kw_only=True):
    """How much is looked at. ``quick`` leaves out everything real but the noise floor.

    ``comparisons`` are of equals, ``trials`` of a slowdown whose true ratio is measured by
    ``length`` launches, ``simulated`` of each known ratio; all by ``schedule``.
    """

    quick: bool
    threads: int
    comparisons: int
    trials: int = 10
    simulated: int = 10_000
    length: int = 20
    schedule: Schedule = PROFILES["default"]


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
        checks = [*_simulated(extent, spread, told)]
        if not extent.quick:
            checks += [*_overhead(), *_real(at, extent, told)]
    floor = max(_detectable(each) for each in floors)
    return SelfCheck(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        simx=simx.__version__,
        quick=extent.quick,
        threads=extent.threads,
        seconds=round(time.monotonic() - begun, 1),
        noise_floor=None if any(each.calm.noisy for each in floors) else floor,
        checks=tuple(checks),
    )


def _floor(at: Laboratory, backend: str, extent: Extent, told: Told) -> Comparison:
    told(f"the noise of {backend}", BACKENDS.index(backend), len(BACKENDS))
    return at.compare(at.cell(backend), at.cell(backend, again=True), extent.schedule)


def _detectable(comparison: Comparison) -> float:
    """Return the smallest ratio above 1 that ``POWER`` of such comparisons would have found.

    It is (t_0.975 + t_0.90) s / sqrt(n) with the pilot's s and degrees of freedom.
    """
    logs = log_ratios(*comparison.calm.cells)
    pilot = [log for index, log in logs.items() if index < comparison.pilot]
    if len(pilot) < 2:  # noqa: PLR2004 - one value has no spread
        return math.inf
    mean = math.fsum(pilot) / len(pilot)
    degrees = len(pilot) - 1
    spread = math.sqrt(math.fsum((log - mean) ** 2 for log in pilot) / degrees)
    quantiles = float(t.ppf((1 + CONFIDENCE) / 2, degrees) + t.ppf(POWER, degrees))
    return math.expm1(quantiles * spread / math.sqrt(len(logs)))


def _simulated(extent: Extent, spread: Spread, told: Told) -> list[Check]:
    schedule = extent.schedule
    checks = []
    for place, true_ratio in enumerate(TRUE_RATIOS):
        told("simulated comparisons", place, len(TRUE_RATIOS) + 1)
        shares = simulate(true_ratio, Spread(), schedule, extent.simulated, seed=place)
        if true_ratio == 1.0:
            checks.append(
                _between(
                    "false alarms, simulated",
                    shares.significant,
                    SIMULATED_ALARMS,
                    f"{shares.comparisons} comparisons of equals at a nominal 5 %",
                )
            )
        checks.append(
            _between(
                f"coverage of a ratio of {true_ratio:.2f}, simulated",
                shares.covered,
                SIMULATED_COVERAGE,
                f"{shares.comparisons} intervals" if true_ratio == TRUE_RATIOS[0] else "",
            )
        )
    told("simulated comparisons", len(TRUE_RATIOS), len(TRUE_RATIOS) + 1)
    found = simulate(SLOWDOWN, spread, schedule, extent.simulated // 10, seed=99)
    checks.append(
        Check(
            name="a 3 % slowdown found, simulated",
            value=100 * found.significant,
            unit="%",
            bound=f"at least {100 * POWER:.0f} %",
            verdict="holds" if found.significant >= POWER else "too noisy",
            note=(
                f"with the spread measured here (launches {100 * spread.launch:.1f} %, rounds "
                f"{100 * spread.own_round:.1f} %), {found.launches:.1f} launches on average"
            ),
        )
    )
    return checks


def _overhead() -> list[Check]:
    overhead = measure_overhead()
    worst = max(overhead.batched_ns, overhead.single_ns)
    return [
        Check(
            name="overhead of the harness",
            value=worst,
            unit="ns",
            bound=f"at most {OVERHEAD_NS:.0f} ns a call",
            verdict="holds" if worst <= OVERHEAD_NS else "fails",
            note="an empty backend against a bare loop",
        ),
        Check(
            name="overhead of a 10 ms call",
            value=1e6 * overhead.share,
            unit="ppm",
            bound=f"below {1e6 * OVERHEAD_SHARE:.0f} ppm",
            verdict="holds" if overhead.share < OVERHEAD_SHARE else "fails",
        ),
    ]


def _real(at: Laboratory, extent: Extent, told: Told) -> list[Check]:
    equals = of_equals(at, extent.comparisons, told)
    alarms = int(binom.ppf(CONFIDENCE, extent.comparisons, 1 - CONFIDENCE))
    long = msgspec.structs.replace(
        extent.schedule,
        pilot=extent.length,
        launches=extent.length,
        half_width=None,
        budget_seconds=None,
    )
    truth = of_unequals(at, "ort", 1, long, told).comparisons[0].ratio
    slower = of_unequals(at, "ort", extent.trials, extent.schedule, told, truth.value)
    with neighbour():
        told("a busy neighbour", 0, 1)
        beside = of_equals(at, len(BACKENDS), told)
    flagged = sum(each.calm.noisy or each.calm.excluded > 0 for each in beside.comparisons)
    false_flags = flagged_share(equals.blocks, quiet=True)
    return [
        Check(
            name="false alarms",
            value=100 * equals.significant / extent.comparisons,
            unit="%",
            bound=f"at most {alarms} of {extent.comparisons}",
            verdict="holds" if equals.significant <= alarms else "fails",
            note=f"{equals.significant} of {extent.comparisons} comparisons of equals at a "
            "nominal 5 %; the bound is the binomial's 95 %",
        ),
        Check(
            name="a real slowdown found",
            value=100 * slower.significant / extent.trials,
            unit="%",
            bound=f"at least {100 * POWER:.0f} %",
            verdict=_found(slower.significant, slower.noisy, extent.trials),
            note=f"a larger crop that takes {100 * (truth.value - 1):.1f} % longer (±"
            f"{100 * (truth.half_width or 0):.1f} % by {extent.length} launches); "
            f"{slower.significant} of {extent.trials} trials at the default profile, so at least "
            f"{100 * _lower(slower.significant, extent.trials):.0f} % by Clopper and Pearson",
        ),
        Check(
            name="coverage of the real slowdown",
            value=100 * slower.covered / extent.trials,
            unit="%",
            bound=f"at least {int(binom.ppf(1 - CONFIDENCE, extent.trials, CONFIDENCE))} of "
            f"{extent.trials}",
            verdict="holds"
            if slower.covered >= binom.ppf(1 - CONFIDENCE, extent.trials, CONFIDENCE)
            else "fails",
            note="intervals that hold the ratio measured at length",
        ),
        Check(
            name="a busy neighbour is flagged",
            value=100 * flagged / len(beside.comparisons),
            unit="%",
            bound=f"at least {100 * FLAGGED:.0f} % of comparisons",
            verdict="holds" if flagged >= FLAGGED * len(beside.comparisons) else "fails",
            note=f"{100 * flagged_share(beside.blocks):.0f} % of their blocks",
        ),
        Check(
            name="blocks flagged without a reason",
            value=100 * false_flags,
            unit="%",
            bound=f"at most {100 * FALSELY_FLAGGED:.0f} %",
            verdict="holds" if false_flags <= FALSELY_FLAGGED else "fails",
            note="of those without steal or pressure, among the comparisons of equals",
        ),
    ]


def _between(name: str, share: float, bounds: tuple[float, float], note: str) -> Check:
    low, high = bounds
    return Check(
        name=name,
        value=100 * share,
        unit="%",
        bound=f"{100 * low:g} to {100 * high:g} %",
        verdict="holds" if low <= share <= high else "fails",
        note=note,
    )


def _found(found: int, noisy: int, trials: int) -> Verdict:
    if found >= POWER * trials:
        return "holds"
    return "too noisy" if noisy + found >= POWER * trials else "fails"


def _lower(found: int, trials: int) -> float:
    """Return the lower end of the exact 95 % interval of a share (Clopper and Pearson, 1934)."""
    return float(beta.ppf((1 - CONFIDENCE) / 2, found, trials - found + 1)) if found else 0.0
