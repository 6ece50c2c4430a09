"""Figures with the digits that their intervals support, and the one form of every interval.

Intervals are those of logarithms: they reach as many times above a figure as below it, so that the
upper side is the longer one. A narrow interval is printed as ``±6%``, which contains it. A wide one
is printed by its ends in place of the figure: ``1.4 to 2.2``. One that says nothing is a sign.
"""

import math

import msgspec

from simx.report.words.names import IMPRECISE, NO_INTERVAL, RANDOM, provider_name
from simx.report.words.values import ABSENT, NANOSECONDS_PER_MS, Value
from simx.results.schema.partial_placement import partial_placement
from simx.results.schema.report import Parity, Price, WeightsOrigin
from simx.results.statistics.energy import Energy
from simx.results.statistics.estimates import Estimate, Ratio
from simx.results.summaries.kinds import cost as cost_per_million
from simx.results.summaries.summary import BackboneSummary, MeasuredSummary

FEWEST_DIGITS = 2
MOST_DIGITS = 4
DIGITS_WITHOUT_INTERVAL = 3
"""Significant digits. The interval chooses between the first two: the last digit shown is the
second digit of its half width if that begins with up to 354, else the first digit
(Particle Data Group, "Review of particle physics", introduction, rounding)."""

NARROW = 0.10
"""Share of a figure that the upper side of a narrow interval is at the most. Up to there its sides
differ by less than a percentage point."""

IMPRECISE_FACTOR = 2.0
"""A figure is not measured precisely enough if the upper end of its interval is more than this many
times the lower one: then the interval does not even show the figure to a factor of two, and
``IMPRECISE`` stands in its place."""

LARGEST_SHOWN, SMALLEST_SHOWN = 99_999, 0.001
"""Figures beyond these do not fit into a column."""

SIMILARITY_DECIMALS = 2
"""Decimals of a measured percentage. The differences between backends are smaller."""

UNKNOWN = Value(IMPRECISE, tone="warning")
"""In place of a figure that is not measured precisely enough."""

UNKNOWN_TEXT = "not measured precisely enough"

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
        spread: Whether to show its interval.
        decimals: Decimals of a quoted time in milliseconds; all of them show.
        digits: Most significant digits of a time that is not quoted.
    """
    if estimate is None:
        return ABSENT
    scale = NANOSECONDS[unit]
    value = estimate.median_ns / scale
    if decimals is not None:
        return Value(_rounded(value, decimals - round(math.log10(NANOSECONDS["ms"] / scale))))
    low, high = (end and end / scale for end in (estimate.low_ns, estimate.high_ns))
    return _measured(value, low, high, spread=spread, digits=digits)


def per_second(estimate: Estimate | None, batch: int) -> Value:
    """Return the pictures per second of calls that take a batch each."""
    if estimate is None:
        return ABSENT
    pictures = 1e9 * batch
    low, high = (end and pictures / end for end in (estimate.high_ns, estimate.low_ns))
    return _measured(pictures / estimate.median_ns, low, high)


def ratio(value: Ratio | None) -> Value:
    """Return a ratio with its interval."""
    if value is None:
        return ABSENT
    return _measured(value.value, value.low, value.high, spread=True)


def energy(value: Energy | None) -> Value:
    """Return the joules of a picture with their interval."""
    if value is None:
        return ABSENT
    return _measured(value.joules, value.low, value.high, spread=True)


def cost(forward: Estimate | None, pictures: int, price: Price) -> Value:
    """Return what a million pictures cost, with the interval of their time."""
    if forward is None:
        return ABSENT
    found = cost_per_million(forward, pictures, price)
    return _measured(found.median_ns, found.low_ns, found.high_ns, spread=True)


def estimate_of(value: Ratio) -> str:
    """Return a precise ratio without its interval, for a sentence that has its ``ends``, too."""
    return _measured(value.value, value.low, value.high).figure


def ends(value: Ratio) -> str:
    """Return the end of a sentence: ``, 1.31 to 1.40``; empty without an interval."""
    found = interval(value)
    return "" if found == ABSENT else f", {found.figure}"


def interval(value: Ratio | None) -> Value:
    """Return the ends of a ratio's interval."""
    if value is None or value.low is None or value.high is None:
        return ABSENT
    if is_imprecise(value):
        return UNKNOWN
    decimals = _decimals(value.value, value.high - value.value)
    return Value(_ends(value.value, value.low, value.high, decimals))


def has_interval(found: Estimate | Ratio) -> bool:
    """Whether a figure comes from more than one launch."""
    return (found.low if isinstance(found, Ratio) else found.low_ns) is not None


def is_imprecise(found: Estimate | Ratio) -> bool:
    """Whether the interval of a figure is too wide to print the figure."""
    if isinstance(found, Ratio):
        return is_wide(found.low, found.high)
    return is_wide(found.low_ns, found.high_ns)


def qualified(value: Value) -> str:
    """Return a figure with those of its marks that hold in a sentence, or beside other figures.

    The others belong to a field of a table: they compare it with its neighbours.
    """
    return value.figure + (RANDOM if RANDOM in value.mark else "")


def in_sentence(value: Value, unit: str) -> str:
    """Return a time with its unit and interval, or why there is none."""
    if value == UNKNOWN:
        return UNKNOWN_TEXT
    return " ".join(part for part in (qualified(value), unit, value.detail) if part)


def width(half_width: float) -> str:
    """Return how far an interval reaches to either side, from its upper side as a share."""
    if half_width <= NARROW:
        return f"±{max(100 * half_width, 0.1):.1f}%"
    return f"a factor of {brief(1 + half_width)}"


def brief(value: float) -> str:
    """Return a positive figure with two significant digits, and never fewer than its whole part."""
    if value < SMALLEST_SHOWN:
        return "0"
    if value > LARGEST_SHOWN:
        return f">{LARGEST_SHOWN}"
    return _rounded(value, max(0, FEWEST_DIGITS - _leading(value)))


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
    """Return an accuracy; a quoted one with all decimals of torchvision.

    It is that of the pretrained weights, so that it is marked for random ones.
    """
    return of_weights(fixed(percent, 3 if backbone.quoted else 2), backbone.weights_origin)


def of_weights(value: Value, origin: WeightsOrigin | None) -> Value:
    """Return a figure that depends on the weights; with a mark if they are random."""
    if origin != "random" or value == ABSENT:
        return value
    return msgspec.structs.replace(value, mark=RANDOM, tone="faint")


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


def _measured(
    value: float,
    low: float | None,
    high: float | None,
    *,
    spread: bool = False,
    digits: int | None = None,
) -> Value:
    """Return a measured figure with as many digits as its interval supports, and with its mark.

    With ``spread`` it has its interval. ``digits`` are the most significant digits.
    """
    if is_wide(low, high):
        return UNKNOWN
    sign = NO_INTERVAL if low is None or high is None else ""
    decimals = _decimals(value, None if high is None else high - value)
    if digits is not None:
        decimals = min(decimals, digits - _leading(value))
    if not spread or low is None or high is None:
        return Value(_rounded(value, decimals), mark=sign)
    half_width = high / value - 1
    if half_width <= NARROW:
        return Value(_rounded(value, decimals), _percent(half_width))
    return Value(_ends(value, low, high, decimals))


def is_wide(low: float | None, high: float | None) -> bool:
    """Whether an interval is too wide to print its figure, or itself."""
    return low is not None and high is not None and high > IMPRECISE_FACTOR * low


def _ends(value: float, low: float, high: float, decimals: int) -> str:
    """Return both ends: of a narrow interval with the figure's decimals, else with two digits."""
    if high <= (1 + NARROW) * value:
        return f"{_rounded(low, decimals)} to {_rounded(high, decimals)}"
    return f"{brief(low)} to {brief(high)}"


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


def _percent(half_width: float) -> str:
    percent = 100 * half_width
    return f"±{percent:.0f}%" if percent >= 0.95 else f"±{max(percent, 0.1):.1f}%"  # noqa: PLR2004 - 0.95 rounds to 1.0
