"""The cells of a benchmark: one backbone on one target each, and their records in a report."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from simx.common.anonymous import anonymous
from simx.exporter.jobs.ensure import Exporting, ensure
from simx.exporter.jobs.export import export
from simx.exporter.jobs.plan import ExportListener, ExportPlan, NotExported
from simx.exporter.store.entry import Entry
from simx.exporter.store.manifest import FileRecord
from simx.exporter.store.store import Store
from simx.models.backbone import Backbone, EmbeddingKind, Precision, full_name
from simx.results.files.journal_lines import JournaledBackbone
from simx.results.schema.config import BATCH, SINGLE_STREAM, Config, Load, Setting
from simx.results.schema.environment import Memory
from simx.results.schema.evaluation import EvaluationConfig
from simx.results.schema.partial_placement import with_partial_placement
from simx.results.schema.report import Catalogue, FailedCell, Failure, Identity, WeightsOrigin
from simx.runner.backends.contract import Task
from simx.runner.backends.providers import short_name
from simx.runner.bench.schedule import Deadlines
from simx.runner.bench.targets import Target
from simx.runner.measure.messages import StoredFile

BENCH = "simx bench"


class PlannedCell(msgspec.Struct, frozen=True):
    """One backbone on one target, with the export of the target's precision.

    ``memory`` is what its worker needs on a GPU, once measured, and ``needed_bytes`` an estimate of
    what it needs of the machine's, 0 if it is alone. With ``allow_partial`` a part of its nodes on
    the provider suffices; ``partial_placement`` is that part, or None for all nodes. It is known
    once the cell ``was_loaded`` in an earlier launch. ``weights_key`` is as for a
    ``WeightsRequest``. Under a ``load``, several ``instances`` of it run at once; each gets
    ``cores`` of its own, all if there are none. ``sustained_rate`` is the rate within the latency
    bound, in queries per second, as far as is known from earlier launches.
    """

    backbone: Backbone
    target: Target
    entry: Entry
    threads: int
    batch: int = BATCH
    instances: int = 1
    load: Load = Load()
    cores: tuple[int, ...] = ()
    sustained_rate: float | None = None
    memory: Memory | None = None
    needed_bytes: int = 0
    allow_partial: bool = False
    partial_placement: str | None = None
    was_loaded: bool = False
    weights_key: str | None = None

    @property
    def embedding(self) -> EmbeddingKind:
        """The kind of embedding that it computes."""
        return self.entry.manifest.identity.embedding

    @property
    def processes(self) -> int:
        """How many processes answer its queries."""
        return 1 if self.load.shared_session else self.instances

    @property
    def is_under_load(self) -> bool:
        """Whether its calls are queries of a load, and not made one after the other."""
        return self.load.scenario != SINGLE_STREAM

    @property
    def identity(self) -> Identity:
        """Its name, unique in a report."""
        setting = Setting(self.batch, self.threads, self.instances)
        whole = identify(self.backbone, self.embedding, self.target, setting, self.load)
        return msgspec.structs.replace(
            whole, backend=with_partial_placement(whole.backend, self.partial_placement)
        )

    @property
    def task(self) -> Task:
        """What its workers load."""
        return Task(
            backbone=self.backbone,
            embedding=self.embedding,
            provider=self.target.provider,
            threads=self.threads,
            batch=self.batch,
            cores=self.cores,
            is_under_load=self.is_under_load,
            model_path=_absolute(self.entry.model_path),
            weights_path=_absolute(self.entry.weights_path),
            files=self._executed[1],
            variants=self.target.backend.variants,
            options=self.target.backend.options,
            allow_partial=self.allow_partial,
            label=self.target.backend.label,
        )

    @property
    def reference(self) -> StoredFile:
        """Its verification inputs, with the right embeddings."""
        path = self.entry.verification_path
        return StoredFile(_absolute(path), self.entry.manifest.files[path.name])

    def loading_seconds(self, deadlines: Deadlines) -> float:
        """Return how long a worker may take to load it and answer for the first time."""
        gmacs = self.batch * self.backbone.embedding_gmacs.of(self.embedding)
        return deadlines.of_loading(gmacs, self.backbone.params)

    @property
    def artefact_sha256(self) -> str:
        """The hash of the file that its backend executes."""
        return self._executed[0]

    @property
    def _executed(self) -> tuple[str, dict[str, FileRecord]]:
        manifest = self.entry.manifest
        if self.target.backend.executes == "weights":
            return manifest.weights.sha256, {self.entry.weights_path.name: manifest.weights}
        return manifest.graph_sha256, manifest.graph_files

    def failed(self, failure: Failure) -> FailedCell:
        """Return the record of its failure."""
        origin = self.entry.manifest.identity.weights_origin
        return failed_cell(
            self.backbone,
            self.identity,
            self.target.backend.typed,
            origin,
            failure,
            weights_key=self.weights_key,
            allow_partial=self.allow_partial,
        )


class Workload(msgspec.Struct, frozen=True):
    """A backbone, with its export of fp32 and of each precision to measure, or its failure.

    ``weights_key`` is as for a ``WeightsRequest``.
    """

    backbone: Backbone
    exports: Mapping[Precision, Entry | NotExported]
    weights_key: str | None = None

    def cells(self, targets: Sequence[Target], config: Config) -> list[PlannedCell | FailedCell]:
        """Return its cells on the targets that can run it, setting by setting."""
        usable = [each for each in targets if each.runs(self.backbone)]
        return [
            self.cell(target, config, setting, config.load)
            for setting in config.settings
            for target in usable
        ]

    def cell(
        self,
        target: Target,
        config: Config | EvaluationConfig,
        setting: Setting,
        load: Load = Load(),  # noqa: B008 - it has no state
    ) -> PlannedCell | FailedCell:
        """Return its cell on a target, or why it cannot be measured there."""
        export, partial = self.exports[target.precision], config.allow_partial
        if isinstance(export, Entry):
            planned = PlannedCell(
                self.backbone,
                target,
                export,
                setting.threads,
                setting.batch,
                setting.instances,
                load,
                allow_partial=partial,
                weights_key=self.weights_key,
            )
            if self.backbone.batch_of(setting.batch) == setting.batch:
                return planned
            reason = "its graph takes one picture in a call; export it with a free batch"
            return planned.failed(Failure(stage="batch", reason=reason))
        return failed_cell(
            self.backbone,
            identify(self.backbone, config.embedding, target, setting, load),
            target.backend.typed,
            export.weights_origin,
            Failure(stage=export.stage, reason=export.reason),
            weights_key=self.weights_key,
            allow_partial=partial,
        )

    @property
    def name(self) -> JournaledBackbone:
        """Its name in a journal."""
        return self.backbone.model, self.backbone.weights, None

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The exports that did not fail."""
        return tuple(each for each in self.exports.values() if isinstance(each, Entry))


@contextmanager
def exported(
    backbones: Sequence[Backbone],
    store: Store,
    plan: ExportPlan,
    listener: ExportListener,
    exporting: Exporting = export,
) -> Iterator[list[Workload]]:
    """Export what the store lacks, and keep the exports of all backbones in use."""
    exports = ensure(backbones, store, plan, listener, exporting)
    precisions: dict[Precision, None] = dict.fromkeys(("fp32", *plan.precisions))
    workloads = [
        Workload(backbone, {each: exports[backbone, each] for each in precisions}, plan.request.key)
        for backbone in backbones
    ]
    with ExitStack() as held:
        for entry in (entry for workload in workloads for entry in workload.entries):
            held.enter_context(entry.in_use())
        yield workloads


def _absolute(path: Path) -> str:
    """Return the path of a stored file, which must not be a link, in the real folder."""
    return str(path.parent.resolve() / path.name)


def failed_cell(
    backbone: Backbone,
    identity: Identity,
    backend: str,
    origin: WeightsOrigin | None,
    failure: Failure,
    *,
    weights_key: str | None = None,
    allow_partial: bool = False,
) -> FailedCell:
    """Return the record of a failure, anonymised, with the command that repeats it.

    ``backend`` is the name to type in it.
    """
    options = {
        "--backend": backend,
        "--provider": short_name(identity.provider),
        "--embedding": identity.embedding,
        "--batch": None if identity.batch == BATCH else identity.batch,
        "--threads": identity.threads,
        "--scenario": None if identity.scenario == SINGLE_STREAM else identity.scenario,
        "--instances": None if identity.instances == 1 else identity.instances,
        "--latency-bound": identity.latency_bound and f"{identity.latency_bound:g}s",
        "--rate": None if identity.rate is None else f"{identity.rate:g}",
        "--precision": None if identity.precision == "fp32" else identity.precision,
        "--weights": "FILE" if origin == "file" else origin,
        "--weights-key": weights_key,
    }
    command = f"{BENCH} {full_name(backbone.model, backbone.weights)}"
    if backbone.file is not None:
        command = f"{BENCH} --model FILE --preprocess PRESET"
        del options["--weights"]
    given = ((name, str(value)) for name, value in options.items() if value is not None)
    command += "".join(f" {name} {shlex.quote(value)}" for name, value in given)
    return FailedCell(
        identity=identity,
        catalogue=catalogue_figures(backbone, identity.embedding, origin),
        weights_origin=origin,
        stage=failure.stage,
        reason=anonymous(failure.reason),
        stderr=failure.stderr,
        command=command
        + (" --shared-session" if identity.shared_session else "")
        + (" --allow-partial" if allow_partial else ""),
    )


def identify(
    backbone: Backbone,
    embedding: EmbeddingKind,
    target: Target,
    setting: Setting,
    load: Load = Load(),  # noqa: B008 - it has no state
) -> Identity:
    """Return the identity of a backbone's cell on a target."""
    return Identity(
        model=backbone.model,
        weights=backbone.weights,
        embedding=embedding,
        backend=target.backend.label,
        provider=target.provider,
        precision=target.precision,
        batch=setting.batch,
        threads=setting.threads,
        instances=setting.instances,
        scenario=load.scenario,
        rate=load.rate,
        latency_bound=load.latency_bound,
        shared_session=load.shared_session,
    )


def catalogue_figures(
    backbone: Backbone, embedding: EmbeddingKind, origin: WeightsOrigin | None
) -> Catalogue:
    """Return what a report copies from the catalogue: no accuracy for weights of a file.

    What is counted in part only is None.
    """
    is_own = origin == "file"
    is_counted = backbone.file is None or backbone.file.is_counted
    return Catalogue(
        family=backbone.family,
        gflops=backbone.gflops if is_counted else None,
        embedding_gmacs=backbone.embedding_gmacs.of(embedding) if is_counted else None,
        params=backbone.params,
        acc1=None if is_own else backbone.acc1,
        acc5=None if is_own else backbone.acc5,
    )
