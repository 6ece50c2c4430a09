"""What has to be moved, and what is reached of the best."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from simx.results.explanation.gap import by_kind, by_part
from simx.results.explanation.roofline import with_reached, work_of
from simx.results.schema.explanation import Ceilings, Row
from simx.results.schema.kernels import Step
from tests.results.explanations import EXPLANATION, SIDES

CONV = Step(
    kind="convolutions",
    modules=("a.conv",),
    flops=1000,
    reads={"image": 12, "weight": 36},
    writes={"features": 48},
)
RELU = Step(
    kind="activations",
    modules=("a.relu",),
    flops=12,
    reads={"features": 48},
    writes={"active": 48},
)
ADD = Step(
    kind="additions and products",
    modules=("b",),
    flops=12,
    reads={"active": 48, "features": 48},
    writes={"sum": 48},
)


def test_what_stays_inside_a_row_is_not_moved() -> None:
    """What others read is, once; so is the end of the network."""
    parts = {"a.conv": "a", "a.relu": "a", "b": "b"}
    found = work_of([CONV, RELU, ADD], lambda step: [parts[step.modules[0]]])

    assert found == {"a": (1012, 12 + 36 + 48 + 48), "b": (12, 48 + 48 + 48)}
    assert work_of([CONV, RELU], lambda _: ["all"]) == {"all": (1012, 12 + 36 + 48)}


def test_what_is_fused_into_other_kinds_counts_for_no_kind() -> None:
    """A side that fuses it has no time for it, or that of a few of them alone."""
    rows = {row.name: row for row in by_kind(SIDES, 0, [CONV, RELU])}

    assert rows["convolutions"].flops == 1000
    assert all(row.flops == 0 for name, row in rows.items() if name != "convolutions")


def test_a_part_has_the_work_of_its_modules() -> None:
    """Of those that the profiles name."""
    step = replace(CONV, modules=("features.0.0",))
    rows = {row.name: row.flops for row in by_part(SIDES, 0, [step])}

    assert sum(rows.values()) == 1000
    assert rows["features.0.0"] == 1000


work = st.integers(1, 10**12)


@given(work, work, st.floats(1e6, 1e12), st.floats(1e6, 1e12))
def test_a_share_is_never_above_one(flops: int, moved: int, peak: float, copy: float) -> None:
    """The ceiling is the best that was reached, and is never below what was measured."""
    rows = [replace(row, flops=flops, bytes=moved) for row in EXPLANATION.parts]
    [found], ceilings = with_reached([rows], SIDES, Ceilings(peak, copy))
    reached = [each for row in found for each in row.reached if each]

    assert reached
    assert all(0 < each.peak <= 1 and 0 < each.bandwidth <= 1 for each in reached)
    assert ceilings >= (peak, copy)


def test_a_rate_needs_a_time_and_float32() -> None:
    """Other numbers have other ceilings."""
    row = Row(name="a", ns=(1e6, 1.0), gap_ns=0, lost=0, flops=10**6, bytes=10**6)
    [[found]], _ = with_reached([[row]], SIDES, Ceilings(1e10, 1e10))
    half = SIDES[0], replace(SIDES[1], precision="fp16")
    [[other]], _ = with_reached([[replace(row, ns=(1e6, 1e6))]], half, Ceilings(1e10, 1e10))

    assert found.reached[0] is not None
    assert found.reached[0].peak == pytest.approx(0.1)
    assert found.reached[1] is None
    assert other.reached[1] is None
