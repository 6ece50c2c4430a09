"""The result of ``simx explain`` in words: what makes the gap comes first."""

from typing import Any

import msgspec

from simx.report.content import Form, Screen, render
from simx.report.contents import explanation_content
from simx.results.explanation.gap import by_kind, by_part
from simx.results.schema.explanation import Explanation, Side
from simx.results.statistics.estimates import Ratio
from tests.results.explanations import EXPLANATION, MS, ORT, TORCH, kernel, profile, side
from tests.results.tunings import MODEL


def shown(form: Form = "table", **changed: Any) -> str:
    """Return a result in one line."""
    found = msgspec.structs.replace(EXPLANATION, **changed)
    text = render(explanation_content(found), form, Screen(width=120))
    return " ".join(text.split())


def of(first: Side, second: Side, slower: int = 0) -> dict[str, Any]:
    """Return the fields that two sides change."""
    sides = first, second
    kinds, parts = by_kind(sides, slower), by_part(sides, slower)
    return {"sides": sides, "slower": slower, "kinds": kinds, "parts": parts}


def test_the_first_sentence_says_what_makes_the_gap() -> None:
    """With its share of all losses, and where most of them are."""
    assert (
        "Depthwise convolutions: 67 % of what torch loses to ort (5.00 of 7.50 ms); then "
        "convolutions, 13 %. Of the parts, features.1 loses most: 80 %." in shown()
    )


def test_the_slower_side_may_be_the_second() -> None:
    """Then the gaps are its own."""
    text = shown(**of(ORT, TORCH, 1))

    assert "of what torch loses to ort" in text
    assert "depthwise convolutions 1.00 6.00 +5.00 67" in text


def test_sides_that_are_not_told_apart_are_called_so() -> None:
    """Whatever the tables show."""
    open_one = Ratio(value=1.01, low=0.98, high=1.04, degrees=4, launches=5)
    sentence = "But the two are not told apart as a whole."

    assert sentence in shown(ratio=open_one)
    assert sentence in shown(ratio=None)
    assert sentence not in shown()


def test_a_disturbed_machine_is_named() -> None:
    """Its rounds all count, so that the figures are doubtful."""
    assert "Most rounds were disturbed." in shown(noisy=True)
    assert "disturbed" not in shown()


def test_a_large_overhead_turns_times_into_shares() -> None:
    """A profiled call of 4 ms is no measure of 3 ms."""
    slow = side(profile(kernel(3, "a"), kernel(1, "b")), forward=3.0)
    fast = side(profile(kernel(1, "a"), kernel(1, "b")), backend="ort")
    text = shown(**of(slow, fast))

    assert "a 75.0 50.0 +1.25" in text
    assert "torch: its parts take 4.00 ms in a profile, +33.3 % against forward" in text
    assert "the tables show shares of a profiled call" in text
    assert "shares of a profiled call" not in shown()


def test_what_was_converted_shows_what_executes() -> None:
    """In fp32 there is nothing to see on a terminal; Markdown has it all."""
    half = msgspec.structs.replace(ORT, precision="fp16")
    text = shown(**of(TORCH, half))

    assert "What ort fp16 executes" in text
    assert "Cast casts float16 added 3 14.3" in text
    assert "executes" not in shown()
    assert "What ort executes" in shown("markdown")


def test_rows_of_no_size_are_left_out() -> None:
    """Unless they are a part of one of the sides."""
    torch = side(profile(kernel(9, "a"), kernel(0.01, "b"), kernel(1, "c")))
    ort = side(profile(kernel(5, "a"), kernel(0.01, "b"), kernel(0.01, "c")), backend="ort")
    text = shown("markdown", **of(torch, ort))

    assert "| c " in text
    assert "| b " not in text


def test_a_faster_side_loses_nothing() -> None:
    """Two equal profiles have no gap to explain."""
    assert "torch loses nothing to torch." in shown(**of(TORCH, TORCH))


def test_settings_have_their_gains() -> None:
    """Only if they were asked for."""
    text = shown(settings=MODEL.effects)

    assert "By setting, one change at a time" in text
    assert "variant spinning 1.300 ±2%" in text
    assert "By setting" not in shown()


def test_the_json_has_every_kernel() -> None:
    """It can be read again."""
    found = msgspec.json.decode(explanation_content(EXPLANATION).json(), type=Explanation)

    assert found == EXPLANATION
    assert found.sides[0].scale == 1.0
    assert found.sides[1].kernels[2].count == 3
    assert found.sides[0].forward.median_ns == 10.5 * MS
