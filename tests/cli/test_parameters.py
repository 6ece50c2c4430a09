"""Types of options that people write with a unit."""

import click
import pytest

from simx.cli.parameters import duration, fraction, percentage, powers, share


@pytest.mark.parametrize(
    ("typed", "expected"), [("1.5%", 0.015), ("3 %", 0.03), (".5%", 0.005), ("100%", 1.0)]
)
def test_a_share_is_a_percentage(typed: str, expected: float) -> None:
    """It is written as people say it."""
    assert share(typed) == pytest.approx(expected)


@pytest.mark.parametrize("typed", ["1.5", "0.015", "0%", "-1%", "101%", "%", "one%", "1.5%%"])
def test_a_share_without_its_sign_is_refused(typed: str) -> None:
    """1.5 might be meant for 150 %, and 0.015 for 0.015 %."""
    with pytest.raises(click.BadParameter, match="write it as a percentage such as"):
        share(typed)


@pytest.mark.parametrize(("typed", "percent"), [("75", 75), ("75.5%", 75.5), ("100 %", 100)])
def test_a_figure_in_percent_needs_no_sign(typed: str, percent: float) -> None:
    """Accuracies stand in the tables in percent, so that 75 can mean nothing else."""
    assert percentage(typed) == percent


@pytest.mark.parametrize("typed", ["", "-1", "101", "75 ms", "0.75.1"])
def test_what_is_no_percentage_is_refused(typed: str) -> None:
    """The message says how one is written."""
    with pytest.raises(click.BadParameter, match="write it as 75"):
        percentage(typed)


@pytest.mark.parametrize(("typed", "found"), [("0.9", 0.9), ("90%", 0.9), ("1", 1), ("0", 0)])
def test_a_fraction_is_a_number_to_1_or_a_percentage(typed: str, found: float) -> None:
    """As an evaluation has shares in its file, and in its tables."""
    assert fraction(typed) == pytest.approx(found)


@pytest.mark.parametrize("typed", ["90", "1.1", "-0.1", "101%", "high", ""])
def test_what_is_no_fraction_is_refused(typed: str) -> None:
    """90 is probably meant for 90 %, and the message says how that is written."""
    with pytest.raises(click.BadParameter, match=r"write it as 0\.9 or 90%"):
        fraction(typed)


@pytest.mark.parametrize(
    ("typed", "seconds"),
    [("60s", 60), ("90", 90), ("5m", 300), ("1.5 min", 90), ("2H", 7200), ("500ms", 0.5)],
)
def test_a_duration_has_a_unit(typed: str, seconds: float) -> None:
    """Seconds are meant where none is given."""
    assert duration(typed) == seconds


@pytest.mark.parametrize("typed", ["", "0s", "-5s", "5 days", "s", "5s5"])
def test_what_is_no_duration_is_refused(typed: str) -> None:
    """The message says how one is written."""
    with pytest.raises(click.BadParameter, match="write it as 5ms, 60s, 5m or 1h"):
        duration(typed)


@pytest.mark.parametrize(
    ("typed", "batches"),
    [("8", (8,)), ("1-64", (1, 2, 4, 8, 16, 32, 64)), ("3-13", (3, 6, 12)), ("4-4", (4,))],
)
def test_a_span_of_batches_is_doubled(typed: str, batches: tuple[int, ...]) -> None:
    """From its first one, up to its last one at the most."""
    assert powers(typed) == batches


@pytest.mark.parametrize("typed", ["", "0", "0-8", "8-4", "1-", "1,8", "-1", "x", "100000"])
def test_what_is_no_batch_is_refused(typed: str) -> None:
    """The message says how batches are written."""
    with pytest.raises(click.BadParameter, match="write 8, or 1-64 for 1, 2, 4 up to 64"):
        powers(typed)
