"""``simx models``: the backbones, and which of them are exported."""

from collections.abc import Sequence
from pathlib import Path

import click

from simx.cli import options
from simx.cli.output import output_option, show, tell_once
from simx.exporter.store.cache_key import outdated
from simx.exporter.store.lookup import best
from simx.exporter.store.store import Store
from simx.models.backbone import EmbeddingKind
from simx.models.catalogue import load
from simx.models.listing import ListedBackbone, ListedExport, listing
from simx.models.ranges import Range
from simx.models.selection import Selection
from simx.models.selection import select as select_backbones
from simx.report.content import Form
from simx.report.listing import ListColumn, Listing, listing_content

_COLUMNS = (
    ListColumn(name="model", heading="model", text=True),
    ListColumn(name="weights", heading="weights", text=True),
    ListColumn(name="family", heading="family", text=True),
    ListColumn(name="gflops_range", heading="range", text=True),
    ListColumn(name="gflops", heading="GFLOPS", unit="1e9 MACs"),
    ListColumn(name="params_millions", heading="parameters", unit="1e6"),
    ListColumn(name="acc1", heading="acc1", unit="%", decimals=2),
    ListColumn(name="acc5", heading="acc5", unit="%", decimals=2),
    ListColumn(name="crop", heading="input", unit="pixels"),
    ListColumn(name="embedding_dim", heading="embedding", unit="dimensions"),
    ListColumn(name="exported", heading="exported", text=True),
)


@click.command("models")
@options.select_argument
@options.gflops_option
@options.family_option
@options.embedding_option
@options.ranges_option
@options.store_option
@options.format_option
@output_option
def command(
    select: tuple[str, ...],
    gflops: tuple[Range, ...],
    family: tuple[str, ...],
    embedding: EmbeddingKind,
    ranges: tuple[Range, ...] | None,
    store: Path,
    format: Form,
    output: Path | None,
) -> None:
    """List backbones: all of them, or those that SELECT (a name or a glob, :weights) names."""
    chosen = select_backbones(Selection(names=select, ranges=gflops, families=family), load())
    exports = Store(store, tell_once())
    found = {
        backbone.name: ListedExport(str(entry.model_path), outdated(entry, backbone))
        for backbone in chosen
        if (entry := best(backbone, exports.held(backbone, embedding)))
    }
    listed = listing(chosen, options.ranges_or_default(ranges), embedding, found)
    show(listing_content(listed, _listing(listed)), format, output)


def _listing(listed: Sequence[ListedBackbone]) -> Listing:
    return Listing(columns=_COLUMNS, rows=tuple(_row(backbone) for backbone in listed), keys=2)


def _row(backbone: ListedBackbone) -> tuple[str | int | float | None, ...]:
    return (
        backbone.model,
        backbone.weights,
        backbone.family,
        backbone.gflops_range,
        backbone.gflops,
        backbone.params / 1e6,
        backbone.acc1,
        backbone.acc5,
        backbone.crop,
        backbone.embedding_dim,
        _exported(backbone),
    )


def _exported(backbone: ListedBackbone) -> str | None:
    if backbone.path is None:
        return None
    return "yes" if backbone.outdated is None else f"outdated: {backbone.outdated}"
