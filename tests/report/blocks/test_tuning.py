"""The result of ``simx tune`` in words: a gain is one only if its interval says so."""

import msgspec
import pytest

from simx.report.content import Screen, render
from simx.report.contents import tuning_content
from simx.results.schema.tuning import TunedModel
from tests.results.tunings import DEFAULT, MODEL, TUNING, WINNER, gain


def shown(model: TunedModel, **changed: object) -> str:
    """Return the table of a result with one backbone, in one line."""
    found = msgspec.structs.replace(TUNING, models=(model,), **changed)
    text = render(tuning_content(found), "table", Screen(width=120, detail=True))
    return " ".join(text.split())


def test_a_gain_has_its_interval() -> None:
    """In the heading, and beside the times that it comes from."""
    text = shown(MODEL)

    assert "ort:spinning cpu fp32 with 1 thread and a batch of 8 is 1.300 ±2% times as fast" in text
    assert "confirmed in 10 launches that had no part in the search" in text
    assert "ort cpu fp32 1 2 13.00 ±2% 76.9 1.300 ±2%" in text


def test_what_cannot_be_told_apart_is_said() -> None:
    """In the search, and of the winner."""
    equal = msgspec.structs.replace(MODEL.confirmed[1], gain=gain(1.01))
    same = msgspec.structs.replace(
        MODEL, best=DEFAULT, confirmed=(MODEL.confirmed[0], equal), effects=MODEL.effects[1:]
    )

    assert "batch 8 not told apart (1.010 ±2%)" in shown(same)
    assert "no gain, because ort:spinning cpu fp32" in shown(same)
    busy = shown(msgspec.structs.replace(same, noisy=True, busy=True))
    assert "no gain on a busy machine, because ort:spinning" in busy
    assert "Most rounds of the confirmation were disturbed: a quiet machine may differ." in busy


def test_the_defaults_can_be_the_fastest() -> None:
    """Then nothing is compared with them."""
    alone = msgspec.structs.replace(
        MODEL, winner=DEFAULT, best=DEFAULT, confirmed=MODEL.confirmed[1:]
    )

    assert "no gain, because ort cpu fp32 with 2 threads and a batch of 1 is the fastest" in shown(
        alone
    )


def test_defaults_that_fail_are_no_gain() -> None:
    """There is no ratio to say."""
    alone = msgspec.structs.replace(MODEL, confirmed=MODEL.confirmed[:1])

    assert "is the fastest; its defaults could not be compared with it" in shown(alone)


def test_a_failure_has_its_reasons() -> None:
    """Also in a short rendering."""
    failed = TunedModel(
        model="resnet18", weights="V1", problem="no candidate is left", out=MODEL.out
    )

    assert "resnet18:V1: no candidate is left" in shown(failed)
    assert "it does not load" in shown(failed)


@pytest.mark.parametrize(("bound", "warned"), [(0.081, True), (0.082, False), (None, False)])
def test_a_bound_that_may_be_missed_is_a_warning(bound: float | None, *, warned: bool) -> None:
    """The interval of the winner's call ends at 81.6 ms."""
    text = shown(MODEL, max_latency_seconds=bound)

    assert ("Its calls may take longer than is allowed." in text) is warned


def test_the_code_stays_as_it_is() -> None:
    """Its lines and signs can be pasted from a terminal and from Markdown."""
    narrow = msgspec.structs.replace(MODEL, code=f"x = {'1' * 150}\ny = [x]*2\n")
    for form in ("table", "markdown"):
        content = tuning_content(msgspec.structs.replace(TUNING, models=(narrow,)))
        text = render(content, form, Screen(width=60))

        assert f"\nx = {'1' * 150}\ny = [x]*2\n" in text


def test_an_environment_has_no_path() -> None:
    """The tables have the label; the options for bench keep the path."""
    there = msgspec.structs.replace(WINNER, backend="new=ort@/home/somebody/env:spinning")
    text = shown(msgspec.structs.replace(MODEL, winner=there, best=there))

    assert "new:spinning cpu fp32 with 1 thread" in text
    assert "somebody" not in text
