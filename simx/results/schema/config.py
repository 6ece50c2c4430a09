"""A run's configuration: everything that decides what is measured and how, and no file's path.

Only options of a provider and variables can hold a path; a report has the name of the file.
"""

from typing import Literal, NamedTuple

from simx.common.bounded import Count, Positive, PositiveAmount, Text
from simx.common.strict_json import Struct
from simx.models.backbone import EmbeddingKind, Precision, Preset
from simx.models.pictures import Image, Picture

ProfileName = Literal["quick", "default", "precise"]

WeightsKind = Literal["auto", "pretrained", "random", "file"]

Scenario = Literal["single-stream", "multi-stream", "offline", "server"]
"""How queries arrive, in the words of MLPerf inference (Reddi et al., "MLPerf Inference Benchmark",
2020). A query is one call of one instance. ``single-stream``: the next query follows the answer.
``multi-stream``: as many queries as there are instances at once, and the next ones follow the last
answer. ``offline``: all queries are there at the beginning. ``server``: queries arrive by a Poisson
process, whether or not those before have been answered.
"""

SINGLE_STREAM: Scenario = "single-stream"

Goal = Literal["latency", "throughput"]
"""What a search of settings makes fast: one picture, or many pictures in calls of any batch."""

Per = Literal["kind"]
"""What measures everything: each kind of a cluster's nodes."""

BATCH = 1
"""Pictures of one call."""


class Setting(NamedTuple):
    """Pictures of one call, threads of one instance, and instances: processes with one network."""

    batch: int
    threads: int
    instances: int = 1


class Load(NamedTuple):
    """How the instances of a cell are called; ``rate`` is the queries per second of ``server``.

    Without one, the largest rate is wanted of which 99 % of the queries are answered within
    ``latency_bound`` seconds. With a ``shared_session`` the instances are callers of one process's
    network, and share its threads. With ``pinned`` each process has processor cores of its own, one
    for each thread. ``pause`` is the seconds without a call before each call of the scope
    ``paused``.
    """

    scenario: Scenario = SINGLE_STREAM
    rate: float | None = None
    latency_bound: float | None = None
    shared_session: bool = False
    pinned: bool = True
    pause: float | None = None


class Aim(Struct, frozen=True, kw_only=True):
    """What a search looks for; ``max_latency`` is the most seconds that a call may take."""

    goal: Goal = "latency"
    max_latency: PositiveAmount | None = None


class Schedule(Struct, frozen=True, kw_only=True):
    """How many launches of how many rounds, and the random seed.

    With a ``half_width`` (0.015 for 1.5 % to each side), the first ``pilot`` launches of a backbone
    fix how many it needs for intervals of ratios of that width, ``launches`` at the most. Without
    one every backbone gets ``launches``. ``budget_seconds`` limits the time of a backbone's
    launches. ``rounds`` is the number of each launch.
    """

    pilot: Positive
    launches: Positive
    rounds: Positive
    half_width: PositiveAmount | None = None
    budget_seconds: PositiveAmount | None = None
    seed: Count = 0

    def is_for_forward_alone(self, launch: int) -> bool:
        """Whether the launch of this index comes after the pilot.

        It narrows the ratio of ``forward``. The other scopes would double its time.
        """
        return self.half_width is not None and launch >= self.pilot


class OwnModel(Struct, frozen=True, kw_only=True):
    """A model of the user's own: the hash of its ONNX file, and how its input was made.

    With external data it is the hash of the hashes of all its files.
    """

    sha256: Text
    preset: Preset


class Config(Schedule, frozen=True, kw_only=True):
    """The schedule of a run, and what it is applied to.

    ``backbones`` are the selected names in their order, with their weights where not the default
    ones; those of ``models`` are the user's own. ``backends`` are named as on the command line, one
    from another environment by its label, ``providers`` by ONNX Runtime's names, and
    ``provider_options`` are ``KEY=VALUE``. ``env`` are environment variables for all workers, as
    ``NAME=VALUE``; up to version 5 of the report, workers had all variables of the user. Up to
    version 4, ``backends`` had the options in its names, and ``backbones`` and ``provider_options``
    were not kept. ``allow_partial`` allows cells of which only a share runs on the provider.
    ``weights`` is how they were requested. ``worker_memory`` is the most address space of a worker
    in bytes. In a sweep, ``batches`` and ``thread_counts`` are all sizes and counts in ascending
    order, ``batch`` is the smallest of them and ``threads`` the largest. ``instance_counts`` are
    numbers of processes that share a load. Where they are given, ``threads`` are those of all of
    them together, unless ``thread_counts`` has those of each. ``scenario``, ``rate``,
    ``latency_bound``, ``shared_session``, ``pinned`` and ``pause`` are as for ``Load``. A run of a
    ``duration`` in seconds is one launch of each backbone. With ``per`` each kind of a cluster's
    nodes measures everything, with threads of its own.
    """

    backbones: tuple[Text, ...] = ()
    backends: tuple[Text, ...]
    providers: tuple[Text, ...]
    provider_options: tuple[Text, ...] = ()
    env: tuple[Text, ...] = ()
    allow_partial: bool = False
    embedding: EmbeddingKind
    precisions: tuple[Precision, ...]
    batch: Positive = BATCH
    threads: Positive
    weights: WeightsKind
    profile: ProfileName
    worker_memory: Positive | None = None
    batches: tuple[Positive, ...] = ()
    thread_counts: tuple[Positive, ...] = ()
    instance_counts: tuple[Positive, ...] = ()
    scenario: Scenario = SINGLE_STREAM
    rate: PositiveAmount | None = None
    latency_bound: PositiveAmount | None = None
    shared_session: bool = False
    pinned: bool = True
    pause: PositiveAmount | None = None
    duration: PositiveAmount | None = None
    per: Per | None = None
    pictures: dict[Image, Picture] = {}  # noqa: RUF012 - msgspec copies it
    models: dict[Text, OwnModel] = {}  # noqa: RUF012 - msgspec copies it

    @property
    def settings(self) -> tuple[Setting, ...]:
        """Those of every target: small batches first, then few instances, then many threads."""
        return tuple(
            Setting(batch, threads, instances)
            for batch in self.batches or (self.batch,)
            for instances in self.instance_counts or (1,)
            for processes in (1 if self.shared_session else instances,)
            for threads in reversed(self.thread_counts or (max(1, self.threads // processes),))
        )

    @property
    def load(self) -> Load:
        """How every cell is called."""
        return Load(
            self.scenario,
            self.rate,
            self.latency_bound,
            self.shared_session,
            self.pinned,
            self.pause,
        )

    @property
    def sweeps(self) -> bool:
        """Whether there are several settings."""
        return len(self.settings) > 1
