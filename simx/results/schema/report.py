"""The report: what was measured, as types.

This is the published form of a report file (``simx report --schema``). Data only: raw times, and
nothing that is derived from them.

A report is of one of two kinds. Most were measured: they have ``environment`` and ``config``, and
their cells have raw times or failed. Others quote published figures: they have a ``source``, and
their cells have medians without raw times.

History of the format:

1. First version.
2. Adds the plan and the end of the launches, warm-ups, memory, thread pools, devices and noise.
3. Adds reports of quoted figures, without environment, configuration and perhaps threads.
4. Adds a GPU's state, memory and events, loaded libraries, the origin of a provider, partial
   placements, a failed worker's last lines, and several precisions of one backbone.
5. Adds ``backbones`` and ``provider_options`` to the configuration. Version 4 is read.
6. Adds ``env`` to the configuration, ``threads_used`` to measured cells, and throttling by quotas
   and by heat to the noise of a block. Versions 4 and 5 are read.
7. Adds ``preparations``: the times of decoding and preprocessing, once for all cells of a backbone.
   Until then, cells had times of the whole pipeline. Adds ``spent`` to the end of launches,
   ``page_faults`` to the noise of a block, ``others`` to the environment, and ``models``,
   ``batches`` and ``thread_counts`` to the configuration, and the scope ``first.cached``; figures
   of GFLOPS may be None. Adds scenarios of load and instances to the configuration and to
   identities, ``commit`` to the environment, and ``energy_uj`` to the noise of a block
   and ``idle_watts`` to launches, absent where the machine does not tell. Adds ``nodes``, those of
   a cluster, and ``kinds`` of them with their prices, to which a ``kind`` in identities, canaries,
   preparations, stops and nodes refers, and ``per`` in the configuration. Versions 4 to 6 are read.
"""

from typing import Annotated, Literal

from msgspec import Meta

from simx.common.bounded import (
    Amount,
    Cosine,
    CosinePercent,
    Count,
    Moment,
    Percent,
    Positive,
    PositiveAmount,
    Text,
)
from simx.common.strict_json import Struct
from simx.models.backbone import EmbeddingKind
from simx.models.pictures import Image
from simx.results.schema.config import SINGLE_STREAM, Config, Scenario
from simx.results.schema.environment import Environment, Memory, ThreadPool
from simx.results.schema.times import Launches, Scope, Timing

SCHEMA_NAME = "simx-report"
SCHEMA_VERSION = 7
OLDEST_READ = 4
"""All fields added since have defaults."""

LARGEST_CANARY = 2**16

MOST_DECIMALS = 6
"""A millisecond is kept in whole nanoseconds."""

WeightsOrigin = Literal["pretrained", "file", "random"]


class SchemaId(Struct, frozen=True, kw_only=True):
    """Name and version of the format."""

    name: Literal["simx-report"] = "simx-report"
    version: Annotated[int, Meta(ge=OLDEST_READ, le=SCHEMA_VERSION)] = SCHEMA_VERSION


class Parity(Struct, frozen=True, kw_only=True):
    """Agreement with torch's reference embedding on the verification input: the worst row's."""

    cosine: Cosine
    relative_l2: Amount


class Similarity(Struct, frozen=True, kw_only=True):
    """Cosine similarity of the anchor with each other picture, in percent of [-1, 1].

    None if it is undefined (an embedding of length zero), or not among quoted figures.
    """

    positive: CosinePercent | None
    negative: CosinePercent | None
    negative_resized: CosinePercent | None


class Identity(Struct, frozen=True, kw_only=True):
    """What identifies a cell in a report.

    ``threads`` are those of each of the ``instances``; None if figures are quoted and their source
    does not state it. ``rate`` are the queries per second of the scenario ``server``,
    or ``latency_bound`` is the seconds within which 99 % of them have to be answered. With a
    ``shared_session`` the instances are callers of one process's network. ``kind`` is the name of
    the kind of nodes, where each kind measured; here and elsewhere None otherwise.
    """

    model: Text
    weights: Text
    embedding: EmbeddingKind
    backend: Text
    provider: Text
    precision: Text
    batch: Positive
    threads: Positive | None
    instances: Positive = 1
    scenario: Scenario = SINGLE_STREAM
    rate: PositiveAmount | None = None
    latency_bound: PositiveAmount | None = None
    shared_session: bool = False
    kind: Text | None = None


class Published(Struct, frozen=True, kw_only=True):
    """Published figures of the backbone.

    ``gflops`` counts 1e9 multiply-accumulates (torchvision's figure) of the whole classifier for
    one image; for a model of the user's own, those of its graph, or None if they cannot be counted.
    Accuracies are percent and hold for the pretrained weights only. They are None for weights that
    cannot classify, and for weights of a file.
    """

    family: Text
    gflops: Amount | None
    acc1: Percent | None
    acc5: Percent | None


class Catalogue(Published, frozen=True, kw_only=True):
    """The catalogue's figures for the backbone.

    ``embedding_gmacs`` counts 1e9 multiply-accumulates of the measured network, without its
    head; None as ``gflops``.
    """

    embedding_gmacs: Amount | None
    params: Count


class Failure(Struct, frozen=True, kw_only=True, tag=True):
    """A failed stage, its reason, and the worker's last lines (without folders and users)."""

    stage: Text
    reason: Text
    stderr: tuple[Text, ...] = ()


class MeasuredCell(Struct, frozen=True, kw_only=True, tag_field="status", tag="ok"):
    """A cell whose embedding was checked and whose times count.

    ``weights_sha256`` is the hash of the weights and ``artefact_sha256`` that of the file the
    backend executed (of several, the hash of their hashes, in the order of their names).
    ``exported_with`` are the versions of what made and verified that file. ``placement`` counts
    the graph nodes each provider ran (empty without a graph); ``shape_nodes`` of those on the CPU
    only compute shapes. If other nodes ran elsewhere than on the identity's provider, its
    backend's name has the part; see ``partial_placement``. ``settings`` are the backend's pinned
    settings. ``threads_used`` is how many threads ran, or waited for a core, on average while a
    large product was computed before the first rounds; None where that was not measured.
    ``libraries`` are those loaded for the provider, such as CUDA's, by name, with their versions.
    ``few_calls`` marks a giant: one to three calls in each launch. ``memory`` is None
    where the system does not report it.
    """

    identity: Identity
    catalogue: Catalogue
    weights_origin: WeightsOrigin
    weights_sha256: Text
    artefact_sha256: Text
    exported_with: dict[Text, Text] = {}  # noqa: RUF012 - msgspec copies it
    embedding_dim: Positive
    similarity: Similarity
    parity: Parity
    placement: dict[Text, Count]
    shape_nodes: Count = 0
    settings: dict[Text, Text]
    thread_pools: tuple[ThreadPool, ...]
    threads_used: Amount | None = None
    libraries: dict[Text, Text] = {}  # noqa: RUF012 - msgspec copies it
    memory: Memory | None
    few_calls: bool
    timings: tuple[Timing, ...]


class FailedCell(Failure, frozen=True, kw_only=True, tag_field="status", tag="failed"):
    """A cell without a figure, and the command that shows its failure again."""

    identity: Identity
    catalogue: Catalogue
    weights_origin: WeightsOrigin | None
    command: Text


class QuotedMedian(Struct, frozen=True, kw_only=True):
    """A published median of one scope, in nanoseconds per call."""

    scope: Scope
    image: Image | None
    ns: Positive


class QuotedCell(Struct, frozen=True, kw_only=True, tag_field="status", tag="quoted"):
    """A cell of published figures, without raw times.

    ``catalogue`` has the figures of the source. ``decimals`` is to how many the source gives times
    in milliseconds and similarities in percent.
    """

    identity: Identity
    catalogue: Published
    weights_origin: WeightsOrigin
    embedding_dim: Positive
    decimals: Annotated[int, Meta(ge=0, le=MOST_DECIMALS)]
    similarity: Similarity
    medians: tuple[QuotedMedian, ...]


Outcome = MeasuredCell | FailedCell
"""What a run makes of a cell."""

Cell = MeasuredCell | FailedCell | QuotedCell


class Canary(Struct, frozen=True, kw_only=True):
    """Times of a fixed matrix product, which show drift between rounds and between runs.

    ``size`` is n of an n x n by n x n float32 product: 2 n^3 floating-point operations.
    ``model`` and ``weights`` name the backbone in whose rounds it was measured: at the beginning of
    every round and once after the last, by one of the cells that share a backend and provider.
    """

    model: Text
    weights: Text
    backend: Text
    provider: Text
    size: Annotated[int, Meta(ge=1, le=LARGEST_CANARY)]
    launches: Launches
    kind: Text | None = None


class Preparation(Struct, frozen=True, kw_only=True):
    """Times from the pictures' files to a backbone's inputs, which are the same for all its cells.

    The scopes are ``pipeline.decode`` and ``pipeline.preprocess``. Backbones of one preset have the
    same ones: each launch of a run measures them once. ``model`` and ``weights`` name the backbone.
    """

    model: Text
    weights: Text
    timings: tuple[Timing, ...]
    kind: Text | None = None


Ending = Literal["half_width", "budget", "launches", "giant", "failed"]
"""Why a backbone got no further launch: it had as many as its precision needs; its time was up; it
had the most allowed or the requested number; its calls take seconds; no cell was left."""


class Stop(Struct, frozen=True, kw_only=True):
    """How a backbone's launches ended.

    ``needed`` is the number of launches by its pilot, None without one. ``seconds`` is the time of
    all launches, from the first worker's start, and ``spent`` says for what: a scope's name for its
    blocks, and ``pictures``, ``prepare``, ``compare``, ``threads``, ``warm-up``, ``canary``,
    ``pause`` and ``events``. The rest is the measurement of a GPU's memory, and the ends of
    workers. ``node`` is the place of the node in the report's, from 1; None without a cluster.
    """

    model: Text
    weights: Text
    launches: Count
    needed: Positive | None
    ended_by: Ending
    seconds: Amount
    spent: dict[Text, Amount] = {}  # noqa: RUF012 - msgspec copies it
    node: Positive | None = None
    kind: Text | None = None


class ReferenceTimes(Struct, frozen=True, kw_only=True):
    """A node's times of ``forward`` of a cell of the backbone that all nodes measure."""

    identity: Identity
    launches: Launches


class Node(Struct, frozen=True, kw_only=True):
    """One of the equal nodes of a cluster that measured backbones; the report's stops say which.

    ``reference`` shows what the nodes differ in; empty where one node measured alone.
    """

    reference: tuple[ReferenceTimes, ...] = ()
    kind: Text | None = None


Currency = Literal["USD", "EUR"]


class Price(Struct, frozen=True, kw_only=True):
    """What an hour of a whole node costs."""

    amount: PositiveAmount
    currency: Currency


class Kind(Struct, frozen=True, kw_only=True):
    """Nodes that are equal in all that times depend on: what they are, and have in common.

    ``threads`` take the place of the configuration's on them.
    """

    name: Text
    environment: Environment
    threads: Positive
    price: Price | None = None


class Report(Struct, frozen=True, kw_only=True):
    """One report file; ``simx`` is the version that wrote it.

    With measured cells it has ``environment`` and ``config``. With quoted ones it has a ``source``,
    which says whose figures they are, and nothing of a run. ``kinds`` are there if each kind of
    nodes measured, or if the one that did has a price; ``environment`` is that of the first.
    """

    schema: SchemaId
    created: Moment
    simx: Text
    environment: Environment | None
    config: Config | None
    canary: tuple[Canary, ...]
    cells: tuple[Cell, ...]
    preparations: tuple[Preparation, ...] = ()
    source: Text | None = None
    stops: tuple[Stop, ...] = ()
    nodes: tuple[Node, ...] = ()
    kinds: tuple[Kind, ...] = ()
    notes: tuple[Text, ...] = ()
