"""One export that is to be in the store: what it is made from, and how it is recorded."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from simx.exporter.jobs.messages import ExportDone, ExportRequest, FromFp32, FromWeights
from simx.exporter.jobs.plan import Exported
from simx.exporter.store.cache_key import RECIPE, converted_key, export_key, library_versions
from simx.exporter.store.entry import Entry
from simx.exporter.store.manifest import ExportIdentity, Manifest
from simx.exporter.weights.locate import Source
from simx.models.backbone import Backbone, EmbeddingKind, Precision


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An export to be made from ``source``: weights, or the fp32 export of another precision."""

    backbone: Backbone
    identity: ExportIdentity
    key: str
    source: Source | Entry

    @property
    def full(self) -> Entry | None:
        """The fp32 export that it is made from; None if it is made from weights."""
        return self.source if isinstance(self.source, Entry) else None

    @property
    def is_from_a_file(self) -> bool:
        """Whether it is made from a weights file that the user named."""
        return isinstance(self.source, Source) and self.source.origin == "file"

    def request(self, folder: Path, state_path: Path, threads: int) -> ExportRequest:
        """Return the request to a worker.

        Args:
            folder: where the export is made.
            state_path: where the state dict goes, if it is made from weights.
            threads: of the worker.
        """
        source: FromWeights | FromFp32
        if isinstance(self.source, Entry):
            source = FromFp32(
                folder=str(self.source.folder.resolve()),
                files=self.source.manifest.files,
                weights=self.source.manifest.weights,
            )
        else:
            source = FromWeights(
                path=None if self.source.path is None else str(self.source.path.resolve()),
                sha256=self.source.sha256,
                seed=self.source.seed,
                state_path=str(state_path.resolve()),
            )
        return ExportRequest(
            backbone=self.backbone,
            embedding=self.identity.embedding,
            precision=self.identity.precision,
            weights_origin=self.identity.weights_origin,
            source=source,
            threads=threads,
            folder=str(folder.resolve()),
        )

    def manifest(self, done: ExportDone) -> Manifest:
        """Return the manifest of what a worker made; a converted export keeps its fp32 export's."""
        source = self.source
        before = source.manifest if isinstance(source, Entry) else None
        return Manifest(
            identity=self.identity,
            source=source.label() if isinstance(source, Source) else source.manifest.source,
            made_from=before.graph_sha256 if before else None,
            preset=before.preset if before else self.backbone.preset,
            embedding_dim=done.embedding_dim,
            parity=done.verified.parity,
            verified_batches=done.verified.batches,
            margin=done.verified.margin,
            reference_margin=done.verified.reference_margin,
            weights=done.weights,
            files=done.files,
            recipe=before.recipe if before else RECIPE,
            versions={**(before.versions if before else {}), **library_versions()},
            created=datetime.now(UTC).isoformat(timespec="microseconds"),
            seconds=done.seconds,
            peak_bytes=done.peak_bytes,
        )


def order_from_weights(backbone: Backbone, embedding: EmbeddingKind, source: Source) -> Order:
    """Return the order of a backbone's fp32 export."""
    identity = ExportIdentity(
        model=backbone.model,
        weights=backbone.weights,
        embedding=embedding,
        precision="fp32",
        weights_origin=source.origin,
    )
    key = export_key(backbone, embedding, source.label())
    return Order(backbone=backbone, identity=identity, key=key, source=source)


def order_from_fp32(full: Exported, precision: Precision) -> Order:
    """Return the order of another precision of an fp32 export."""
    manifest = full.entry.manifest
    identity = msgspec.structs.replace(manifest.identity, precision=precision)
    key = converted_key(manifest.graph_sha256, manifest.preset, precision)
    return Order(backbone=full.backbone, identity=identity, key=key, source=full.entry)
