"""Parts of a network: disjoint, complete, and never dividing what one kernel computes."""

import math

from hypothesis import given
from hypothesis import strategies as st

from simx.results.explanation.gap import by_kind, by_part, share
from simx.results.explanation.parts import parts_of, spread
from simx.results.schema.kernels import Kernel, Kernels
from tests.results.explanations import ORT, SIDES, TORCH, kernel, profile, side

_NAMES = st.lists(st.sampled_from("abc"), max_size=4).map(".".join)
_KERNELS = st.builds(
    lambda ms, modules: kernel(ms, *modules),
    st.floats(0.01, 10),
    st.lists(_NAMES, max_size=3, unique=True),
)
_PROFILES = st.lists(_KERNELS, min_size=1, max_size=12).map(lambda each: profile(*each))


def names(*profiles: Kernels, most: int = 24) -> list[str]:
    return list(parts_of(profiles, most).values())


@given(first=_PROFILES, second=_PROFILES, most=st.integers(1, 30))
def test_parts_hold_every_module_once(first: Kernels, second: Kernels, most: int) -> None:
    """Of both sides, in at most so many parts, whose names differ."""
    parts = parts_of((first, second), most)
    modules = {each for one in (first, second) for of in one for each in of.modules}
    held = [module for part in parts for module in part]

    assert sorted(held) == sorted(modules)
    assert len(parts) <= most
    assert len(set(parts.values())) == len(parts)


@given(first=_PROFILES, second=_PROFILES)
def test_no_time_is_lost_or_counted_twice(first: Kernels, second: Kernels) -> None:
    """The rows of both tables have the times of the profiles, and the gaps those of forward."""
    sides = side(first, 20.0), side(second, 10.0)
    for rows in (by_kind(sides, 0), by_part(sides, 0)):
        for place, its in enumerate(sides):
            assert math.isclose(sum(row.ns[place] for row in rows), its.profiled_ns)

        assert math.isclose(sum(row.gap_ns for row in rows), 10e6)
        assert math.isclose(sum(row.lost for row in rows), 1.0)


def test_the_longest_part_is_divided_first() -> None:
    """With room for one more part, that is the block with the most time."""
    found = profile(
        kernel(1, "layer1.0.conv"),
        kernel(1, "layer1.1.conv"),
        kernel(5, "layer2.0.conv"),
        kernel(4, "layer2.1.conv"),
    )

    assert names(found, most=2) == ["layer1", "layer2"]
    assert names(found, most=3) == ["layer1", "layer2.0", "layer2.1"]


def test_modules_of_one_kernel_stay_together() -> None:
    """Of either side: a fused block is not divided, and fused neighbours are named together."""
    torch = profile(
        kernel(3, "conv1"), kernel(1, "relu"), kernel(4, "block.a"), kernel(4, "block.b")
    )
    ort = profile(kernel(3, "conv1", "relu"), kernel(4, "block.a", "block.b"))

    assert names(torch, ort) == ["conv1, relu", "block"]


def test_a_small_kernel_does_not_hold_large_parts_together() -> None:
    """As a residual addition, fused with the norm of the next block: each gets half of it."""
    found = profile(
        kernel(50, "layers.0.mlp"), kernel(1, "layers.0", "layers.1"), kernel(50, "layers.1.mlp")
    )
    parts = parts_of([found], most=2)

    assert list(parts.values()) == ["layers.0", "layers.1"]
    assert spread(found[1], parts) == ["layers.0", "layers.1"]


def test_a_block_that_is_fused_for_the_most_part_is_one() -> None:
    """Though one side has a batch norm of its own in it."""
    torch = profile(kernel(4, "a.conv"), kernel(1, "a.norm"), kernel(1, "a.relu"), kernel(5, "b"))
    ort = profile(kernel(4, "a.conv", "a.relu"), kernel(5, "b"))

    assert names(torch, ort) == ["a", "b"]


def test_the_own_function_of_a_divided_module_is_named_so() -> None:
    """Its name must not be that of the module as a whole."""
    found = profile(kernel(1, ""), kernel(5, "block.a"), kernel(5, "block.b"), kernel(1, "block"))

    assert names(found) == ["network itself", "block.a", "block.b", "block itself"]


def test_what_makes_the_gap_comes_first() -> None:
    """Of the kinds; each loss is a share of all losses, and gains are none."""
    rows = by_kind(SIDES, 0)
    losses = {row.name: row.lost for row in rows}

    assert rows[0].name == "depthwise convolutions"
    assert losses["casts"] == 0
    assert rows[-1].name == "casts"
    assert math.isclose(losses["depthwise convolutions"], 5 / 7.5)


def test_profiled_times_are_scaled_to_forward() -> None:
    """A profile that takes twice as long as forward doubles no gap."""
    slow = side(profile(kernel(20, "a"), kernel(4, "b")), forward=12)
    fast = side(profile(kernel(5, "a"), kernel(1, "b")), forward=6)

    assert [row.gap_ns for row in by_part((slow, fast), 0)] == [5e6, 1e6]


def test_what_belongs_to_no_module_has_rows_of_its_own() -> None:
    """They come last, by their kinds."""
    assert by_part(SIDES, 0)[-1].name == "(casts)"
    assert share(TORCH, lambda each: not each.modules) == 0
    assert math.isclose(share(ORT, lambda each: not each.modules), 0.5 / 3.5)


def test_a_profile_without_modules_has_rows_by_kind() -> None:
    """As that of a graph whose nodes have no names."""
    found = side(profile(Kernel(operator="Conv", kind="convolutions", ns=1e6)))

    assert [row.name for row in by_part((found, found), 0)] == ["(convolutions)"]
