"""The report: what was measured, as types.

This is the published form of a report file (``simx report --schema``). Data only: files are read
and written by ``results.files.report``, ``results.statistics`` derives statistics, and rendering is
in ``simx.report``. Raw times are kept and nothing derived from them is stored.

A report is of one of two kinds. Most were measured: they have ``environment`` and ``config``, and
their cells have raw times or failed. Others hold nothing but figures that somebody else published:
they have a ``source``, and their cells are quoted, as medians without the raw times behind them.

History of the format:

1. First version.
2. The plan of the launches and why they ended, warm-ups, memory, thread pools, devices, and more of
   what disturbs a block.
3. Reports of quoted figures: ``source``, cells without raw times, and no environment, configuration
   or number of threads where nobody tells them.
4. What a GPU did beside each block, its memory and its own events, the libraries that were loaded,
   where a provider came from, partial placements, a failed worker's last lines, and several
   precisions of one backbone.
5. The configuration has all that a run was asked for: ``backbones`` and ``provider_options``.
   Reports of version 4 are read.
"""

from typing import Literal

from simx.common.strict_json import Struct
from simx.models.backbone import EmbeddingKind
from simx.models.pictures import Image
from simx.results.schema.config import Config
from simx.results.schema.environment import Environment, Memory, ThreadPool
from simx.results.schema.times import Launch, Scope, Timing

SCHEMA_NAME = "simx-report"
SCHEMA_VERSION = 5
OLDEST_READ = 4
"""Everything that this version added since has a default."""

WeightsOrigin = Literal["pretrained", "file", "random"]


class SchemaId(Struct, frozen=True, kw_only=True):
    """Name and version of the format, so that a reader can refuse what it does not know."""

    name: str = SCHEMA_NAME
    version: int = SCHEMA_VERSION


class Parity(Struct, frozen=True, kw_only=True):
    """Agreement with torch's reference embedding on the verification input: the worst row's."""

    cosine: float
    relative_l2: float


class Similarity(Struct, frozen=True, kw_only=True):
    """Cosine similarity of the anchor with each other picture, in percent of [-1, 1].

    None where it is undefined (an embedding of length zero), or not among quoted figures.
    """

    positive: float | None
    negative: float | None
    negative_resized: float | None


class Identity(Struct, frozen=True, kw_only=True):
    """What makes a cell a cell; no two cells of a report share it.

    ``threads`` is None where figures are quoted and their source does not tell.
    """

    model: str
    weights: str
    embedding: EmbeddingKind
    backend: str
    provider: str
    precision: str
    batch: int
    threads: int | None


class Published(Struct, frozen=True, kw_only=True):
    """What is published about the backbone, copied so that a report stands alone.

    ``gflops`` counts 1e9 multiply-accumulates (torchvision's figure) of the whole classifier for
    one image. Accuracies are percent, hold for the pretrained weights only, and are None for
    weights that cannot classify.
    """

    family: str
    gflops: float
    acc1: float | None
    acc5: float | None


class Catalogue(Published, frozen=True, kw_only=True):
    """The catalogue's figures for the backbone.

    ``embedding_gmacs`` counts 1e9 multiply-accumulates of the network without its head, which is
    what is measured.
    """

    embedding_gmacs: float
    params: int


class Failure(Struct, frozen=True, kw_only=True, tag=True):
    """What went wrong: at which stage, why, and the last lines that the worker wrote.

    ``stderr`` is without folders and names of users.
    """

    stage: str
    reason: str
    stderr: tuple[str, ...] = ()


class MeasuredCell(Struct, frozen=True, kw_only=True, tag_field="status", tag="ok"):
    """A cell whose embedding was checked and whose times count.

    ``weights_sha256`` is the hash of the weights and ``artefact_sha256`` that of the file the
    backend executed (of several, the hash of their hashes, in the order of their names).
    ``exported_with`` are the versions of what made and verified that file, wherever that was.
    ``placement`` counts the graph nodes each provider ran (empty where the backend has no graph);
    ``shape_nodes`` of those on the CPU only compute shapes. Where other nodes ran elsewhere than on
    the identity's provider, its backend's name has the part; see ``partial_placement``.
    ``settings`` are the backend's pinned settings. ``libraries`` are what was loaded for the
    provider, such as CUDA's, by name, with their versions (empty where they do not tell).
    ``few_calls`` marks a giant: one launch, one to three calls, no interval. ``memory`` is None
    where the system does not tell.
    """

    identity: Identity
    catalogue: Catalogue
    weights_origin: WeightsOrigin
    weights_sha256: str
    artefact_sha256: str
    exported_with: dict[str, str] = {}  # noqa: RUF012 - msgspec copies it
    embedding_dim: int
    similarity: Similarity
    parity: Parity
    placement: dict[str, int]
    shape_nodes: int = 0
    settings: dict[str, str]
    thread_pools: tuple[ThreadPool, ...]
    libraries: dict[str, str] = {}  # noqa: RUF012 - msgspec copies it
    memory: Memory | None
    few_calls: bool
    timings: tuple[Timing, ...]


class FailedCell(Failure, frozen=True, kw_only=True, tag_field="status", tag="failed"):
    """A cell without a figure, and the command that shows its failure again."""

    identity: Identity
    catalogue: Catalogue
    weights_origin: WeightsOrigin | None
    command: str


class QuotedMedian(Struct, frozen=True, kw_only=True):
    """A published median of one scope, in nanoseconds per call."""

    scope: Scope
    image: Image | None
    ns: int


class QuotedCell(Struct, frozen=True, kw_only=True, tag_field="status", tag="quoted"):
    """A cell of which nothing is known but published figures.

    There are no raw times behind the medians, and so no statistic that needs some. ``catalogue``
    has the figures as the source gives them. ``decimals`` says to how many its times in
    milliseconds and its similarities in percent are given.
    """

    identity: Identity
    catalogue: Published
    weights_origin: WeightsOrigin
    embedding_dim: int
    decimals: int
    similarity: Similarity
    medians: tuple[QuotedMedian, ...]


Outcome = MeasuredCell | FailedCell
"""What a run makes of a cell."""

Cell = MeasuredCell | FailedCell | QuotedCell


class Canary(Struct, frozen=True, kw_only=True):
    """Times of a fixed matrix product, a clock for drift between rounds and between runs.

    ``size`` is n of an n x n by n x n float32 product: 2 n^3 floating-point operations.
    ``model`` and ``weights`` name the backbone in whose rounds it was measured. It is taken at
    the beginning of every round and once after the last, by one of the cells that share a backend
    and provider: it is the same in any precision.
    """

    model: str
    weights: str
    backend: str
    provider: str
    size: int
    launches: tuple[Launch, ...]


Ending = Literal["half_width", "budget", "launches", "giant", "failed"]
"""Why a backbone got no further launch: it had what its precision needs; its time was up; it had
the most allowed, or just as many as were asked for; its calls take seconds; no cell was left."""


class Stop(Struct, frozen=True, kw_only=True):
    """How a backbone's launches ended.

    ``needed`` is how many launches its pilot asked for, None where none was to ask. ``seconds``
    is how long all of it took, from the first worker's start.
    """

    model: str
    weights: str
    launches: int
    needed: int | None
    ended_by: Ending
    seconds: float


class Report(Struct, frozen=True, kw_only=True):
    """One report file; ``simx`` is the version that wrote it.

    Of measured cells it has ``environment`` and ``config``, and no ``source``. Of quoted ones it
    has a ``source``, which says whose figures they are, and nothing else of a run.
    """

    schema: SchemaId
    created: str
    simx: str
    environment: Environment | None
    config: Config | None
    canary: tuple[Canary, ...]
    cells: tuple[Cell, ...]
    source: str | None = None
    stops: tuple[Stop, ...] = ()
    notes: tuple[str, ...] = ()
