"""Figures with the digits that their intervals support."""

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
"""Significant digits. The interval chooses between the first two: the last digit shown is the
second digit of its half width if that begins with up to 354, else the first digit
(Particle Data Group, "Review of particle physics", introduction, rounding)."""

SIMILARITY_DECIMALS = 2
"""Decimals of a measured percentage. The differences between backends are smaller."""

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
        estimate: The time, if there is one.
        unit: ``ms`` or ``µs``.
        spread: Whether to show its interval, in percent.
        decimals: Decimals of a quoted time in milliseconds; all of them show.
        digits: Most significant digits of a time that is not quoted.
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
    """Return a ratio, and the half width of its interval in percent of it."""
    if value is None:
        return ABSENT
    half = "" if value.half_width is None else _percent(value.half_width)
    return Value(_rounded(value.value, _ratio_decimals(value)), half)


def interval(value: Ratio | None) -> Value:
    """Return the ends of a ratio's interval."""
    if value is None or value.low is None or value.high is None:
        return ABSENT
    decimals = _ratio_decimals(value)
    return Value(f"{_rounded(value.low, decimals)} to {_rounded(value.high, decimals)}")


def fixed(value: float | None, decimals: int) -> Value:
    """Return a figure without an interval, rounded."""
    return ABSENT if value is None else Value(_rounded(value, decimals))


def similarity(percent: float | None, decimals: int | None) -> Value:
    """Return a similarity or a margin; ``decimals`` are those of a quoted one."""
    return fixed(percent, SIMILARITY_DECIMALS if decimals is None else decimals)


def similarity_unit(*, quoted: bool) -> str:
    """Return the unit of similarity times; publications have milliseconds."""
    return "ms" if quoted else "µs"


def accuracy(backbone: BackboneSummary, percent: float | None) -> Value:
    """Return an accuracy; a quoted one with all decimals of torchvision."""
    return fixed(percent, 3 if backbone.quoted else 2)


def dimension(backbone: BackboneSummary) -> Value:
    """Return the lengths of a backbone's embeddings, normally one."""
    lengths = dict.fromkeys(str(cell.embedding_dim) for cell in backbone.measured)
    return Value(" ".join(lengths)) if lengths else ABSENT


def percent(share: float | None) -> Value:
    """Return a share in percent, to one decimal."""
    return fixed(None if share is None else 100 * share, 1)


def mebibytes(count: int | None) -> Value:
    """Return a number of bytes in whole MiB."""
    return fixed(None if count is None else count / 2**20, 0)


def cosine(parity: Parity | None) -> Value:
    """Return the cosine, rounded down, so that only equal vectors show a 1."""
    return fixed(None if parity is None else math.floor(parity.cosine * 1e7) / 1e7, 7)


def error(parity: Parity | None) -> Value:
    """Return the relative L2 error with one digit."""
    if parity is None:
        return ABSENT
    mantissa, _, exponent = f"{parity.relative_l2:.0e}".partition("e")
    return Value("0" if parity.relative_l2 == 0 else f"{mantissa}e{int(exponent)}")


def placement(cell: MeasuredSummary) -> Value:
    """Return where a graph's nodes ran: ``142/142 cuda``, or ``562 cuda + 13 shape``.

    ``118/142 cuda + 13 shape`` is marked: nodes that do more than compute shapes ran elsewhere.
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
    """Return the number of decimals; below 0 if even tens are uncertain.

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
    """Return the number of digits before the decimal point; 0 or less below 1."""
    return math.floor(math.log10(value)) + 1


def _rounded(value: float, decimals: int) -> str:
    """Write a figure; never a negative zero."""
    return f"{round(value, decimals) + 0.0:.{max(0, decimals)}f}"


def _percent(share: float) -> str:
    percent = 100 * share
    if percent >= 1000:  # noqa: PLR2004 - wider than any column
        return "±>999%"
    return f"±{percent:.0f}%" if percent >= 0.95 else f"±{max(percent, 0.1):.1f}%"  # noqa: PLR2004 - 0.95 rounds to 1.0
