"""Writes figures with the digits that their intervals support."""

import math

from simx.report.words.names import provider_name
from simx.report.words.values import ABSENT, NANOSECONDS_PER_MS, Value
from simx.results.schema.partial_placement import partial_placement
from simx.results.schema.report import Parity
from simx.results.statistics.estimates import Estimate, Ratio
from simx.results.summaries.summary import BackboneSummary, MeasuredSummary

FEWEST_DIGITS = 2
MOST_DIGITS = 4
DIGITS_WITHOUT_INTERVAL = 3
"""Significant digits. Between the first two, the interval decides: the last digit shown is the
second of its half width if that begins with up to 354, and the first if it begins with more
(Particle Data Group, "Review of particle physics", introduction, rounding)."""

SIMILARITY_DECIMALS = 2
"""Of a percentage that was measured here: backends differ by less than that shows."""

NANOSECONDS = {"ms": NANOSECONDS_PER_MS, "µs": 1e3}


def time(
    estimate: Estimate | None,
    unit: str = "ms",
    *,
    spread: bool = False,
    decimals: int | None = None,
    digits: int | None = None,
) -> Value:
    """Return a time.

    Args:
        estimate: None for no time.
        unit: ``ms`` or ``µs``.
        spread: Whether its interval stands beside it, in percent.
        decimals: Of a millisecond, to which a time is quoted; it keeps all of them.
        digits: The most significant digits of a time that is not quoted.
    """
    if estimate is None:
        return ABSENT
    scale = NANOSECONDS[unit]
    value = estimate.median_ns / scale
    if decimals is not None:
        return Value(_rounded(value, decimals - round(math.log10(NANOSECONDS["ms"] / scale))))
    half = None if estimate.high_ns is None else estimate.high_ns / scale - value
    shown = _decimals(value, half)
    if digits is not None:
        shown = min(shown, digits - _leading(value))
    detail = _percent(half / value) if spread and half is not None else ""
    return Value(_rounded(value, shown), detail)


def ratio(value: Ratio | None) -> Value:
    """Return a ratio, and beside it how far its interval reaches, in percent of it."""
    if value is None:
        return ABSENT
    half = value.half_width
    figure = _rounded(value.value, _ratio_decimals(value))
    return Value(figure, "" if half is None else _percent(half))


def interval(value: Ratio | None) -> Value:
    """Return the ends of a ratio's interval."""
    if value is None or value.low is None or value.high is None:
        return ABSENT
    decimals = _ratio_decimals(value)
    return Value(f"{_rounded(value.low, decimals)} to {_rounded(value.high, decimals)}")


def fixed(value: float | None, decimals: int) -> Value:
    """Return a figure that has no interval, rounded; never a negative zero."""
    if value is None:
        return ABSENT
    return Value(_rounded(value, decimals))


def similarity(percent: float | None, decimals: int | None) -> Value:
    """Return a similarity, or a difference of two; a quoted one with its own ``decimals``."""
    return fixed(percent, SIMILARITY_DECIMALS if decimals is None else decimals)


def similarity_unit(*, quoted: bool) -> str:
    """Return the unit of similarity times: they are published in milliseconds."""
    return "ms" if quoted else "µs"


def accuracy(backbone: BackboneSummary, percent: float | None) -> Value:
    """Return an accuracy; a quoted one with all the decimals that torchvision publishes."""
    return fixed(percent, 3 if backbone.quoted else 2)


def dimension(backbone: BackboneSummary) -> Value:
    """Return the length of a backbone's embedding; of several, each."""
    lengths = dict.fromkeys(str(cell.embedding_dim) for cell in backbone.measured)
    return Value(" ".join(lengths)) if lengths else ABSENT


def percent(share: float | None) -> Value:
    """Return a share in percent, to one decimal."""
    return fixed(None if share is None else 100 * share, 1)


def mebibytes(count: int | None) -> Value:
    """Return a number of bytes in MiB, to whole ones."""
    return fixed(None if count is None else count / 2**20, 0)


def cosine(parity: Parity | None) -> Value:
    """Return the cosine, rounded down: only a vector that agrees to the last digit shows a 1."""
    if parity is None:
        return ABSENT
    return Value(f"{math.floor(parity.cosine * 1e7) / 1e7:.7f}")


def error(parity: Parity | None) -> Value:
    """Return the relative L2 error by its order of magnitude."""
    if parity is None:
        return ABSENT
    mantissa, _, exponent = f"{parity.relative_l2:.0e}".partition("e")
    return Value("0" if parity.relative_l2 == 0 else f"{mantissa}e{int(exponent)}")


def placement(cell: MeasuredSummary) -> Value:
    """Return where a graph's nodes ran: ``142/142 cuda``, or ``562 cuda + 13 shape``.

    Where others than those that only compute shapes ran elsewhere, the share is shown and marked:
    ``118/142 cuda + 13 shape``.
    """
    provider = cell.target.provider
    there = cell.placement.get(provider, 0)
    if not there:
        return ABSENT
    share = partial_placement(cell.placement, cell.shape_nodes, provider)
    nodes = share or (f"{there}" if cell.shape_nodes else f"{there}/{there}")
    shapes = f" + {cell.shape_nodes} shape" if cell.shape_nodes else ""
    return Value(f"{nodes} {provider_name(provider)}{shapes}", tone="bad" if share else "plain")


def _ratio_decimals(value: Ratio) -> int:
    return _decimals(value.value, None if value.high is None else value.high - value.value)


def _decimals(value: float, half: float | None) -> int:
    """Return how many decimals to show, below 0 where even tens are open.

    ``half`` is half the width of the interval, in the unit of the value.
    """
    leading = _leading(value)
    if half is None:
        digits = DIGITS_WITHOUT_INTERVAL
    elif half > 0 and math.isfinite(half):
        digits = leading - math.floor(math.log10(half / 3.55))
    else:
        digits = FEWEST_DIGITS if half else MOST_DIGITS
    return min(MOST_DIGITS, max(FEWEST_DIGITS, digits)) - leading


def _leading(value: float) -> int:
    """Return how many digits stand before the decimal point; 0 or less below 1."""
    return math.floor(math.log10(value)) + 1


def _rounded(value: float, decimals: int) -> str:
    """Write a figure without the digits it does not have; never a negative zero."""
    return f"{round(value, decimals) + 0.0:.{max(0, decimals)}f}"


def _percent(share: float) -> str:
    percent = 100 * share
    if percent >= 1000:  # noqa: PLR2004 - wider than any column; the digits would mean nothing
        return "±>999%"
    return f"±{percent:.0f}%" if percent >= 0.95 else f"±{max(percent, 0.1):.1f}%"  # noqa: PLR2004 - 0.95 rounds to 1.0
