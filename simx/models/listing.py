"""The list of backbones as ``simx models`` shows it: one flat record for each. Renders nothing."""

from collections.abc import Mapping, Sequence

import msgspec

from simx.models.backbone import Backbone, EmbeddingDims, EmbeddingGmacs, EmbeddingKind
from simx.models.catalogue import GFLOPS_COUNTS
from simx.models.ranges import Range, range_of


class ListedBackbone(msgspec.Struct, frozen=True, kw_only=True):
    """One backbone with its place in the tables and in the store.

    Figures are as in ``Backbone``; ``gflops_range`` is a label, None where no range holds the
    figure. ``embedding_dim`` is the length for the definition of the embedding that was asked for.
    ``path`` is the exported file, None where there is none; ``outdated`` says why an export made
    now would be another one, None where it would not.
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
    path: str | None
    outdated: str | None


class ListedExport(msgspec.Struct, frozen=True):
    """Where an export lies, and why it is outdated, if it is."""

    path: str
    outdated: str | None


def listing(
    backbones: Sequence[Backbone],
    ranges: Sequence[Range],
    embedding: EmbeddingKind,
    exports: Mapping[str, ListedExport],
) -> tuple[ListedBackbone, ...]:
    """Return one record for each backbone, in the order given.

    Args:
        backbones: What to list.
        ranges: The GFLOPS ranges that tables are grouped by.
        embedding: The definition of the embedding whose length is wanted.
        exports: What is exported, by ``Backbone.name``.
    """
    return tuple(
        _listed(backbone, ranges, embedding, exports.get(backbone.name)) for backbone in backbones
    )


def _listed(
    backbone: Backbone,
    ranges: Sequence[Range],
    embedding: EmbeddingKind,
    export: ListedExport | None,
) -> ListedBackbone:
    """Flatten one backbone."""
    place = range_of(backbone.gflops, ranges)
    preset = backbone.preset
    return ListedBackbone(
        model=backbone.model,
        weights=backbone.weights,
        default=backbone.default,
        family=backbone.family,
        gflops=backbone.gflops,
        gflops_counts=GFLOPS_COUNTS,
        gflops_range=place.label if place else None,
        params=backbone.params,
        acc1=backbone.acc1,
        acc5=backbone.acc5,
        file_size=backbone.file_size,
        license=backbone.license,
        url=backbone.url,
        crop=preset.crop,
        resize=preset.resize,
        interpolation=preset.interpolation,
        mean=preset.mean,
        std=preset.std,
        embedding_dim=backbone.embedding_dims.of(embedding),
        embedding_dims=backbone.embedding_dims,
        embedding_gmacs=backbone.embedding_gmacs,
        path=export.path if export else None,
        outdated=export.outdated if export else None,
    )
