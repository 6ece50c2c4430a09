"""The result of ``simx explain`` in words: what makes the gap comes first."""

from typing import Any

import msgspec
import pytest

from simx.report.content import Form, Screen, render
from simx.report.contents import explanation_content
from simx.report.words.values import ABSENT
from simx.results.explanation.gap import by_kind, by_part
from simx.results.schema.explanation import Ceilings, Explanation, Reached, Side
from simx.results.schema.tuning import Effect, Interaction
from simx.results.statistics.estimates import Ratio
from tests.results.explanations import EXPLANATION, MS, ORT, TORCH, kernel, profile, side
from tests.results.tunings import MODEL, WINNER, gain


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


def test_a_side_of_an_uncertain_time_is_said_to_be_so() -> None:
    """In a sentence that one can read."""
    unsure = msgspec.structs.replace(TORCH.forward, low_ns=MS, high_ns=1000 * MS)

    text = shown(sides=(msgspec.structs.replace(TORCH, forward=unsure), ORT))

    assert "torch was not measured precisely enough and ort takes " in text


GAIN = Ratio(value=1.6, low=1.57, high=1.63, degrees=4, launches=5)


@pytest.mark.parametrize(
    ("cause", "sentence"),
    [
        ({"threads_used": 1.02}, "torch computes on 1.0 of 2 threads. Depthwise"),
        (
            {"flushed": GAIN},
            "flushing them to zero makes a profiled call 1.600 times as fast ±2%. Depthwise",
        ),
        (
            {"page_faults": 2913.0},
            "torch gets memory anew from the system: 2,913 page faults in each call. Depthwise",
        ),
    ],
)
def test_what_makes_a_side_slow_as_a_whole_comes_first(
    cause: dict[str, Any], sentence: str
) -> None:
    """Whichever kernels show it."""
    slow = msgspec.structs.replace(TORCH, **cause)

    assert sentence in shown(sides=(slow, ORT))


@pytest.mark.parametrize(
    "usual",
    [
        {"threads_used": 1.8},
        {"flushed": msgspec.structs.replace(GAIN, value=1.02, low=1.01)},
        {"flushed": msgspec.structs.replace(GAIN, low=0.9)},
        {"flushed": msgspec.structs.replace(GAIN, low=None, high=None)},
        {"page_faults": 3.0},
        {"threads_used": None, "flushed": None, "page_faults": None},
    ],
)
def test_what_every_call_has_is_no_cause(usual: dict[str, Any]) -> None:
    """Threads that wait for each other, and some page faults."""
    side = msgspec.structs.replace(TORCH, **usual)
    text = shown(sides=(side, ORT))

    assert not any(each in text for each in ("computes", "denormal", "page faults"))


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


def test_shares_of_the_ceilings_have_columns() -> None:
    """Where they are known; the notes have the ceilings."""
    reached = Reached(peak=0.613, bandwidth=0.219)
    rows = tuple(msgspec.structs.replace(row, reached=(reached, None)) for row in EXPLANATION.parts)
    text = shown("markdown", parts=rows, ceilings=Ceilings(1e11, 2e10))

    assert "| of peak<br>torch, % | of peak<br>ort, % | of bandwidth<br>torch, % |" in text
    assert f"| 61 | {ABSENT.text} | 22 | {ABSENT.text} |" in text
    assert "the peak is 100 GFLOP/s and the bandwidth 20.0 GB/s" in text
    assert "of peak" not in shown("markdown")


def test_the_page_has_bars_of_both_sides() -> None:
    """As long as their times; the longest has the whole width, and leaves room for its number."""
    page = render(explanation_content(EXPLANATION), "html", Screen(width=120))
    longest = max(ns for row in EXPLANATION.parts for ns in row.ns)

    for row in EXPLANATION.parts:
        for name, ns in zip(("torch", "ort"), row.ns, strict=True):
            label = f'aria-label="{name}: {ns / MS:.2f} ms"><rect width="{85 * ns / longest:.2f}%"'
            assert label in page
    assert "67 % of what torch loses" in page
    assert "style=" not in page
    assert page.count("<dt>") == len(EXPLANATION.parts)


def test_settings_have_their_gains() -> None:
    """Only if they were asked for."""
    costs = Effect(settings=WINNER, change="threads 1", gain=gain(0.9))
    backend = Effect(settings=WINNER, change="backend", gain=gain(9))
    text = shown(settings=(*MODEL.effects, costs, backend))

    assert "By setting" in text
    assert "Spinning is worth 30 % (27 to 33): ort:spinning · 1 thread costs 10 % (8 to 12)" in text
    assert "8 makes no difference that shows (-1 to 3 %): ort:spinning" in text
    assert text.count("is worth") == 1
    assert "By setting" not in shown()


def test_pairs_of_settings_that_interact_are_shown() -> None:
    """Those whose gain is the product of the two say nothing new."""
    both = Interaction(
        settings=WINNER,
        changes=("variant spinning", "threads 1"),
        gain=gain(1.5),
        excess=gain(1.25),
    )
    text = shown(settings=MODEL.effects, pairs=(both,))

    assert (
        "Spinning and 1 thread together are worth 50 % (47 to 53); if neither changed what the "
        "other gains, they would be worth 20 %: ort:spinning" in text
    )
    slower = msgspec.structs.replace(both, gain=gain(0.5), excess=gain(0.625))
    assert (
        "together cost 50 % (49 to 51); if neither changed what the other gains, they would cost "
        "20 %: ort:spinning" in shown(settings=MODEL.effects, pairs=(slower,))
    )
    as_product = msgspec.structs.replace(both, excess=gain(1.01))
    assert "together" not in shown(settings=MODEL.effects, pairs=(as_product,))


def test_the_json_has_every_kernel() -> None:
    """It can be read again."""
    found = msgspec.json.decode(explanation_content(EXPLANATION).json(), type=Explanation)

    assert found == EXPLANATION
    assert found.sides[0].scale == 1.0
    assert found.sides[1].kernels[2].count == 3
    assert found.sides[0].forward.median_ns == 10.5 * MS
