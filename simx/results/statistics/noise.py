"""What disturbed a block, judged by covariates alone and never by how long it took.

Pure functions of blocks; ``round_filter`` decides which rounds count. A cell's own times do not
decide it: leaving out the slow ones would make any backend look fast. It is decided by the system's
figures of a block, and by the canary, which is work of its own. The canary is needed because the
main disturbance of a virtual machine, a neighbour on the other hardware thread of the same core, is
in none of the system's figures.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from simx.results.schema.gpu import GpuState
from simx.results.schema.times import Block

Disturbance = Literal["steal", "wait", "pressure", "others", "throttled", "shared"]

CanaryKey = tuple[str, str]
"""Backend and provider, by which canaries are told apart."""

STOLEN_SHARE = 0.05
"""Of a block's time that the hypervisor may give to others, in cores, and more than one tick."""

WAITING_SHARE = 0.10
"""Of a block's time that the worker's threads may wait for a core, on average."""

PRESSURE_SHARE = 0.20
"""Of a block's time that anything may wait for a core: the worker's threads, or others'."""

OTHERS_SHARE = 0.20
"""Of a block's time that other processes may use, in cores, beyond the two ticks that may be
the worker's own."""

TICK_NS = 10_000_000
"""The kernel counts stolen and used CPU time in ticks, so one of them says little."""

FREQUENCY_SHARE = 0.92
"""Of the cell's usual frequency that a block has to have."""

CANARY_FACTOR = 1.08
"""How much slower than the run's undisturbed ones a canary may be. Undisturbed ones differ by
2 to 3 %; a neighbour on the other hardware thread costs 15 to 20 %."""

REFERENCE_SHARE = 0.10
"""The percentile of a run's canaries that stands for an undisturbed one: robust against a single
lucky one, and right unless nine of ten are disturbed."""


def disturbances(block: Block) -> Sequence[Disturbance]:
    """Return what the system tells of a block that it should not have had."""
    noise = block.noise
    wall = noise.wall_ns
    found = _gpu_disturbances(noise.gpu)
    if not wall:
        return found
    if (noise.steal_ns or 0) > max(TICK_NS, STOLEN_SHARE * wall):
        found.append("steal")
    if (noise.wait_ns or 0) > WAITING_SHARE * wall:
        found.append("wait")
    if (noise.pressure_ns or 0) > PRESSURE_SHARE * wall:
        found.append("pressure")
    if (noise.others_cpu_ns or 0) - 2 * TICK_NS > OTHERS_SHARE * wall:
        found.append("others")
    return found


def _gpu_disturbances(gpu: GpuState | None) -> list[Disturbance]:
    found: list[Disturbance] = []
    if gpu is not None and gpu.is_throttled:
        found.append("throttled")
    if gpu is not None and gpu.is_shared:
        found.append("shared")
    return found


def canary_ns(block: Block) -> float:
    """Return what one canary says: the shortest of its calls, in nanoseconds.

    A lasting disturbance slows all of them; a single slow one may be a thread that was moved.
    """
    return min(block.ns) / block.calls


def canary_reference(canaries_ns: Sequence[float]) -> float:
    """Return what an undisturbed canary takes, from all of a run's on one backend and provider."""
    return float(np.quantile(canaries_ns, REFERENCE_SHARE))


def is_slow(
    canaries_ns: Mapping[CanaryKey, float], undisturbed_ns: Mapping[CanaryKey, float]
) -> bool:
    """Whether the canaries of one round say that the machine was disturbed.

    Of a provider all of them have to: what disturbs a device disturbs every backend on it, whereas
    a single slow one may be a thread that was moved.

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
