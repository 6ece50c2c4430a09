"""What disturbed a block, by the system's figures and the canary. Pure functions of blocks.

A cell's own times do not decide it: to leave out the slow ones would make any backend look fast.
The canary is needed because no figure of the system shows the main disturbance of a virtual
machine, a neighbour on the other hardware thread of the same core.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np

from simx.results.schema.report import Canary
from simx.results.schema.times import Block, Launch, Noise

Disturbance = Literal["steal", "wait", "pressure", "others", "throttled", "shared"]

CanaryKey = tuple[str, str]
"""Backend and provider."""

STOLEN_SHARE = 0.05
"""Of a block's time that the hypervisor may give to others, in cores, and more than one tick."""

WAITING_SHARE = 0.10
"""Of a block's time that the worker's threads may wait for a core, on average."""

PRESSURE_SHARE = 0.20
"""Of a block's time that any thread of the system may wait for a core."""

OTHERS_SHARE = 0.20
"""Of a block's time that other processes may use, in cores, beyond two ticks of the worker."""

TICK_NS = 10_000_000
"""The kernel counts stolen and used CPU time in ticks, so one of them says little."""

THROTTLED_SHARE = 0.05
"""Of a block's time that a quota may stop the worker's group, in cores."""

FREQUENCY_SHARE = 0.92
"""Of the cell's usual frequency that a block has to have."""

CANARY_FACTOR = 1.08
"""Undisturbed canaries differ by 2 to 3 %; a neighbour on the hardware thread costs 15 to 20 %."""

REFERENCE_SHARE = 0.10
"""The percentile of a run's canaries that counts as undisturbed: right if one in ten is."""


def disturbances(block: Block) -> Sequence[Disturbance]:
    """Return the disturbances that the system reports of a block."""
    noise, gpu = block.noise, block.noise.gpu
    wall = noise.wall_ns or math.inf
    found: dict[Disturbance, bool] = {
        "throttled": (gpu is not None and gpu.is_throttled)
        or (noise.throttled_ns or 0) > THROTTLED_SHARE * wall
        or bool(noise.thermal_throttles),
        "shared": gpu is not None and gpu.is_shared,
        "steal": (noise.steal_ns or 0) > max(TICK_NS, STOLEN_SHARE * wall),
        "wait": waited_for_others(noise) > WAITING_SHARE * wall,
        "pressure": (noise.pressure_ns or 0) > PRESSURE_SHARE * wall,
        "others": (noise.others_cpu_ns or 0) - 2 * TICK_NS > OTHERS_SHARE * wall,
    }
    return [name for name, is_present in found.items() if is_present]


def waited_for_others(noise: Noise) -> float:
    """Return for how many nanoseconds threads waited for a core because of other processes.

    They also wait for each other: after an idle time the system wakes them on the same core. Others
    make them wait for no longer than they run themselves, twice that where two wait on one core.
    """
    waited = noise.wait_ns or 0
    if noise.others_cpu_ns is None:
        return waited
    return min(waited, 2 * (noise.others_cpu_ns + (noise.steal_ns or 0) + TICK_NS))


def page_faults(launches: Sequence[Launch]) -> float | None:
    """Return how many page faults a call has: the median of the blocks; None if none has any."""
    found = [
        block.noise.page_faults / (block.calls * len(block.ns))
        for launch in launches
        for block in launch.blocks
        if block.noise.page_faults is not None
    ]
    return float(np.median(found)) if found else None


def canary_ns(block: Block) -> float:
    """Return the time of the shortest call of a canary, in nanoseconds.

    A lasting disturbance slows all calls; a single slow one may be a thread that was moved.
    """
    return min(block.ns) / block.calls


def canary_reference(canaries_ns: Sequence[float]) -> float:
    """Return the time of an undisturbed canary, from all of a run's of one backend and provider."""
    return float(np.quantile(canaries_ns, REFERENCE_SHARE))


def is_slow(
    canaries_ns: Mapping[CanaryKey, float], undisturbed_ns: Mapping[CanaryKey, float]
) -> bool:
    """Whether the canaries of one round show that the machine was disturbed.

    All canaries of a provider must be slow: a disturbance of a device slows every backend on it,
    and a single slow canary may be a thread that was moved.

    Args:
        canaries_ns: One of each backend and provider.
        undisturbed_ns: What each of them takes undisturbed.
    """
    slow = {key: ns > CANARY_FACTOR * undisturbed_ns[key] for key, ns in canaries_ns.items()}
    providers = {provider for _, provider in slow}
    return any(
        all(was for (_, on), was in slow.items() if on == provider) for provider in providers
    )


def usual_frequency_khz(blocks: Sequence[Block]) -> float:
    """Return the median frequency of blocks, or 0 where none was read."""
    read = [block.noise.frequency_khz for block in blocks if block.noise.frequency_khz]
    return float(np.median(read)) if read else 0.0


def is_throttled(block: Block, usual_khz: float) -> bool:
    """Whether the cores were well below their usual frequency."""
    frequency = block.noise.frequency_khz
    return frequency is not None and frequency < FREQUENCY_SHARE * usual_khz


class ReferenceWorkloadHistory:
    """The reference workload's times of a run, by backend and provider.

    The workload is a fixed matrix product, measured around every round; reports call it the canary.
    """

    def __init__(self) -> None:
        self._seen: dict[CanaryKey, list[float]] = {}

    def are_slow(self, canaries: Mapping[CanaryKey, Block]) -> bool:
        """Remember one round's canaries, and return whether they were disturbed."""
        taken = {key: canary_ns(block) for key, block in canaries.items()}
        for key, ns in taken.items():
            self._seen.setdefault(key, []).append(ns)
        return is_slow(taken, self.references())

    def remember(self, canaries: Iterable[Canary]) -> None:
        """Remember canaries of an earlier run."""
        for canary in canaries:
            seen = self._seen.setdefault((canary.backend, canary.provider), [])
            blocks = (block for launch in canary.launches for block in launch.blocks)
            seen += map(canary_ns, blocks)

    def references(self) -> dict[CanaryKey, float]:
        """Return the nanoseconds of an undisturbed canary on each backend and provider."""
        return {key: canary_reference(ns) for key, ns in self._seen.items()}
