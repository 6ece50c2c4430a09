"""The messages between parent and worker; both decode into these types alone."""

import msgspec
import numpy as np

from simx.exporter.store.manifest import FileRecord
from simx.models.pictures import Image
from simx.results.schema.environment import Memory, ThreadPool
from simx.results.schema.report import Failure
from simx.results.schema.times import Block, DeviceEvents, Scope, Warmup
from simx.runner.backends.contract import Array, BackendFacts, RuntimeFacts, Task


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


class BlockPlan(msgspec.Struct, frozen=True):
    """How long a block is: at least ``seconds`` and ``min_calls``, at most ``max_calls``."""

    seconds: float
    min_calls: int
    max_calls: int | None = None


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
    """Load a network, call it for the first time, and embed everything once."""

    task: Task
    reference: StoredFile
    pictures: dict[Image, str]


class WeighMemory(msgspec.Struct, frozen=True, tag=True):
    """Load a network, call it once, and report the memory that it took; nothing is timed."""

    task: Task
    reference: StoredFile


class CallTimes(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of one call before anything is timed, in nanoseconds.

    ``forward_ns`` is from the host's array to the embedding on the device, ``fetch_ns`` from there
    to the host's array, and ``again_ns`` a second fetch, when no work can be unfinished.
    """

    forward_ns: int
    fetch_ns: int
    again_ns: int

    @property
    def whole_ns(self) -> int:
        """The time from array to array, in nanoseconds."""
        return self.forward_ns + self.fetch_ns


class WarmUp(msgspec.Struct, frozen=True, tag=True):
    """Call the network until its times are level."""


class Measure(msgspec.Struct, frozen=True, tag=True):
    """Measure one block of one scope; ``image`` is None for scopes without one."""

    scope: Scope
    image: Image | None
    round: int
    plan: BlockPlan


class MeasureCanary(msgspec.Struct, frozen=True, tag=True):
    """Measure one block of the fixed matrix product."""

    round: int
    plan: BlockPlan


class CrossCheck(msgspec.Struct, frozen=True, tag=True):
    """Make some uncounted calls of ``forward`` between events of the device."""

    calls: int


Request = Describe | Probe | WeighMemory | Prepare | WarmUp | Measure | MeasureCanary | CrossCheck


class Described(msgspec.Struct, frozen=True, tag=True):
    """Answer to ``Describe``."""

    facts: RuntimeFacts


class Usable(msgspec.Struct, frozen=True, tag=True):
    """Answer to ``Probe``: a tiny graph ran there; its nodes are counted per provider.

    ``libraries`` are those that were loaded for it, by name, with their versions.
    """

    placement: dict[str, int]
    libraries: dict[str, str] = {}


class Weighed(msgspec.Struct, frozen=True, tag=True):
    """Answer to ``WeighMemory``; None where the system does not report it."""

    memory: Memory | None


class WarmedUp(msgspec.Struct, frozen=True, tag=True):
    """Answer to ``WarmUp``."""

    warmup: Warmup


class Prepared(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Answer to ``Prepare``.

    ``verification`` are the embeddings of the reference's pictures [N, D], ``embeddings`` those of
    the four pictures [4, D] in the order of ``IMAGES``; ``input_sha256`` is the hash of those four
    inputs, by which the parent checks that every backend had the same bytes. ``libraries`` are the
    provider's loaded libraries, by name, with their versions. Times are nanoseconds; ``call_ns`` is
    the shortest of ``calls``.
    """

    create_ns: int
    first_call_ns: int
    call_ns: int
    calls: tuple[CallTimes, ...]
    facts: BackendFacts
    thread_pools: tuple[ThreadPool, ...]
    libraries: dict[str, str]
    verification: ArrayMessage
    embeddings: ArrayMessage
    input_sha256: str


class ScopedBlock(msgspec.Struct, frozen=True):
    """A block and the scope it belongs to."""

    scope: Scope
    image: Image | None
    block: Block


class Measured(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Answer to ``Measure``: blocks (a pipeline's stages have their own), and samples of results.

    ``outputs`` are embeddings from the timed calls themselves, [K, D]: the first and the last one,
    and one at random of each picture. For ``forward`` and ``host``, whose inputs are the
    reference's pictures, ``rows`` are the indices of their pictures. ``fetch_ns`` is the shortest
    fetch of a result of ``forward`` right after its call. ``cosines`` are all values of a
    ``similarity`` block.
    """

    blocks: tuple[ScopedBlock, ...]
    rows: tuple[int, ...] = ()
    outputs: ArrayMessage | None = None
    fetch_ns: int | None = None
    cosines: tuple[float, ...] = ()


class MeasuredCanary(msgspec.Struct, frozen=True, tag=True):
    """Answer to ``MeasureCanary``."""

    block: Block


class CrossChecked(msgspec.Struct, frozen=True, tag=True):
    """Answer to ``CrossCheck``; None for a device without events."""

    events: DeviceEvents | None


REQUESTS = msgspec.msgpack.Decoder(Request)
DESCRIBED = msgspec.msgpack.Decoder(Described | Failure)
PROBED = msgspec.msgpack.Decoder(Usable | Failure)
WEIGHED = msgspec.msgpack.Decoder(Weighed | Failure)
WARMED_UP = msgspec.msgpack.Decoder(WarmedUp | Failure)
PREPARED = msgspec.msgpack.Decoder(Prepared | Failure)
MEASURED = msgspec.msgpack.Decoder(Measured | Failure)
CROSS_CHECKED = msgspec.msgpack.Decoder(CrossChecked | Failure)
CANARY = msgspec.msgpack.Decoder(MeasuredCanary | Failure)
"""Any request can end in a failure."""
