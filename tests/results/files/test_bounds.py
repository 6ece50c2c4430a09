"""Figures and texts of any record have bounds."""

import msgspec
import pytest

from simx.results.files.bounds import LARGEST, LONGEST_TEXT, excesses
from tests.results.builders import failed, measured, report


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (LARGEST, []),
        (LARGEST + 1, ["$ is beyond 64 bits"]),
        (-LARGEST - 2, ["$ is beyond 64 bits"]),
        (1e18, []),
        (1e19, ["$ is 1e+19; figures are from -1e+18 to 1e+18"]),
        (float("nan"), ["$ is nan; figures are from -1e+18 to 1e+18"]),
        ("x" * LONGEST_TEXT, []),
        ("x" * (LONGEST_TEXT + 1), ["$ has 65,537 characters; a text has at most 65,536"]),
        ((1, {"a": 1e19}), ["$[1].a is 1e+19; figures are from -1e+18 to 1e+18"]),
        ({"x" * 65_537: None}, ["$ (a key) has 65,537 characters; a text has at most 65,536"]),
        ((None, True), []),
    ],
)
def test_what_is_beyond_its_bounds_is_found_with_its_place(value: object, found: list[str]) -> None:
    """Integers of 64 bits, figures that can be multiplied, texts that can be shown."""
    assert list(excesses(value)) == found


def test_every_field_of_a_report_is_looked_at() -> None:
    """The place is that in the report's file."""
    cell = failed(reason="x" * 70_000)
    catalogue = msgspec.structs.replace(measured().catalogue, params=2**70)
    of = report(msgspec.structs.replace(measured(), catalogue=catalogue), cell)

    assert [excess.split()[0] for excess in excesses(of)] == [
        "$.cells[0].catalogue.params",
        "$.cells[1].reason",
    ]
