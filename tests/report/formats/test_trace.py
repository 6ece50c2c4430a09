"""The trace of an explanation, against the Trace Event Format."""

import json
from typing import Any

import msgspec
import pytest

from simx.report.formats.trace import chrome_trace
from simx.results.schema.explanation import Explanation
from tests.results.explanations import EXPLANATION


def events(found: Explanation = EXPLANATION) -> list[dict[str, Any]]:
    text = chrome_trace(found)
    every: list[dict[str, Any]] = json.loads(text)["traceEvents"]
    return every


def test_each_side_is_a_process_with_a_name() -> None:
    """By events of metadata."""
    named = {each["pid"]: each["args"]["name"] for each in events() if each["ph"] == "M"}

    assert named == {1: "torch", 2: "ort"}
    assert all(each["name"] == "process_name" for each in events() if each["ph"] == "M")


def test_kernels_are_complete_events_one_after_the_other() -> None:
    """In microseconds; together they take as long as the profiled call."""
    for process, side in enumerate(EXPLANATION.sides, 1):
        own = [each for each in events() if each["ph"] == "X" and each["pid"] == process]
        ends = [each["ts"] + each["dur"] for each in own]

        assert own[0]["ts"] == 0
        assert [each["ts"] for each in own[1:]] == pytest.approx(ends[:-1])
        assert 1e3 * ends[-1] == pytest.approx(side.profiled_ns)
        assert all(
            {"name", "cat", "ts", "dur", "pid", "tid", "args"} <= each.keys() for each in own
        )


def test_an_event_names_its_modules() -> None:
    """The network's own function, too; what is of none has the operator alone."""
    names = [each["name"] for each in events() if each["ph"] == "X"]

    assert "features.1.0: Conv" in names
    assert "features.1, features.1.0: Conv" in names
    assert "network: Conv" in names
    assert "Cast" in names


def test_names_cannot_harm_a_terminal() -> None:
    """A module's name comes from a file."""
    side = EXPLANATION.sides[0]
    kernels = (msgspec.structs.replace(side.kernels[0], modules=("a\x1b[31m",)),)
    hostile = msgspec.structs.replace(side, kernels=kernels)
    text = chrome_trace(msgspec.structs.replace(EXPLANATION, sides=(hostile, side)))

    assert "\\u001b" not in text
