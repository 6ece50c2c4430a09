"""What is to be measured: the product of backbones, backends, providers and precisions."""

from pathlib import Path

import msgspec

from simx.common.anonymous import anonymous
from simx.exporter.store.entry import Entry
from simx.exporter.store.manifest import FileRecord
from simx.models.backbone import Backbone, EmbeddingKind, Precision
from simx.results.schema.environment import Memory
from simx.results.schema.partial_placement import with_partial_placement, without_partial_placement
from simx.results.schema.report import Catalogue, FailedCell, Identity, WeightsOrigin
from simx.results.statistics.parity import Bounds, bounds_of
from simx.runner.backends.contract import Task
from simx.runner.backends.providers import short_name
from simx.runner.backends.registry import Choice
from simx.runner.bench.deadlines import Deadlines
from simx.runner.measure.messages import StoredFile

BATCH = 1


class Lane(msgspec.Struct, frozen=True):
    """One backend on one provider in one precision: a column of the tables."""

    choice: Choice
    provider: str
    precision: Precision = "fp32"

    @property
    def bounds(self) -> Bounds:
        """How far its embeddings may be from the reference."""
        return max(self.choice.bounds, bounds_of(self.precision))


class PlannedCell(msgspec.Struct, frozen=True):
    """One backbone in one lane, with the export of the lane's precision.

    ``memory`` is what a worker of it needs, once measured. With ``allow_partial`` a part of its
    nodes on the provider suffices; ``partial_placement`` is that part, known once a launch before
    ``was_loaded``, or None for all nodes.
    """

    backbone: Backbone
    lane: Lane
    entry: Entry
    threads: int
    memory: Memory | None = None
    allow_partial: bool = False
    partial_placement: str | None = None
    was_loaded: bool = False

    @property
    def identity(self) -> Identity:
        """What tells this cell from all others of a report."""
        embedding = self.entry.manifest.identity.embedding
        whole = identify(self.backbone, embedding, self.lane, self.threads)
        return msgspec.structs.replace(
            whole, backend=with_partial_placement(whole.backend, self.partial_placement)
        )

    @property
    def task(self) -> Task:
        """What its workers are to load."""
        return Task(
            backbone=self.backbone,
            embedding=self.entry.manifest.identity.embedding,
            provider=self.lane.provider,
            threads=self.threads,
            model_path=_absolute(self.entry.model_path),
            weights_path=_absolute(self.entry.weights_path),
            files=self._files,
            variants=self.lane.choice.variants,
            options=self.lane.choice.options,
            allow_partial=self.allow_partial,
        )

    @property
    def reference(self) -> StoredFile:
        """Its verification inputs, and the right answers to them."""
        path = self.entry.verification_path
        return StoredFile(_absolute(path), self.entry.manifest.files[path.name])

    def loading_seconds(self, deadlines: Deadlines) -> float:
        """Return how long a worker may take to load it and answer for the first time."""
        gmacs = self.backbone.embedding_gmacs.of(self.entry.manifest.identity.embedding)
        return deadlines.of_loading(gmacs, self.backbone.params)

    @property
    def artefact_sha256(self) -> str:
        """The hash of the file that this cell's backend executes."""
        manifest = self.entry.manifest
        if self.lane.choice.spec.executes == "weights":
            return manifest.weights.sha256
        return manifest.graph_sha256

    @property
    def _files(self) -> dict[str, FileRecord]:
        """What this cell's backend executes."""
        manifest = self.entry.manifest
        if self.lane.choice.spec.executes == "weights":
            return {self.entry.weights_path.name: manifest.weights}
        return manifest.graph_files

    def failed(self, stage: str, reason: str, stderr: tuple[str, ...] = ()) -> FailedCell:
        """Return the record of this cell's failure, with what its worker said in the end."""
        origin = self.entry.manifest.identity.weights_origin
        failed = failed_cell(self.backbone, self.identity, origin, stage, reason)
        allowing = " --allow-partial" if self.allow_partial else ""
        return msgspec.structs.replace(failed, command=failed.command + allowing, stderr=stderr)


def _absolute(path: Path) -> str:
    """Return the path of a stored file, which must not be a link, in the real folder."""
    return str(path.parent.resolve() / path.name)


def failed_cell(
    backbone: Backbone,
    identity: Identity,
    origin: WeightsOrigin | None,
    stage: str,
    reason: str,
) -> FailedCell:
    """Return the record of a failure, anonymised, with the command that repeats it."""
    backend = without_partial_placement(identity.backend)
    command = (
        f"simx bench {backbone.model}:{backbone.weights} --backend {backend} "
        f"--provider {short_name(identity.provider)} --embedding {identity.embedding} "
        f"--threads {identity.threads}"
    )
    if identity.precision != "fp32":
        command += f" --precision {identity.precision}"
    weights = f" --weights {'FILE' if origin == 'file' else origin}" if origin else ""
    return FailedCell(
        identity=identity,
        catalogue=catalogue_figures(backbone, identity.embedding),
        weights_origin=origin,
        stage=stage,
        reason=anonymous(reason),
        command=command + weights,
    )


def identify(backbone: Backbone, embedding: EmbeddingKind, lane: Lane, threads: int) -> Identity:
    """Return the identity of a backbone's cell in a lane."""
    return Identity(
        model=backbone.model,
        weights=backbone.weights,
        embedding=embedding,
        backend=lane.choice.name,
        provider=lane.provider,
        precision=lane.precision,
        batch=BATCH,
        threads=threads,
    )


def catalogue_figures(backbone: Backbone, embedding: EmbeddingKind) -> Catalogue:
    """Return what a report copies from the catalogue."""
    return Catalogue(
        family=backbone.family,
        gflops=backbone.gflops,
        embedding_gmacs=backbone.embedding_gmacs.of(embedding),
        params=backbone.params,
        acc1=backbone.acc1,
        acc5=backbone.acc5,
    )
