"""How much is measured, in which order, and how long a worker may take to answer."""

import math
import random
from collections.abc import Sequence
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from simx.common.errors import InputError
from simx.exporter.jobs.export_workers import SLOWEST_GMACS, SLOWEST_READING
from simx.results.schema.config import SINGLE_STREAM, ProfileName, Scenario, Schedule
from simx.results.schema.times import Scope
from simx.runner.measure.messages import BlockPlan
from simx.runner.measure.warmup import MOST_BLOCKS
from simx.runner.measure.warmup import PLAN as WARMING_BLOCK

T = TypeVar("T")

BLOCK_SECONDS = 0.1
BLOCK_MIN_CALLS = 5
"""Shorter blocks would measure the switch between workers instead."""

_MIN_LONG_CALLS = 3
"""Of a block whose calls are so long that they fill it: more rounds say more than more calls."""

SIMILARITY_PLAN = BlockPlan(seconds=0.005, min_calls=BLOCK_MIN_CALLS, settling_seconds=0.005)
"""A comparison takes microseconds, so that this is 64 entries of many calls. It needs few caches,
and no threads spin for longer after a call."""

SIMILARITY_ROUNDS = 3
"""Of each launch, so that a single disturbance does not decide what the launch says."""

FROM_HOST: tuple[Scope, ...] = ("host", "similarity.host")
"""Scopes that begin at the host; they are measured only with a device."""

PAUSE_SECONDS = 0.05
"""Between two checks of a disturbed machine."""

PAUSED_CALLS = 20
"""Of each launch, after a pause."""

CANARY_PLAN = BlockPlan(seconds=0.0, min_calls=BLOCK_MIN_CALLS)

CANARY_EVERY = 3
"""Rounds between two canaries, which would otherwise take a third of the time."""

FEWEST_ROUNDS = 2
"""Also of a launch that has no time left; a giant has one."""

LOAD_FACTOR, SEARCH_FACTOR = 6, 20
"""How many times a profile's budget a load gets, whose blocks take seconds, and a search for the
largest rate, which takes several of them."""

GIANT_CALL_NS = 1_000_000_000
"""From this time of a call on, each of a backbone's launches has a few calls."""

_GIANT_BLOCK_NS = 5_000_000_000
_GIANT_MAX_CALLS = 3

FEWEST_PILOT_LAUNCHES = 5
"""With fewer, Student's t alone makes an interval too wide to plan with."""

MOST_LAUNCHES = 40
"""Most launches of the default profile; the report then has the width that was reached."""

MOST_ROUNDS = 1_000_000
"""Of a launch that its time ends."""

PATIENCE = 20.0
"""How many times as long as expected a measured phase may take."""

_CALLS_TO_PREPARE = 12
"""The first call, the verification inputs, and the four pictures."""

_BYTES_PER_PARAMETER = 4

PROFILES: dict[ProfileName, Schedule] = {
    "quick": Schedule(pilot=4, launches=4, rounds=20, budget_seconds=11.5),
    "default": Schedule(
        pilot=FEWEST_PILOT_LAUNCHES,
        launches=MOST_LAUNCHES,
        rounds=10,
        half_width=0.015,
        budget_seconds=60.0,
    ),
    "precise": Schedule(
        pilot=2 * FEWEST_PILOT_LAUNCHES,
        launches=2 * MOST_LAUNCHES,
        rounds=20,
        half_width=0.005,
        budget_seconds=600.0,
    ),
}
"""``quick`` is a first look, and its intervals are wide. With three launches in the same time, that
of a single backbone's ratio would be a fifth wider, and those of 20 backbones, which moderate each
other, no narrower. Its time ends a launch, and not the number of rounds."""


def schedule(
    profile: ProfileName,
    *,
    launches: int | None = None,
    rounds: int | None = None,
    half_width: float | None = None,
    budget: float | None = None,
    seed: int = 0,
    settings: int = 1,
    longer: int = 1,
) -> Schedule:
    """Return a profile's schedule, with the given values in place of its own; budget in seconds.

    A profile's budget is for each of so many ``settings`` of a sweep, and ``longer`` times as long.

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
    seconds = budget
    if budget is None and usual.budget_seconds is not None:
        seconds = settings * longer * usual.budget_seconds
    return replace(usual, rounds=rounds or usual.rounds, budget_seconds=seconds, seed=seed)


def long_schedule(duration: float, seed: int) -> Schedule:
    """Return the schedule of one launch of so many seconds, with as many rounds as fit."""
    return Schedule(pilot=1, launches=1, rounds=MOST_ROUNDS, budget_seconds=duration, seed=seed)


def longer_for(scenario: Scenario, latency_bound: float | None) -> int:
    """Return how many times a profile's budget a scenario gets."""
    if scenario == SINGLE_STREAM:
        return 1
    return LOAD_FACTOR if latency_bound is None else SEARCH_FACTOR


def block_plan(call_ns: int, batch: int = 1) -> BlockPlan:
    """Return the plan of a block whose calls take about this long, each of a batch of pictures.

    A call of several pictures is as good as several calls of one.
    """
    if not is_giant(call_ns):
        filling = math.ceil(BLOCK_SECONDS * 1e9 / max(1, call_ns))
        calls = min(BLOCK_MIN_CALLS, max(math.ceil(_MIN_LONG_CALLS / batch), filling))
        return BlockPlan(seconds=BLOCK_SECONDS, min_calls=calls)
    most = math.ceil(_GIANT_MAX_CALLS / batch)
    calls = min(most, max(1, math.floor(_GIANT_BLOCK_NS / call_ns)))
    return BlockPlan(seconds=0.0, min_calls=calls, max_calls=calls)


def is_giant(call_ns: int) -> bool:
    """Whether calls this long leave time for only a few of them."""
    return call_ns >= GIANT_CALL_NS


def shuffled(items: Sequence[T], *keys: object) -> list[T]:
    """Return the items in an order that follows from the keys alone; a seed is one of them."""
    return _generator(*keys).sample(items, len(items))


def seed_of(*keys: object) -> int:
    """Return a seed that follows from the keys alone; the run's is one of them."""
    return _generator(*keys).getrandbits(63)


def _generator(*keys: object) -> random.Random:
    # The seed repeats an order; it keeps no secret.
    return random.Random("/".join(map(str, keys)))  # noqa: S311


class Deadlines(msgspec.Struct, frozen=True, kw_only=True):
    """How long a worker may take to answer, in seconds, so that a hanging worker costs minutes.

    A deadline must never end what would have finished: it is far beyond what a slow machine takes.
    It follows from the network's size before its first call, and from one call's time after it.
    ``loading`` is the least for loading a network: an execution provider may compile it, which
    takes minutes and does not follow from its size. ``of_pictures`` is for reading the pictures and
    making one network's inputs of them. ``floor`` is the least for all other requests,
    ``cap`` the most for any.
    """

    loading: float = 600.0
    of_pictures: float = 600.0
    floor: float = 60.0
    cap: float = 7200.0

    def of_loading(self, gmacs: float, params: int) -> float:
        """Return the deadline for loading a network and calling it for the first times.

        Args:
            gmacs: 1e9 multiply-accumulates of a call.
            params: its number of parameters.
        """
        calls = _CALLS_TO_PREPARE * gmacs / SLOWEST_GMACS
        reading = params * _BYTES_PER_PARAMETER / SLOWEST_READING
        return min(self.cap, max(self.loading, calls + reading))

    def of_warming_up(self, call_ns: int) -> float:
        """Return the deadline for warming up, from one call's time."""
        return self._of(MOST_BLOCKS * (WARMING_BLOCK.seconds + 2 * call_ns / 1e9))

    def of_block(self, plan: BlockPlan, call_ns: int) -> float:
        """Return the deadline for one block, from one call's time."""
        calls = plan.max_calls or plan.min_calls
        one = call_ns / 1e9 + plan.pause_seconds
        return self._of(BLOCK_SECONDS + max(plan.seconds, (calls + 1) * one))

    def of_calls(self, calls: int, call_ns: int) -> float:
        """Return the deadline for calls that are in no block, from one call's time."""
        return self._of(calls * call_ns / 1e9)

    def _of(self, expected: float) -> float:
        return min(self.cap, self.floor + PATIENCE * expected)


USUAL = Deadlines()
