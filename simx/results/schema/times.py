"""Raw times as types: what was timed, in blocks and launches, and what disturbed it."""

from statistics import median
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from simx.common.bounded import Amount, Count, Positive, PositiveAmount
from simx.common.strict_json import Struct
from simx.models.pictures import Image
from simx.results.schema.gpu import GpuState

Scope = Literal[
    "first",
    "first.create",
    "first.call",
    "first.cached",
    "forward",
    "host",
    "paused",
    "pipeline",
    "pipeline.decode",
    "pipeline.preprocess",
    "pipeline.forward",
    "similarity",
    "similarity.host",
]
"""What a time covers; times of different scopes are never mixed.

``forward`` is one embedding from an input on the device. In a scenario of load it is, from numpy
arrays to numpy arrays, for ``offline`` the time by which each call lengthens the work of all
instances, for ``multi-stream`` the time until the last instance has answered, and for ``server``
the time of a query from when it was due. ``host`` is one embedding from a numpy array to a numpy
array; ``paused`` is ``forward`` after the configuration's pause; ``pipeline`` is file -> decode ->
preprocess -> embedding, and ``pipeline.*`` are its stages, of which it is the sum since version 7
of the report; ``similarity`` is the cosine of two embeddings that ``forward`` left on the device,
and ``similarity.host`` that of two numpy arrays; ``first`` is session creation and first call, and
``first.cached`` the same with code that an earlier launch of the run has compiled. On the CPU
``host`` and ``similarity.host`` are not measured, because they would be the same.
"""


class Noise(Struct, frozen=True, kw_only=True):
    """What disturbed a block; None where the system does not report it.

    All times are in nanoseconds, from the end of the uncounted calls to the end of the block:
    ``wall_ns`` by the clock; ``wait_ns`` how long the worker's threads were ready to run and had no
    core, summed over threads; ``pressure_ns`` how long anything on the system had none;
    ``steal_ns`` what the hypervisor gave to others and ``others_cpu_ns`` what other processes of
    this system used, both summed over cores. ``involuntary_switches`` counts how often the worker
    was preempted, and ``page_faults`` how many pages of memory the kernel gave to it without
    reading a disk, in all calls of the block. ``frequency_khz`` is the cores' mean frequency at the
    block's end. ``throttled_ns`` is how long the quota of a control group stopped the worker's
    group, summed over cores and over the groups above it. ``thermal_throttles`` counts how often
    heat slowed the cores. ``resident_bytes`` is the memory of the worker after the block. ``gpu``
    is the state of the block's GPU, by NVIDIA's library. ``energy_uj`` are the microjoules that the
    device which computes used in the block, and whatever else ran on it.
    """

    wall_ns: Count | None = None
    wait_ns: Count | None = None
    pressure_ns: Count | None = None
    steal_ns: Count | None = None
    others_cpu_ns: Count | None = None
    involuntary_switches: Count | None = None
    page_faults: Count | None = None
    frequency_khz: Count | None = None
    throttled_ns: Count | None = None
    thermal_throttles: Count | None = None
    resident_bytes: Count | None = None
    gpu: GpuState | None = None
    energy_uj: Count | UnsetType = UNSET


class Block(Struct, frozen=True, kw_only=True):
    """The calls of one cell in one round.

    Each entry of ``ns`` is the time of ``calls`` consecutive calls in nanoseconds, more than one
    only for calls too short for the clock. Queries of the scenario ``server`` arrived at ``rate``
    a second.
    """

    round: Count
    calls: Positive
    ns: Annotated[tuple[Positive, ...], Meta(min_length=1)]
    noise: Noise = Noise()
    rate: PositiveAmount | UnsetType = UNSET


class Warmup(Struct, frozen=True, kw_only=True):
    """The blocks before a launch's first round, which do not count.

    ``medians_ns`` are their median times of a call. ``capped`` means that the most allowed blocks
    were run, and that the times had not levelled off.
    """

    medians_ns: tuple[Count, ...]
    capped: bool


class DeviceEvents(Struct, frozen=True, kw_only=True):
    """A cross-check of the clock: calls of ``forward`` after the timed ones, which do not count.

    ``wall_ns`` is the time of each by the clock, and ``device_ns`` that between two events on the
    device's own queue, one before and one after the call's work.
    """

    wall_ns: Annotated[tuple[Positive, ...], Meta(min_length=1)]
    device_ns: tuple[Count, ...]


class Launch(Struct, frozen=True, kw_only=True):
    """What one fresh worker process measured: the unit of replication.

    A round may be missing: if the canary showed a disturbance before it began, only the canary has
    a block. ``warmup`` and ``events`` are kept with ``forward``; ``events`` is None where a device
    or its backend has none. ``idle_watts`` is the power of the device while the loaded network
    waited, of a launch whose blocks have an energy.
    """

    index: Count
    blocks: Annotated[tuple[Block, ...], Meta(min_length=1)]
    warmup: Warmup | None = None
    events: DeviceEvents | None = None
    idle_watts: Amount | UnsetType = UNSET


Launches = Annotated[tuple[Launch, ...], Meta(min_length=1)]

TimeKey = tuple[Scope, Image | None]
"""What was timed, and of which picture."""

FORWARD: TimeKey = ("forward", None)


class Timing(Struct, frozen=True, kw_only=True):
    """All raw times of one scope; ``image`` is None for a scope without a picture.

    For ``similarity`` the image is the one the anchor is compared with.
    """

    scope: Scope
    image: Image | None
    launches: Launches


def block_median(block: Block) -> float:
    """Return the median time of one call in a block, in nanoseconds."""
    return median(block.ns) / block.calls
