"""``simx report``: render reports again."""

from pathlib import Path

import click

from simx.cli import options
from simx.cli.output import emit, output_option, wants_color, width
from simx.errors import InputError
from simx.models.ranges import Range
from simx.report.options import Layout, Options


@click.command("report")
@click.argument("reports", nargs=-1, metavar="[REPORT]...", type=click.Path(path_type=Path))
@click.option("--schema", is_flag=True, help="Print the JSON Schema of a report instead.")
@options.layout_option
@options.ranges_option
@options.format_option
@output_option
def command(
    reports: tuple[Path, ...],
    schema: bool,
    layout: Layout,
    ranges: tuple[Range, ...] | None,
    format: str,
    output: Path | None,
) -> None:
    """Render REPORTs: tables per GFLOPS range, as bench printed them or in another form."""
    # Heavy: numpy and scipy, which --help does not need.
    from simx.report.formats import render  # noqa: PLC0415
    from simx.results.file import read, schema_json  # noqa: PLC0415

    if schema:
        emit(schema_json().decode(), output)
        return
    if not reports:
        raise InputError("report: name at least one report file; simx bench writes them")
    rendering = Options(
        ranges=options.ranges_or_default(ranges),
        width=width(),
        layout=layout,
        color=wants_color(output),
    )
    emit(render([read(path) for path in reports], format, rendering), output)
