"""The list of backbones as ``simx models`` shows it: one flat record for each. Renders nothing."""

from collections.abc import Mapping, Sequence

import msgspec

from simx.models.backbone import (
    Backbone,
    BackboneSource,
    EmbeddingDims,
    EmbeddingGmacs,
    EmbeddingKind,
)
from simx.models.catalogue import GFLOPS_COUNTS
from simx.models.ranges import Range, range_of


class ListedBackbone(msgspec.Struct, frozen=True, kw_only=True):
    """One backbone with its place in the tables and in the store.

    Figures are as in ``Backbone``; ``gflops_range`` is a label, None outside all ranges.
    ``embedding_dim`` is the length for the chosen definition of the embedding. ``path`` is the
    exported file, or None; ``outdated`` is why an export made now would differ, or None.
    ``weights_origin`` is where the export's weights come from: accuracies hold for ``pretrained``
    ones.
    """

    model: str
    weights: str
    default: bool
    family: str
    gflops: float
    gflops_counts: str
    gflops_range: str | None
    params: int
    acc1: float | None
    acc5: float | None
    file_size: float
    license: str | None
    url: str
    crop: int
    resize: int
    interpolation: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    embedding_dim: int
    embedding_dims: EmbeddingDims
    embedding_gmacs: EmbeddingGmacs
    source: BackboneSource
    path: str | None
    outdated: str | None
    weights_origin: str | None


class ListedExport(msgspec.Struct, frozen=True):
    """The path of an export, why it is outdated, or None, and where its weights come from."""

    path: str
    outdated: str | None
    weights_origin: str


def listing(
    backbones: Sequence[Backbone],
    ranges: Sequence[Range],
    embedding: EmbeddingKind,
    exports: Mapping[str, ListedExport],
) -> tuple[ListedBackbone, ...]:
    """Return one record for each backbone, in the order given.

    Args:
        backbones: what to list.
        ranges: the GFLOPS ranges that tables are grouped by.
        embedding: the definition of the embedding for ``embedding_dim``.
        exports: what is exported, by ``Backbone.name``.
    """
    listed = []
    for backbone in backbones:
        place, export = range_of(backbone.gflops, ranges), exports.get(backbone.name)
        figures = msgspec.structs.asdict(backbone)
        preset = msgspec.structs.asdict(figures.pop("preset"))
        del figures["file"]  # all are the catalogue's
        record = ListedBackbone(
            **figures,
            **preset,
            gflops_counts=GFLOPS_COUNTS,
            gflops_range=place.label if place else None,
            embedding_dim=backbone.embedding_dims.of(embedding),
            path=export.path if export else None,
            outdated=export.outdated if export else None,
            weights_origin=export.weights_origin if export else None,
        )
        listed.append(record)
    return tuple(listed)
