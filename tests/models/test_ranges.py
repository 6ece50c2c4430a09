"""Ranges of GFLOPS: their edges, their labels and how they are typed."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simx.common.errors import InputError
from simx.models.ranges import (
    DEFAULT_RANGES,
    Range,
    parse_ranges,
    range_of,
    ranges_between,
    ranges_from_edges,
)

edges = st.lists(
    st.one_of(
        st.integers(1, 10_000).map(float),
        st.decimals("0.000000001", 10_000, places=9).map(float),
    ),
    unique=True,
).map(lambda later: [0.0, *sorted(later)])


def test_the_default_ranges_are_those_between_their_edges() -> None:
    """Typing the default edges gives the default ranges, labels included."""
    assert ranges_from_edges("0,1,4,7,9,16,32") == DEFAULT_RANGES


@pytest.mark.parametrize(
    ("gflops", "label"), [(0.0, "0"), (0.999, "0"), (1.0, "1-3"), (31.9, "16-31"), (1018.0, "32+")]
)
def test_a_range_holds_its_lower_end_and_not_its_upper_one(gflops: float, label: str) -> None:
    """A figure on an edge belongs to the range that begins there."""
    found = range_of(gflops, DEFAULT_RANGES)

    assert found is not None
    assert found.label == label


def test_a_figure_outside_all_ranges_has_none() -> None:
    """Ranges that leave a gap give None for what lies in it."""
    assert range_of(5.0, parse_ranges("1-3,9+")) is None


@pytest.mark.parametrize(
    "text", ["0,1,4,7,9", "0,1,4,7,9-ongoing", "0, 1, 4, 7, 9+", "0,1,4,7,9-ONGOING"]
)
def test_the_last_edge_begins_a_range_without_end(text: str) -> None:
    """The last range goes on for ever, whether or not that is said."""
    found = [r.label for r in ranges_from_edges(text)]

    assert found == ["0", "1-3", "4-6", "7-8", "9+"]


def test_edges_that_are_not_whole_are_labelled_with_both_ends() -> None:
    """A decimal point says that the upper end itself is excluded."""
    found = [(r.label, r.low, r.high) for r in ranges_from_edges("0,0.5,2,3")]

    assert found == [("0.0-0.5", 0, 0.5), ("0.5-2.0", 0.5, 2), ("2", 2, 3), ("3+", 3, math.inf)]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "''"),
        ("0,,4", "''"),
        ("0,x,4", "'x'"),
        ("0,-1", "'-1'"),
        ("0,nan", "'nan'"),
        ("0,1e3", "'1e3'"),
        ("0,1+,4", "'1+'"),
        ("1,4,9", "begin at 0"),
        ("0,4,4", "increase"),
        ("0,9,4", "increase"),
        ("0," + "9" * 400, "such as 0,1,4,7,9"),
    ],
)
def test_bad_edges_are_refused_with_an_example(text: str, named: str) -> None:
    """The message names the offending part and shows what a good value looks like."""
    with pytest.raises(InputError) as caught:
        ranges_from_edges(text)

    assert named in str(caught.value)
    assert "0,1,4,7,9" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4", [(4, 5)]),
        ("4-6", [(4, 7)]),
        ("9+", [(9, math.inf)]),
        ("9-ongoing", [(9, math.inf)]),
        ("0, 4-6", [(0, 1), (4, 7)]),
        ("0.5-1.5", [(0.5, 1.5)]),
        ("0.5-3", [(0.5, 4)]),
        ("4-4", [(4, 5)]),
    ],
)
def test_a_range_is_typed_as_tables_label_it(
    text: str, expected: list[tuple[float, float]]
) -> None:
    """Whole bounds count with all that begins with them, decimal ones exactly."""
    assert [(r.low, r.high) for r in parse_ranges(text)] == expected


@pytest.mark.parametrize(
    "text", ["", "4,", "x", "-4", "6-4", "0.5", "1.5-0.5", "4-6-8", "inf", "٤"]
)
def test_what_is_no_range_is_refused_with_an_example(text: str) -> None:
    """The message shows how a range is written."""
    with pytest.raises(InputError, match="4-6") as caught:
        parse_ranges(text)

    assert "\n" not in str(caught.value)


@given(edges)
def test_ranges_between_edges_cover_everything_once(points: list[float]) -> None:
    """Every figure from 0 on lies in exactly one range."""
    ranges = ranges_between(points)
    figures = [*points, *(math.nextafter(point, 0) for point in points[1:]), 1e9]

    assert all(sum(figure in r for r in ranges) == 1 for figure in figures)


@given(edges)
def test_every_label_can_be_typed_as_a_range(points: list[float]) -> None:
    """Reading a label back gives the range it labels."""
    ranges = ranges_between(points)

    assert parse_ranges(",".join(r.label for r in ranges)) == ranges


@given(st.text(max_size=12))
def test_reading_a_range_never_fails_in_another_way(text: str) -> None:
    """Whatever is typed is a range or an input error."""
    try:
        found = parse_ranges(text)
    except InputError:
        return

    assert all(isinstance(r, Range) and r.low < r.high for r in found)
