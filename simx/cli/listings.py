"""The lists of ``models`` and ``export``: records as JSON, or as columns for people and CSV."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from simx.cli.output import emit, wants_color, width
from simx.report.formats.json_text import json_document
from simx.report.formats.listing import LISTING_FORMATS, Listing


def show(
    records: Sequence[msgspec.Struct], listing: Listing, format_name: str, output: Path | None
) -> None:
    """Write a list where it belongs: its records as JSON, or its columns in another format."""
    if format_name == "json":
        emit(json_document(records), output)
        return
    render = LISTING_FORMATS[format_name]
    emit(render(listing, width=width(), color=wants_color(output)), output)
