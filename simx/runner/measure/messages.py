"""What parent and worker say to each other; decoded into these types and nothing else."""

import msgspec
import numpy as np

from simx.exporter.store.manifest import FileRecord
from simx.models.pictures import Image
from simx.results.schema.environment import Memory, ThreadPool
from simx.results.schema.report import Failure
from simx.results.schema.times import Block, DeviceEvents, Scope, Warmup
from simx.runner.backends.contract import Array, BackendFacts, RuntimeFacts, Task


class ArrayMessage(msgspec.Struct, frozen=True):
    """A float32 array on its way through the pipe: its shape, and its values in C order."""

    shape: tuple[int, ...]
    data: bytes


def pack(array: Array) -> ArrayMessage:
    """Make a message of an array, always as float32."""
    return ArrayMessage(array.shape, np.ascontiguousarray(array, dtype="<f4").tobytes())


def unpack(message: ArrayMessage) -> Array:
    """Make an array of a message."""
    return np.frombuffer(message.data, dtype="<f4").reshape(message.shape)


class BlockPlan(msgspec.Struct, frozen=True):
    """How long a block is: at least ``seconds`` and ``min_calls``, at most ``max_calls``."""

    seconds: float
    min_calls: int
    max_calls: int | None = None


class Probe(msgspec.Struct, frozen=True, tag=True):
    """Can this provider be used at all, with these options?"""

    provider: str
    options: tuple[str, ...] = ()


class Describe(msgspec.Struct, frozen=True, tag=True):
    """What does this runtime say it can do?"""


class StoredFile(msgspec.Struct, frozen=True):
    """Where a file of the store is, absolute, and what it must be."""

    path: str
    record: FileRecord


class Prepare(msgspec.Struct, frozen=True, tag=True):
    """Load a network, call it for the first time, and embed everything once."""

    task: Task
    reference: StoredFile
    pictures: dict[Image, str]


class WeighMemory(msgspec.Struct, frozen=True, tag=True):
    """Load a network, call it once, and tell what memory that took; nothing is timed."""

    task: Task
    reference: StoredFile


class CallTimes(msgspec.Struct, frozen=True, kw_only=True):
    """One call before anything is timed, in nanoseconds.

    ``forward_ns`` from the host's array to the embedding on the device, ``fetch_ns`` from there to
    the host's array, and ``again_ns`` the same once more, when nothing can be left to wait for.
    """

    forward_ns: int
    fetch_ns: int
    again_ns: int

    @property
    def whole_ns(self) -> int:
        """From array to array."""
        return self.forward_ns + self.fetch_ns


class WarmUp(msgspec.Struct, frozen=True, tag=True):
    """Call the network until its times have levelled off."""


class Measure(msgspec.Struct, frozen=True, tag=True):
    """Take one block of one scope; ``image`` where the scope has one."""

    scope: Scope
    image: Image | None
    round: int
    plan: BlockPlan


class MeasureCanary(msgspec.Struct, frozen=True, tag=True):
    """Take one block of the fixed matrix product."""

    round: int
    plan: BlockPlan


class CrossCheck(msgspec.Struct, frozen=True, tag=True):
    """Make some calls of ``forward`` between events of the device's own; none of them counts."""

    calls: int


Request = Describe | Probe | WeighMemory | Prepare | WarmUp | Measure | MeasureCanary | CrossCheck


class Described(msgspec.Struct, frozen=True, tag=True):
    """Answer to ``Describe``."""

    facts: RuntimeFacts


class Usable(msgspec.Struct, frozen=True, tag=True):
    """Answer to ``Probe``: something tiny ran there, its nodes counted per provider.

    ``libraries`` are what was loaded for it, by name, with their versions.
    """

    placement: dict[str, int]
    libraries: dict[str, str] = {}


class Weighed(msgspec.Struct, frozen=True, tag=True):
    """Answer to ``WeighMemory``; None where the system does not tell."""

    memory: Memory | None


class WarmedUp(msgspec.Struct, frozen=True, tag=True):
    """Answer to ``WarmUp``."""

    warmup: Warmup


class Prepared(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Answer to ``Prepare``.

    ``verification`` are the embeddings of the reference's pictures [N, D], ``embeddings`` those of
    the four pictures [4, D] in the order of ``IMAGES``; ``input_sha256`` is the hash of those four
    inputs, so that the parent can see that every backend was fed the same bytes. ``libraries`` are
    those of the provider that were loaded, by name, with their versions. Times are nanoseconds;
    ``call_ns`` is one call of ``forward`` once warm, the shortest of ``calls``.
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
    """Answer to ``Measure``: blocks (a pipeline's stages have their own), and what was computed.

    ``outputs`` are embeddings taken from the timed calls themselves, [K, D]: the first and the last
    one, and one at random of each picture; for ``forward`` and ``host``, whose inputs are the
    reference's pictures, ``rows`` tells which of them each belongs to. ``fetch_ns`` is the least
    that fetching one of ``forward`` took right after its call. ``cosines`` are all values of a
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
    """Answer to ``CrossCheck``; None where there are no events."""

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
