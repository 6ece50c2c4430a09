"""The messages between parent and worker; both decode into these types alone."""

from typing import TypeVar

import msgspec
import numpy as np

from simx.exporter.store.manifest import FileRecord
from simx.models.backbone import Preset
from simx.models.pictures import Image
from simx.results.schema.config import Scenario
from simx.results.schema.environment import Memory, ThreadPool
from simx.results.schema.kernels import Kernels, Step
from simx.results.schema.report import Failure
from simx.results.schema.times import Block, DeviceEvents, Noise, Scope, Warmup
from simx.runner.backends.contract import Array, BackendFacts, RuntimeFacts, Task

T = TypeVar("T")


class ArrayMessage(msgspec.Struct, frozen=True):
    """A float32 array: its shape, and its values in C order."""

    shape: tuple[int, ...]
    data: bytes


def pack(array: Array) -> ArrayMessage:
    """Return the message of an array, converted to float32."""
    return ArrayMessage(array.shape, np.ascontiguousarray(array, dtype="<f4").tobytes())


def unpack(message: ArrayMessage) -> Array:
    """Return the array of a message."""
    return np.frombuffer(message.data, dtype="<f4").reshape(message.shape)


class Pixels(msgspec.Struct, frozen=True):
    """Crops of pictures, uint8 [N, H, W, 3]: the shape, and the values in C order."""

    shape: tuple[int, ...]
    data: bytes


class BlockPlan(msgspec.Struct, frozen=True):
    """How long a block is: at least ``seconds`` and ``min_calls``, at most ``max_calls``.

    Calls of ``settling_seconds`` before it are not counted, because another worker has used the
    caches and its threads may still spin. Each counted call comes ``pause_seconds`` after the one
    before.
    """

    seconds: float
    min_calls: int
    max_calls: int | None = None
    settling_seconds: float = 0.01
    pause_seconds: float = 0.0


class Probe(msgspec.Struct, frozen=True, tag=True):
    """Test whether this provider can be used with these options."""

    provider: str
    options: tuple[str, ...] = ()


class Describe(msgspec.Struct, frozen=True, tag=True):
    """Ask the runtime for its providers."""


class StoredFile(msgspec.Struct, frozen=True):
    """The absolute path of a file in the store, and its expected size and hash."""

    path: str
    record: FileRecord


class Prepare(msgspec.Struct, frozen=True, tag=True):
    """Load a network, and embed ``IMAGES`` once; ``pictures`` are its inputs [4, 3, H, W]."""

    task: Task
    reference: StoredFile
    pictures: ArrayMessage


class WeighMemory(msgspec.Struct, frozen=True, tag=True):
    """Load a network, call it once, and report its memory, the device's too; nothing is timed."""

    task: Task
    reference: StoredFile


class ProfileCalls(msgspec.Struct, frozen=True, tag=True):
    """Load a network, and profile so many calls of it; nothing is measured."""

    task: Task
    reference: StoredFile
    calls: int


class Count(msgspec.Struct, frozen=True):
    """Count the graph in a file for batches of a size, and let so many threads copy."""

    path: str
    batch: int
    threads: int


class Counted(msgspec.Struct, frozen=True):
    """Answer to ``Count``: the steps, and the highest bandwidth, read and written."""

    steps: tuple[Step, ...]
    bytes_per_second: float


class CallTimes(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of an uncounted call in nanoseconds: to the device's embedding, and two fetches."""

    forward_ns: int
    fetch_ns: int
    again_ns: int

    @property
    def whole_ns(self) -> int:
        """The nanoseconds from the host's input to its embedding."""
        return self.forward_ns + self.fetch_ns


class WarmUp(msgspec.Struct, frozen=True, tag=True):
    """Call the network until its times are level."""


class Measure(msgspec.Struct, frozen=True, tag=True):
    """Measure one block of one scope; ``image`` is None for scopes without one."""

    scope: Scope
    image: Image | None
    round: int
    plan: BlockPlan


class MeasureLoad(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Answer this process's part of a load, which begins at ``begin_ns`` of the common clock.

    ``tickets`` is the absolute path of a file that all instances have in common. ``queries`` are
    all of them together, of ``multi-stream`` those of each. Of the ``instances``, this process has
    ``callers``. ``rate`` is that of ``server``, in
    queries per second, and ``seed`` decides when each of them is due.
    """

    scenario: Scenario
    instances: int
    callers: int = 1
    queries: int
    begin_ns: int
    tickets: str
    rate: float | None = None
    seed: int = 0


class MeasureCanary(msgspec.Struct, frozen=True, tag=True):
    """Measure one block of the fixed matrix product."""

    round: int
    plan: BlockPlan


class CountThreads(msgspec.Struct, frozen=True, tag=True):
    """Count the threads that compute, of which ``requested`` should."""

    requested: int


class CrossCheck(msgspec.Struct, frozen=True, tag=True):
    """Make some uncounted calls of ``forward`` between events of the device."""

    calls: int


class CompareWithFloat64(msgspec.Struct, frozen=True, tag=True):
    """Compute how far the backend's embeddings are from its own in float64."""


class Embed(msgspec.Struct, frozen=True, tag=True):
    """Normalise crops by the preset and embed them in one call; not timed for a report of times."""

    pixels: Pixels
    preset: Preset


class Answer(msgspec.Struct, frozen=True, tag=True):
    """What a request gets, unless it ends in a failure, as any can."""


class Described(Answer, frozen=True):
    """Answer to ``Describe``."""

    facts: RuntimeFacts


class Usable(Answer, frozen=True):
    """Answer to ``Probe``: nodes of a tiny graph per provider, and versions of the libraries."""

    placement: dict[str, int]
    libraries: dict[str, str] = {}


class Weighed(Answer, frozen=True):
    """Answer to ``WeighMemory``; None if the system does not report it."""

    memory: Memory | None


class Profiled(Answer, frozen=True):
    """Answer to ``ProfileCalls``."""

    kernels: Kernels


class WarmedUp(Answer, frozen=True):
    """Answer to ``WarmUp``."""

    warmup: Warmup


class Prepared(Answer, frozen=True, kw_only=True):
    """Answer to ``Prepare``.

    ``verification`` are the embeddings of all batches [K, D], ``rows`` the indices of their
    pictures among the reference's, and ``embeddings`` those of ``IMAGES`` [4, D]. ``libraries``
    are the provider's, with their versions. ``call_ns`` is the shortest of ``calls``. ``memory`` is
    that of loading and the first call, without the device's, and ``idle_watts`` the device's power
    after it; None if the system does not report it.
    """

    create_ns: int
    first_call_ns: int
    call_ns: int
    calls: tuple[CallTimes, ...]
    facts: BackendFacts
    thread_pools: tuple[ThreadPool, ...]
    libraries: dict[str, str]
    rows: tuple[int, ...]
    verification: ArrayMessage
    embeddings: ArrayMessage
    memory: Memory | None = None
    idle_watts: float | None = None


class Measured(Answer, frozen=True, kw_only=True):
    """Answer to ``Measure``: a block, and samples of the results.

    ``outputs`` are embeddings of timed calls [K, D], and ``rows`` the indices of their pictures
    among the reference's, for ``forward`` and ``host``. ``fetch_ns`` is the shortest fetch right
    after a call of ``forward``. ``cosines`` are all values of a ``similarity`` block.
    """

    block: Block
    rows: tuple[int, ...] = ()
    outputs: ArrayMessage | None = None
    fetch_ns: int | None = None
    cosines: tuple[float, ...] = ()


class Answered(msgspec.Struct, frozen=True, array_like=True):
    """A query, in nanoseconds of the common clock: when it was due, begun and ended.

    ``late_ns`` is by how much its instance began it later than it could.
    """

    number: int
    due_ns: int
    begun_ns: int
    ended_ns: int
    late_ns: int


class MeasuredLoad(Answer, frozen=True, kw_only=True):
    """Answer to ``MeasureLoad``, with samples of the results as in ``Measured``.

    ``streams`` has the queries of each caller, and ``cpu_ns`` is the process's processor time.
    """

    streams: tuple[tuple[Answered, ...], ...]
    noise: Noise
    cpu_ns: int
    rows: tuple[int, ...] = ()
    outputs: ArrayMessage | None = None


class MeasuredCanary(Answer, frozen=True):
    """Answer to ``MeasureCanary``."""

    block: Block


class ThreadsCounted(Answer, frozen=True):
    """Answer to ``CountThreads``; None if the system does not count their waiting."""

    used: float | None


class CrossChecked(Answer, frozen=True):
    """Answer to ``CrossCheck``; None for a device without events."""

    events: DeviceEvents | None


class ComparedWithFloat64(Answer, frozen=True):
    """Answer to ``CompareWithFloat64``: the relative L2 error, None without float64."""

    error: float | None


class Embedded(Answer, frozen=True):
    """Answer to ``Embed``: the embeddings [N, D]."""

    embeddings: ArrayMessage


Request = (
    Describe
    | Probe
    | WeighMemory
    | ProfileCalls
    | Prepare
    | WarmUp
    | Measure
    | MeasureLoad
    | MeasureCanary
    | CountThreads
    | CrossCheck
    | CompareWithFloat64
    | Embed
)

REQUESTS = msgspec.msgpack.Decoder(Request)


def decoder(kind: type[T]) -> msgspec.msgpack.Decoder[T | Failure]:
    """Return a decoder of answers of one type, and of failures."""
    return msgspec.msgpack.Decoder(kind | Failure)
