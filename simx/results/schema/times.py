"""Raw times as types: what was timed, in blocks and launches, and what disturbed it.

A part of the report's schema, which ``results.schema`` puts together.
"""

from typing import Literal

from simx.common.strict_json import Struct
from simx.models.pictures import Image
from simx.results.schema.gpu import GpuState

Scope = Literal[
    "first",
    "first.create",
    "first.call",
    "forward",
    "host",
    "pipeline",
    "pipeline.decode",
    "pipeline.preprocess",
    "pipeline.forward",
    "similarity",
    "similarity.host",
]
"""What a time covers; times of different scopes are never mixed.

``forward`` is one embedding from an input that is already where the device wants it; ``host`` is
one from a numpy array to a numpy array (on the CPU the same as ``forward``, and then not measured
twice); ``pipeline`` is file -> decode -> preprocess -> forward, and ``pipeline.*`` are its stages;
``similarity`` is the cosine of two embeddings that ``forward`` left on the device, and
``similarity.host`` that of two numpy arrays (on the CPU the same, and not measured twice);
``first`` is session creation and first call.
"""


class Noise(Struct, frozen=True, kw_only=True):
    """What disturbed a block, as far as the system tells; None where it does not.

    All times are in nanoseconds, from the end of the uncounted calls to the end of the block:
    ``wall_ns`` by the clock; ``wait_ns`` how long the worker's threads were ready to run and had no
    core, summed over threads; ``pressure_ns`` how long anything on the system had none;
    ``steal_ns`` what the hypervisor gave to others and ``others_cpu_ns`` what other processes of
    this system used, both summed over cores. ``involuntary_switches`` counts how often the worker
    was preempted. ``frequency_khz`` is the cores' mean frequency at the block's end. ``gpu`` is the
    GPU that the block ran on, where NVIDIA's library could be asked.
    """

    wall_ns: int | None = None
    wait_ns: int | None = None
    pressure_ns: int | None = None
    steal_ns: int | None = None
    others_cpu_ns: int | None = None
    involuntary_switches: int | None = None
    frequency_khz: int | None = None
    gpu: GpuState | None = None


class Block(Struct, frozen=True, kw_only=True):
    """The calls of one cell in one round.

    Each entry of ``ns`` is the time of ``calls`` consecutive calls in nanoseconds; ``calls`` is
    more than one only for calls too short for the clock.
    """

    round: int
    calls: int
    ns: tuple[int, ...]
    noise: Noise = Noise()


class Warmup(Struct, frozen=True, kw_only=True):
    """The blocks before a launch's first round, of which none counts.

    ``medians_ns`` are their median times of a call. ``capped`` tells that the last of them was the
    last allowed, and that the times had not levelled off.
    """

    medians_ns: tuple[int, ...]
    capped: bool


class DeviceEvents(Struct, frozen=True, kw_only=True):
    """A cross-check of the clock: calls of ``forward`` after the timed ones, of which none counts.

    ``wall_ns`` is what each took by the clock and ``device_ns`` what lay between two events on the
    device's own queue, one before and one after the call's work.
    """

    wall_ns: tuple[int, ...]
    device_ns: tuple[int, ...]


class Launch(Struct, frozen=True, kw_only=True):
    """What one fresh worker process measured: the unit of replication.

    Rounds need not follow each other without a gap: one that the canary showed to be disturbed
    before it began has blocks of the canary alone. ``warmup`` and ``events`` are kept with
    ``forward``; ``events`` is None where a device or its backend has none.
    """

    index: int
    blocks: tuple[Block, ...]
    warmup: Warmup | None = None
    events: DeviceEvents | None = None


class Timing(Struct, frozen=True, kw_only=True):
    """All raw times of one scope; ``image`` is None where the scope has no picture of its own.

    For ``similarity`` the image is the one the anchor is compared with.
    """

    scope: Scope
    image: Image | None
    launches: tuple[Launch, ...]
