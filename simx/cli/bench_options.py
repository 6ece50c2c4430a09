"""The options of ``simx bench``, and the invocation that a journal keeps of them."""

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from simx.exporter.jobs.memory import default_jobs
from simx.exporter.jobs.plan import ExportPlan
from simx.exporter.weights.request import WeightsRequest
from simx.images.pictures import PictureSet
from simx.models.backbone import Backbone, EmbeddingKind, Precision
from simx.models.ranges import Range
from simx.report.blocks.document import Layout
from simx.report.content import Form
from simx.results.files.journal_lines import Invocation
from simx.runner.bench.bench import BenchPlan
from simx.runner.bench.schedule import ProfileName, Schedule, schedule
from simx.runner.bench.threads import default_threads


class BenchOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of ``simx bench``, as its help describes them."""

    select: tuple[str, ...]
    all: bool
    gflops: tuple[Range, ...]
    family: tuple[str, ...]
    backend: tuple[str, ...]
    provider: tuple[str, ...]
    provider_option: tuple[str, ...]
    allow_partial: bool
    embedding: EmbeddingKind
    precision: tuple[Precision, ...]
    weights: WeightsRequest
    weights_mirror: str | None
    offline: bool
    anchor: Path | None
    positive: Path | None
    negative: Path | None
    threads: int | None
    profile: ProfileName
    launches: int | None
    rounds: int | None
    half_width: float | None
    budget: float | None
    seed: int
    worker_memory: int | None
    store: Path
    ranges: tuple[Range, ...] | None
    layout: Layout
    detail: bool
    format: Form
    output: Path | None

    def export_plan(self, precision: Precision) -> ExportPlan:
        """Return how to export what the store lacks of a precision."""
        return ExportPlan(
            embedding=self.embedding,
            request=self.weights,
            precisions=(precision,),
            threads=self.threads or default_threads(),
            jobs=default_jobs(self.threads or default_threads()),
            mirror=self.weights_mirror,
            offline=self.offline,
        )

    def schedule(self) -> Schedule:
        """Return how much to measure."""
        return schedule(
            self.profile,
            launches=self.launches,
            rounds=self.rounds,
            half_width=self.half_width,
            budget_seconds=self.budget,
            seed=self.seed,
        )

    def bench_plan(self, pictures: PictureSet) -> BenchPlan:
        """Return how to measure."""
        return BenchPlan(
            embedding=self.embedding,
            weights=self.weights.kind,
            threads=self.threads or default_threads(),
            profile=self.profile,
            schedule=self.schedule(),
            pictures=pictures,
            worker_memory=self.worker_memory,
            allow_partial=self.allow_partial,
        )


def invocation_of(options: BenchOptions, backbones: Sequence[Backbone]) -> Invocation:
    """Return what a journal keeps of a command line."""
    return Invocation(
        backbones=tuple(backbone.name for backbone in backbones),
        backend=options.backend,
        provider=options.provider,
        provider_option=options.provider_option,
        allow_partial=options.allow_partial,
        embedding=options.embedding,
        precision=options.precision,
        weights=_absolute_if_given(options.weights.path) or options.weights.kind,
        weights_mirror=options.weights_mirror,
        anchor=_absolute_if_given(options.anchor),
        positive=_absolute_if_given(options.positive),
        negative=_absolute_if_given(options.negative),
        threads=options.threads or default_threads(),
        profile=options.profile,
        launches=options.launches,
        rounds=options.rounds,
        half_width=options.half_width,
        budget=options.budget,
        seed=options.seed,
        worker_memory=options.worker_memory,
        store=_absolute(options.store),
    )


def _absolute(path: Path) -> str:
    # Unlike Path.resolve, this follows no link that may lead somewhere else tomorrow.
    return os.path.abspath(path)  # noqa: PTH100 - see above


def _absolute_if_given(path: Path | None) -> str | None:
    return None if path is None else _absolute(path)
