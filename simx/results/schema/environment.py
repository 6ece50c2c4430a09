"""The part of the report that says where it was measured: machine, software, memory. Data only."""

from typing import Literal

from simx.common.bounded import Count, Positive, PositiveAmount, Text
from simx.common.strict_json import Struct


class Gpu(Struct, frozen=True, kw_only=True):
    """One GPU, as its driver describes it; clocks are the highest it offers, in MHz."""

    name: Text
    driver: Text
    memory_bytes: Count
    core_clock_mhz: Count | None
    memory_clock_mhz: Count | None


class OtherEnvironment(Struct, frozen=True, kw_only=True):
    """The software of another environment in which a ``backend``, such as ort, ran."""

    backend: Text
    python: Text
    libraries: dict[Text, Text]


class Environment(Struct, frozen=True, kw_only=True):
    """The machine and its software. Holds no user, host or home directory names.

    ``governor`` is the frequency governor of the cores (several, if they differ) and ``boost``
    whether they may exceed their nominal frequency; both are None in most virtual machines.
    ``threads_per_core`` counts hardware threads. ``others`` has the environments of backends that
    ran in another one, by the backend's name in the report without its variants. ``commit`` is the
    one that is tested, where the variables of a continuous integration name it.
    """

    cpu: Text
    architecture: Text
    logical_cores: Positive
    affinity_cores: Positive
    quota_cores: PositiveAmount | None
    memory_bytes: Count
    governor: Text | None
    boost: bool | None
    threads_per_core: Positive | None
    gpus: tuple[Gpu, ...]
    system: Text
    container: bool
    python: Text
    libraries: dict[Text, Text]
    others: dict[Text, OtherEnvironment] = {}  # noqa: RUF012 - msgspec copies it
    commit: Text | None = None


class ThreadPool(Struct, frozen=True, kw_only=True):
    """A thread pool of a library that was loaded where a cell ran."""

    api: Text
    library: Text
    version: Text | None
    threads: Count


class DeviceMemory(Struct, frozen=True, kw_only=True):
    """The most of a device's own memory that a worker needed, in bytes.

    ``by`` is the source of ``peak``: the driver's figure of the worker's ``process``, its context
    included; the growth of the whole ``device`` by the driver, if it does not list processes (as in
    containers); or the backend's own ``allocator``, without a driver. ``allocated`` is the most of
    this allocator, None if it does not report it.
    """

    peak: Count
    by: Literal["process", "device", "allocator"]
    allocated: Count | None


class Memory(Struct, frozen=True, kw_only=True):
    """Resident memory of a worker that only loads the network and calls it once, in bytes.

    ``peak`` includes ``before``, the worker's memory with the interpreter and the runtime alone.
    ``device`` is the memory of the device, if it has its own.
    """

    before: Count
    peak: Count
    device: DeviceMemory | None = None
