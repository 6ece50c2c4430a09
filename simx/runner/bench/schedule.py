"""How much is measured, and in which order: profiles, block plans, and the shuffled rounds."""

import math
import random
from collections.abc import Sequence
from typing import TypeVar

from msgspec.structs import replace

from simx.common.errors import InputError
from simx.results.schema.config import ProfileName, Schedule
from simx.runner.measure.messages import BlockPlan

T = TypeVar("T")

BLOCK_SECONDS = 0.1
BLOCK_MIN_CALLS = 5
"""Shorter blocks would measure the switch between workers instead."""

CANARY_PLAN = BlockPlan(seconds=0.0, min_calls=BLOCK_MIN_CALLS)

GIANT_CALL_NS = 1_000_000_000
"""From this time of a call on, a backbone gets one launch and a few calls, and no interval."""

_GIANT_BLOCK_NS = 5_000_000_000
_GIANT_MAX_CALLS = 3

FEWEST_PILOT_LAUNCHES = 5
"""With fewer, Student's t alone makes an interval too wide to plan with."""

MOST_LAUNCHES = 40
"""Most launches of the default profile; the report then has the width that was reached."""

PROFILES: dict[ProfileName, Schedule] = {
    "quick": Schedule(pilot=3, launches=3, rounds=2),
    "default": Schedule(
        pilot=FEWEST_PILOT_LAUNCHES,
        launches=MOST_LAUNCHES,
        rounds=5,
        half_width=0.015,
        budget_seconds=60.0,
    ),
    "precise": Schedule(
        pilot=2 * FEWEST_PILOT_LAUNCHES,
        launches=2 * MOST_LAUNCHES,
        rounds=8,
        half_width=0.005,
        budget_seconds=600.0,
    ),
}
"""``quick`` is a first look: it takes three launches, and its intervals are wide."""


def schedule(
    profile: ProfileName,
    *,
    launches: int | None = None,
    rounds: int | None = None,
    half_width: float | None = None,
    budget_seconds: float | None = None,
    seed: int = 0,
) -> Schedule:
    """Return a profile's schedule, with the given values in place of its own.

    Raises:
        InputError: a count is below one, or both ``launches`` and ``half_width`` are given.
    """
    for name, value in (("launches", launches), ("rounds", rounds)):
        if value is not None and value < 1:
            raise InputError(f"--{name} {value}: at least 1 is needed")
    if launches is not None and half_width is not None:
        raise InputError(
            f"--launches {launches} with --half-width: a precision decides how many launches it "
            "takes; leave one of the two out"
        )
    usual = PROFILES[profile]
    if launches is not None:
        usual = replace(usual, pilot=launches, launches=launches, half_width=None)
    elif half_width is not None:
        pilot = max(FEWEST_PILOT_LAUNCHES, usual.pilot)
        most = max(MOST_LAUNCHES, usual.launches)
        usual = replace(usual, pilot=pilot, launches=most, half_width=half_width)
    budget = usual.budget_seconds if budget_seconds is None else budget_seconds
    return replace(usual, rounds=rounds or usual.rounds, budget_seconds=budget, seed=seed)


def block_plan(call_ns: int) -> BlockPlan:
    """Return the plan of a block whose calls take about this long."""
    if not is_giant(call_ns):
        return BlockPlan(seconds=BLOCK_SECONDS, min_calls=BLOCK_MIN_CALLS)
    calls = min(_GIANT_MAX_CALLS, max(1, math.floor(_GIANT_BLOCK_NS / call_ns)))
    return BlockPlan(seconds=0.0, min_calls=calls, max_calls=calls)


def is_giant(call_ns: int) -> bool:
    """Whether calls this long leave time for only a few of them."""
    return call_ns >= GIANT_CALL_NS


def shuffled(items: Sequence[T], *keys: object) -> list[T]:
    """Return the items in an order that follows from the keys alone; a seed is one of them."""
    # The seed repeats an order; it keeps no secret.
    generator = random.Random("/".join(map(str, keys)))  # noqa: S311
    return generator.sample(items, len(items))
