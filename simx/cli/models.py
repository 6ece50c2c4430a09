"""``simx models``: the backbones, and which of them are exported."""

from pathlib import Path

import click

from simx.cli import options
from simx.cli.output import force_option, output_option, require_output, show, tell_once
from simx.exporter.store.cache_key import outdated
from simx.exporter.store.lookup import best
from simx.exporter.store.remote import opened_store
from simx.models.backbone import EmbeddingKind
from simx.models.catalogue import licence_notes, load
from simx.models.listing import ListedBackbone, ListedExport, listing
from simx.models.ranges import Range
from simx.models.selection import Selection
from simx.models.selection import select as select_backbones
from simx.report.content import Form
from simx.report.listing import ListColumn, listing_content

_COLUMNS: tuple[ListColumn[ListedBackbone], ...] = (
    ListColumn("model", lambda of: of.model, text=True),
    ListColumn("weights", lambda of: of.weights, text=True),
    ListColumn("family", lambda of: of.family, text=True),
    ListColumn("gflops_range", lambda of: of.gflops_range, "range", text=True),
    ListColumn("gflops", lambda of: of.gflops, "GFLOPS", "1e9 MACs"),
    ListColumn("params_millions", lambda of: of.params / 1e6, "parameters", "1e6"),
    ListColumn("acc1", lambda of: of.acc1, unit="%"),
    ListColumn("acc5", lambda of: of.acc5, unit="%"),
    ListColumn("crop", lambda of: of.crop, "input", "pixels"),
    ListColumn("embedding_dim", lambda of: of.embedding_dim, "embedding", "dimensions"),
    ListColumn(
        "exported",
        lambda of: of.path and (f"outdated: {of.outdated}" if of.outdated else "yes"),
        text=True,
    ),
    ListColumn("weights_origin", lambda of: of.weights_origin, "its weights", text=True),
)


_HELP = """
List all backbones, or those that SELECT names.

SELECT is a name or a glob, with :weights for other weights than the default. Names of timm begin
with timm: and have a dot before the weights, as in timm:resnet50.a1_in1k.
"""


@click.command("models", help=_HELP)
@options.select_argument
@options.gflops_option
@options.family_option
@options.embedding_option
@options.ranges_option
@options.store_option
@options.format_option
@output_option
@force_option
def command(
    select: tuple[str, ...],
    gflops: tuple[Range, ...],
    family: tuple[str, ...],
    embedding: EmbeddingKind,
    ranges: tuple[Range, ...],
    store: str,
    format: Form,
    output: Path | None,
    force: bool,
) -> None:
    """Run ``simx models``."""
    chosen = select_backbones(Selection(names=select, ranges=gflops, families=family), load())
    exports = opened_store(store, tell_once())
    require_output(output, format, exports.folders, force=force)
    found = {
        backbone.name: ListedExport(
            str(entry.model_path),
            outdated(entry, backbone),
            entry.manifest.identity.weights_origin,
        )
        for backbone in chosen
        if (entry := best(backbone, exports.held(backbone, embedding)))
    }
    listed = listing(chosen, ranges, embedding, found)
    notes = licence_notes((each.model, each.weights) for each in listed)
    show(listing_content(listed, _COLUMNS, keys=2, notes=notes), format, output)
