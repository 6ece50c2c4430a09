"""The clock and the loop of all times in a report; a call must return only with its result."""

import math
import time
from collections.abc import Callable

import msgspec

from simx.results.schema.gpu import GpuState
from simx.results.schema.times import Block
from simx.runner.measure.energy import EnergyMeter
from simx.runner.measure.messages import BlockPlan
from simx.runner.measure.noise import NoiseMeter

Clock = Callable[[], int]
"""Monotonic nanoseconds from an arbitrary start."""

CLOCK: Clock = time.perf_counter_ns

MAX_ENTRIES = 64
"""Most entries of a block; with more calls, an entry times several of them."""

_LONG_CALL_NS = 25_000_000
"""From this length on, one uncounted call is enough; the first of shorter calls may be slow by
chance."""

_HEADROOM = 1.25
"""A block gets more calls than needed, because timed calls may be faster than uncounted ones."""

Watch = Callable[[], Callable[[], GpuState]]
"""Reads the device's state; returns a function that reads it again and combines both."""


def take_block(
    call: Callable[[], object],
    plan: BlockPlan,
    round_index: int,
    *,
    watch: Watch | None = None,
    energy: EnergyMeter | None = None,
    on_start: Callable[[], None] = lambda: None,
    on_entry: Callable[[], None] = lambda: None,
    clock: Clock = CLOCK,
) -> Block:
    """Time one block.

    Args:
        call: does the work once and returns when its result exists.
        plan: the length of the block.
        round_index: recorded with the block.
        watch: reads the device's state before the uncounted calls and after the last counted one,
            so that it leaves no pause before a timed call.
        energy: counts the energy of the calls that count.
        on_start: called after the uncounted calls, and not timed.
        on_entry: called after each entry, and not timed.
        clock: replaced in tests.
    """
    watched = None if watch is None else watch()
    wanted = max(plan.min_calls, _HEADROOM * plan.seconds * 1e9 / _settle(call, plan, clock))
    per_entry = math.ceil(wanted / MAX_ENTRIES)
    on_start()
    meter = NoiseMeter(energy)
    ns: list[int] = []
    while not _is_complete(ns, per_entry, plan):
        ns.append(_time_entry(call, per_entry, clock))
        on_entry()
    noise = meter.read()
    if watched is not None:
        noise = msgspec.structs.replace(noise, gpu=watched())
    return Block(round=round_index, calls=per_entry, ns=tuple(ns), noise=noise)


def _settle(call: Callable[[], object], plan: BlockPlan, clock: Clock) -> float:
    """Make the uncounted calls, and return the nanoseconds of the shortest one."""
    # Plans with a cap leave none uncounted: a giant's calls are too long, others follow calls.
    if plan.max_calls is not None:
        return math.inf
    first = _time_entry(call, 1, clock)
    if first >= _LONG_CALL_NS:
        return first
    times = [first, _time_entry(call, 1, clock)]
    while sum(times) < plan.settling_seconds * 1e9:
        times.append(_time_entry(call, 1, clock))
    return max(1.0, min(times))


def _is_complete(ns: list[int], per_entry: int, plan: BlockPlan) -> bool:
    calls = len(ns) * per_entry
    if calls < plan.min_calls:
        return False
    full = calls >= plan.max_calls if plan.max_calls is not None else len(ns) >= MAX_ENTRIES
    return full or sum(ns) >= plan.seconds * 1e9


def _time_entry(call: Callable[[], object], calls: int, clock: Clock) -> int:
    if calls == 1:
        start = clock()
        call()
        return clock() - start
    repeat = range(calls)
    start = clock()
    for _ in repeat:
        call()
    return clock() - start
