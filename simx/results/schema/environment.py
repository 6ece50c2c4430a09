"""The part of the report that says where it was measured: machine, software, memory. Data only."""

from typing import Literal

from simx.common.strict_json import Struct


class Gpu(Struct, frozen=True, kw_only=True):
    """One GPU, as its driver describes it; clocks are the highest it offers, in MHz."""

    name: str
    driver: str
    memory_bytes: int
    core_clock_mhz: int | None
    memory_clock_mhz: int | None


class Environment(Struct, frozen=True, kw_only=True):
    """The machine and its software. Holds no user, host or home directory names.

    ``governor`` is the frequency governor of the cores (several, where they differ) and ``boost``
    whether they may exceed their nominal frequency; both are None where the system does not tell,
    as in most virtual machines. ``threads_per_core`` counts the hardware threads that share one.
    """

    cpu: str
    architecture: str
    logical_cores: int
    affinity_cores: int
    quota_cores: float | None
    memory_bytes: int
    governor: str | None
    boost: bool | None
    threads_per_core: int | None
    gpus: tuple[Gpu, ...]
    system: str
    container: bool
    python: str
    libraries: dict[str, str]


class ThreadPool(Struct, frozen=True, kw_only=True):
    """A thread pool of a library that was loaded where a cell ran."""

    api: str
    library: str
    version: str | None
    threads: int


class DeviceMemory(Struct, frozen=True, kw_only=True):
    """The most of a device's own memory that a worker needed, in bytes.

    ``by`` says whose figure ``peak`` is: the driver's of the worker's ``process``, its context
    included; the driver's of the whole ``device``, by how much it grew, where no process is told of
    (as in containers); or the backend's own ``allocator``, where the driver cannot be asked.
    ``allocated`` is what that allocator had handed out at most, None where it does not tell.
    """

    peak: int
    by: Literal["process", "device", "allocator"]
    allocated: int | None


class Memory(Struct, frozen=True, kw_only=True):
    """Resident memory of a worker that only loads the network and calls it once, in bytes.

    ``peak`` includes ``before``, which is what the worker had before it loaded anything: the
    interpreter and the runtime. ``device`` is the device's memory, where it has any of its own.
    """

    before: int
    peak: int
    device: DeviceMemory | None = None
