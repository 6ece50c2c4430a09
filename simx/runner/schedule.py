"""How much is measured, and in which order: profiles, block plans, and the shuffled rounds."""

import math
import random
from collections.abc import Sequence
from typing import Literal, TypeVar

import msgspec

from simx.errors import InputError
from simx.runner.messages import BlockPlan

T = TypeVar("T")

ProfileName = Literal["quick", "default", "precise"]

BLOCK_SECONDS = 0.1
BLOCK_MIN_CALLS = 5
"""Blocks shorter than a tenth of a second would measure the switch between workers instead."""

CANARY_PLAN = BlockPlan(seconds=0.0, min_calls=BLOCK_MIN_CALLS)

GIANT_CALL_NS = 1_000_000_000
"""From a second a call on, a backbone gets one launch and a few calls, and no interval."""

_GIANT_BLOCK_NS = 5_000_000_000
_GIANT_MAX_CALLS = 3


class Schedule(msgspec.Struct, frozen=True):
    """Launches per cell, rounds per launch, and the seed of every order."""

    launches: int
    rounds: int
    seed: int

    def __post_init__(self) -> None:
        for name, value in (("launches", self.launches), ("rounds", self.rounds)):
            if value < 1:
                raise InputError(f"--{name} {value}: at least 1 is needed")


PROFILES: dict[ProfileName, tuple[int, int]] = {
    "quick": (3, 2),
    "default": (7, 5),
    "precise": (15, 10),
}
"""Launches and rounds of each. ``quick`` is a look: with three launches the interval is wide."""


def schedule(
    profile: ProfileName, launches: int | None = None, rounds: int | None = None, seed: int = 0
) -> Schedule:
    """Return a profile's schedule, with whatever was asked for instead."""
    usual_launches, usual_rounds = PROFILES[profile]
    return Schedule(
        launches=usual_launches if launches is None else launches,
        rounds=usual_rounds if rounds is None else rounds,
        seed=seed,
    )


def block_plan(call_ns: int) -> BlockPlan:
    """Return the plan of a block whose calls take about this long."""
    if not is_giant(call_ns):
        return BlockPlan(seconds=BLOCK_SECONDS, min_calls=BLOCK_MIN_CALLS)
    calls = min(_GIANT_MAX_CALLS, max(1, math.floor(_GIANT_BLOCK_NS / call_ns)))
    return BlockPlan(seconds=0.0, min_calls=calls, max_calls=calls)


def is_giant(call_ns: int) -> bool:
    """Whether calls this long leave time for a few of them only."""
    return call_ns >= GIANT_CALL_NS


def shuffled(items: Sequence[T], *keys: object) -> list[T]:
    """Return the items in an order that follows from the keys (a seed among them) alone."""
    # The seed is there to repeat an order, not to keep a secret.
    generator = random.Random("/".join(map(str, keys)))  # noqa: S311
    return generator.sample(items, len(items))
