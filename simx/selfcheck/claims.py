"""simx's claims about itself: pure functions that judge measured figures by a bound."""

from collections.abc import Sequence

from scipy.stats import beta, binom

from simx.common.safe_text import counted
from simx.results.schema.selfcheck import Check, Verdict
from simx.results.schema.times import Block
from simx.results.statistics.estimates import CONFIDENCE, Ratio
from simx.selfcheck.overhead import Overhead
from simx.selfcheck.simulation import Shares, Spread
from simx.selfcheck.trials import Trials, flagged_share

TRUE_RATIOS = (1.00, 1.01, 1.03, 1.10)
SLOWDOWN = 1.03

POWER = 0.90
"""Share of the trials in which a slowdown has to be found."""

SIMULATED_ALARMS = (0.045, 0.055)
SIMULATED_COVERAGE = (0.93, 0.97)
OVERHEAD_NS = 1000.0
OVERHEAD_SHARE = 1e-4
FLAGGED = 0.95
FALSELY_FLAGGED = 0.01

_AT_LEAST_POWER = f"at least {100 * POWER:.0f} %"


def simulated_alarms(shares: Shares) -> Check:
    """Claim: equals are called different at the nominal rate."""
    note = f"{shares.comparisons} comparisons of equals at a nominal 5 %"
    return _between("false alarms, simulated", shares.significant, SIMULATED_ALARMS, note)


def simulated_coverage(true_ratio: float, shares: Shares) -> Check:
    """Claim: intervals contain a ratio at the nominal rate."""
    name = f"coverage of a ratio of {true_ratio:.2f}, simulated"
    return _between(name, shares.covered, SIMULATED_COVERAGE)


def simulated_power(shares: Shares, spread: Spread) -> Check:
    """Claim: a slowdown is found, with the measured spread."""
    verdict: Verdict = "holds" if shares.significant >= POWER else "too noisy"
    note = (
        f"with the spread measured here (launches {100 * spread.launch:.1f} %, rounds "
        f"{100 * spread.own_round:.1f} %), {shares.launches:.1f} launches on average"
    )
    name = "a 3 % slowdown found, simulated"
    return _check(name, 100 * shares.significant, _AT_LEAST_POWER, note, found=verdict)


def small_overhead(overhead: Overhead) -> tuple[Check, Check]:
    """Claims: the harness adds almost nothing to a call, and to one of 10 ms."""
    worst = max(overhead.batched_ns, overhead.single_ns)
    bound = f"at most {OVERHEAD_NS:.0f} ns a call"
    holds = worst <= OVERHEAD_NS
    note = "an empty backend against a bare loop"
    of_a_call = _check("overhead of the harness", worst, bound, note, found=holds, unit="ns")
    name, bound = "overhead of a 10 ms call", f"below {1e6 * OVERHEAD_SHARE:.0f} ppm"
    holds = overhead.share < OVERHEAD_SHARE
    return of_a_call, _check(name, 1e6 * overhead.share, bound, found=holds, unit="ppm")


def real_alarms(equals: Trials) -> Check:
    """Claim: equals are called different no more often than chance allows."""
    count, found = len(equals.comparisons), equals.significant
    most = int(binom.ppf(CONFIDENCE, count, 1 - CONFIDENCE))
    note = (
        f"{found} of {count} comparisons of equals at a nominal 5 %; the bound is the binomial's "
        "95 %"
    )
    bound = f"at most {most} of {count}"
    return _check("false alarms", 100 * found / count, bound, note, found=found <= most)


def real_power(slower: Trials, truth: Ratio) -> Check:
    """Claim: a slowdown of a network is found."""
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
    return _check(
        "a real slowdown found", 100 * found / count, _AT_LEAST_POWER, note, found=verdict
    )


def real_coverage(slower: Trials) -> Check:
    """Claim: intervals contain the ratio that was measured with many launches."""
    count, covered = len(slower.comparisons), slower.covered
    least = int(binom.ppf(1 - CONFIDENCE, count, CONFIDENCE))
    name, bound = "coverage of the real slowdown", f"at least {least} of {count}"
    note = "intervals that agree with the ratio measured at length, within both intervals"
    return _check(name, 100 * covered / count, bound, note, found=covered >= least)


def neighbour_flagged(beside: Trials) -> Check:
    """Claim: the disturbance of a busy neighbour is flagged."""
    flagged = [each.filtered.noisy or each.filtered.excluded > 0 for each in beside.comparisons]
    share = sum(flagged) / len(flagged)
    bound = f"at least {100 * FLAGGED:.0f} % of comparisons"
    note = f"{100 * flagged_share(beside.blocks):.0f} % of their blocks"
    return _check("a busy neighbour is flagged", 100 * share, bound, note, found=share >= FLAGGED)


def nothing_flagged(blocks: Sequence[Block]) -> Check:
    """Claim: blocks without steal and pressure are not flagged."""
    share = flagged_share(blocks, quiet=True)
    bound = f"at most {100 * FALSELY_FLAGGED:.0f} %"
    note = "blocks without steal or pressure, from the comparisons of equals"
    holds = share <= FALSELY_FLAGGED
    return _check("blocks flagged without a reason", 100 * share, bound, note, found=holds)


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
