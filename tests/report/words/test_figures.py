"""Figures have the digits that their intervals support."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simx.report.words import figures
from simx.report.words.figures import UNKNOWN
from simx.report.words.values import ABSENT, Value
from simx.results.schema.report import Parity
from simx.results.statistics.estimates import Estimate, Ratio


def known(milliseconds: float, half: float | None) -> Estimate:
    return Estimate(
        median_ns=milliseconds * 1e6,
        low_ns=None if half is None else (milliseconds - half) * 1e6,
        high_ns=None if half is None else (milliseconds + half) * 1e6,
        launches=5,
        calls=50,
    )


@pytest.mark.parametrize(
    ("milliseconds", "half", "figure", "spread"),
    [
        (50.1234, 0.5, "50.1", "±1%"),
        (50.1234, 0.1, "50.12", "±0.2%"),
        (50.1234, 5.0, "50", "±10%"),
        (50.1234, 0.0, "50.12", "±0.1%"),
        (50.1234, 5.1, "45 to 55", ""),
        (50.1234, 15.0, "35 to 65", ""),
        (50.1234, 30.0, "?", ""),
        (50.1234, None, "50.1", ""),
        (1234.5, 30.0, "1234", "±2%"),
        (1234.5, 60.0, "1230", "±5%"),
        (20344.0, None, "20300", ""),
        (0.0213456, 0.0005, "0.0213", "±2%"),
        (9.9996, 0.04, "10.00", "±0.4%"),
    ],
)
def test_times_end_where_their_interval_begins(
    milliseconds: float, half: float | None, figure: str, spread: str
) -> None:
    """No more digits than the interval supports, and never fewer than two."""
    value = figures.time(known(milliseconds, half), spread=True)

    assert (value.figure, value.detail) == (figure, spread)


def test_a_time_in_microseconds() -> None:
    """The same time in another unit."""
    assert figures.time(known(0.0213456, 0.0005), "µs").figure == "21.3"


@pytest.mark.parametrize(
    ("milliseconds", "unit", "figure"), [(1.0910, "ms", "1.0910"), (1.0910, "µs", "1091.0")]
)
def test_a_quoted_time_keeps_its_digits(milliseconds: float, unit: str, figure: str) -> None:
    """Nothing is rounded away, and a zero at the end is a digit like any other."""
    assert figures.time(known(milliseconds, None), unit, decimals=4).figure == figure


def test_a_ratio_and_its_interval_end_alike() -> None:
    """The ends of the interval have as many decimals as the ratio."""
    ratio = Ratio(value=1.35234, low=1.3101, high=1.3955, launches=5)

    assert figures.ratio(ratio).figure == "1.35"
    assert figures.interval(ratio).figure == "1.31 to 1.40"


def between(value: float, low: float, high: float) -> Ratio:
    return Ratio(value=value, low=low, high=high, launches=3)


@pytest.mark.parametrize(
    ("value", "low", "high", "text"),
    [
        (2.0, 1.9, 2.105, "2.00 ±5%"),
        (2.0, 1.8265, 2.19, "2.00 ±9%"),
        (2.0, 1.79, 2.23, "1.8 to 2.2"),
        (31.0, 7.2, 131.7, "?"),
        (1.0, 0.708, 1.412, "0.71 to 1.4"),
        (1.0, 0.706, 1.416, "?"),
        (1.0, 1e-9, 1e9, "?"),
        (1.0, 0.0, math.inf, "?"),
        (1e6, 0.9e6, 1.2e6, ">99999 to >99999"),
    ],
)
def test_a_wide_interval_is_printed_by_its_ends(
    value: float, low: float, high: float, text: str
) -> None:
    """± stands for both sides; where they differ it would be false. ? stands for no figure."""
    time = Estimate(median_ns=1e6 * value, low_ns=1e6 * low, high_ns=1e6 * high, launches=3)

    assert figures.ratio(between(value, low, high)).text == text
    assert figures.time(time, spread=True).text == text


@pytest.mark.parametrize("show", [figures.ratio, figures.interval])
@pytest.mark.parametrize("factor", [1.45, 2.0, 22.0, 1e9])
def test_what_is_not_precise_enough_has_no_digit(
    show: Callable[[Ratio], Value], factor: float
) -> None:
    """A figure that may be wrong by a factor looks like any other one."""
    found = between(31.0, 31.0 / factor, 31.0 * factor)
    time = Estimate(median_ns=31e6, low_ns=31e6 / factor, high_ns=31e6 * factor, launches=3)

    assert show(found) == UNKNOWN
    assert figures.time(time) == figures.time(time, spread=True, digits=2) == UNKNOWN
    assert figures.in_sentence(figures.time(time), "ms") == "not measured precisely enough"


@given(st.floats(1e-3, 1e4), st.floats(1.0, 1.41))
def test_what_is_printed_holds_the_interval(value: float, factor: float) -> None:
    """Within the rounding of the last digit that is shown."""
    low, high = value / factor, value * factor
    shown = figures.ratio(between(value, low, high)).text
    if "±" in shown:
        figure, half = shown.removesuffix("%").split(" ±")
        ends = [float(figure) * (1 + sign * float(half) / 100) for sign in (-1, 1)]
    else:
        ends = [float(end.removeprefix(">")) for end in shown.split(" to ")]

    assert len(shown) <= len("0.00178 to 0.00215")
    assert ends[0] <= 1.06 * low or ends[0] < 0.01
    assert ends[1] >= 0.94 * min(high, figures.LARGEST_SHOWN)


@pytest.mark.parametrize(
    ("half_width", "text"),
    [
        (0.0, "±0.1%"),
        (0.015, "±1.5%"),
        (0.1, "±10.0%"),
        (0.6, "a factor of 1.6"),
        (3.25, "a factor of 4.2"),
    ],
)
def test_the_width_of_an_interval_in_words(half_width: float, text: str) -> None:
    """A factor where the sides differ: above and below the figure it is the same."""
    assert figures.width(half_width) == text


def test_what_is_unknown_is_a_dash() -> None:
    """Neither an absent figure nor an absent interval is a zero."""
    alone = Ratio(value=1.35234, low=None, high=None, launches=1)

    assert figures.ratio(alone).figure == "1.35"
    assert figures.interval(alone) == ABSENT
    assert figures.time(None) == figures.ratio(None) == figures.fixed(None, 2) == ABSENT


def test_no_negative_zero() -> None:
    """What rounds to zero has no sign."""
    assert figures.fixed(-0.001, 2).figure == "0.00"
    assert figures.fixed(-1.8293, 2).figure == "-1.83"


@pytest.mark.parametrize(
    ("cosine", "error", "shown"),
    [
        (1.0, 0.0, ("1.0000000", "0")),
        (0.99999998, 2.13e-7, ("0.9999999", "2e-7")),
        (0.5, 1.6, ("0.5000000", "2e0")),
    ],
)
def test_parity_is_never_flattered(cosine: float, error: float, shown: tuple[str, str]) -> None:
    """A cosine below 1 does not round to 1, and an error that is not 0 does not round to 0."""
    parity = Parity(cosine=cosine, relative_l2=error)

    assert (figures.cosine(parity).figure, figures.error(parity).figure) == shown
