"""Makes ``examples/origin.json``: the tables that simx began with, as a report of quoted figures.

    python scripts/make_origin.py           write the file
    python scripts/make_origin.py --check   compare; exit 1 where the two differ

``examples/origin_tables.csv`` is all it reads, and simx's catalogue for the families and for which
embedding a length belongs to. What the tables do not tell (threads, raw times, the machine's
software) is not in the report either.
"""

import argparse
import csv
import sys
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path

from simx import __version__
from simx.models.backbone import Backbone, EmbeddingKind
from simx.models.catalogue import load
from simx.models.pictures import COMPARED_IMAGES, Image
from simx.results.files.report import encode
from simx.results.schema.report import (
    Identity,
    Published,
    QuotedCell,
    QuotedMedian,
    Report,
    SchemaId,
    Similarity,
)
from simx.results.schema.times import Scope

FOLDER = Path(__file__).resolve().parent.parent / "examples"
TABLES = FOLDER / "origin_tables.csv"
TARGET = FOLDER / "origin.json"

SOURCE = (
    "the tables of the public repository similarity_comparative_analysis, "
    "measured on the GPU of an NVIDIA Jetson AGX Orin"
)
COPIED = "2026-11-24T00:00:00+00:00"
"""The day the figures were copied; the tables have no date."""

DECIMALS = 4
"""Of a millisecond and of a percent, in every table."""

NS_PER_MS = 1_000_000

SCOPES: Mapping[str, Scope] = {"embedding": "pipeline", "similarity": "similarity"}
"""Embedding times have the decoding in them: they triple for a large picture."""

Row = Mapping[str, str]


def main() -> int:
    """Write or check the report and return the process's exit status."""
    parser = argparse.ArgumentParser(description="Make the report of quoted figures.")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    options = parser.parse_args()
    content = encode(make(TABLES.read_text(encoding="utf-8")))
    if not options.check:
        TARGET.write_bytes(content)
        return 0
    if TARGET.read_bytes() == content:
        return 0
    print(f"{TARGET}: differs from what {TABLES.name} says; make it again", file=sys.stderr)
    return 1


def make(tables: str) -> Report:
    """Return the report.

    Args:
        tables: CSV with a row for each backbone; an empty field is a figure that nobody measured.

    Raises:
        KeyError: a backbone is not in the catalogue.
        ValueError: a figure is no number, a length is that of no embedding, or a figure has more
            digits than the report would keep.
    """
    backbones = {(backbone.model, backbone.weights): backbone for backbone in load()}
    rows = csv.DictReader(tables.splitlines())
    return Report(
        schema=SchemaId(),
        created=COPIED,
        simx=__version__,
        environment=None,
        config=None,
        canary=(),
        cells=tuple(_cell(row, backbones[row["model"], row["weights"]]) for row in rows),
        source=SOURCE,
    )


def _cell(row: Row, backbone: Backbone) -> QuotedCell:
    return QuotedCell(
        identity=Identity(
            model=backbone.model,
            weights=backbone.weights,
            embedding=_embedding(int(row["embedding_dim"]), backbone),
            backend="torch",
            provider="CUDAExecutionProvider",
            precision="fp32",
            batch=1,
            threads=None,
        ),
        catalogue=Published(
            family=backbone.family,
            gflops=float(row["gflops"]),
            acc1=float(row["acc1"]),
            acc5=float(row["acc5"]),
        ),
        weights_origin="pretrained",
        embedding_dim=int(row["embedding_dim"]),
        decimals=DECIMALS,
        similarity=Similarity(**{image: _percent(row, image) for image in COMPARED_IMAGES}),
        medians=tuple(_medians(row, COMPARED_IMAGES)),
    )


def _embedding(length: int, backbone: Backbone) -> EmbeddingKind:
    """Return which embedding has this length: the pooled one where it can be that."""
    kinds: tuple[EmbeddingKind, ...] = ("pooled", "flat")
    for kind in kinds:
        if backbone.embedding_dims.of(kind) == length:
            return kind
    raise ValueError(f"{backbone.name}: no embedding of it has {length} components")


def _percent(row: Row, image: Image) -> float | None:
    text = row[f"{image}_similarity_percent"]
    return float(_exact(text)) if text else None


def _medians(row: Row, images: Iterable[Image]) -> Iterable[QuotedMedian]:
    for name, scope in SCOPES.items():
        for image in images:
            if text := row[f"{image}_{name}_ms"]:
                yield QuotedMedian(scope=scope, image=image, ns=int(_exact(text) * NS_PER_MS))


def _exact(text: str) -> Decimal:
    """Read a figure of the tables, none of whose digits may get lost.

    Raises:
        ValueError: it is not quoted to ``DECIMALS``.
    """
    figure = Decimal(text)
    if figure.as_tuple().exponent != -DECIMALS:
        raise ValueError(f"{text}: is not quoted to {DECIMALS} decimals")
    return figure


if __name__ == "__main__":
    sys.exit(main())
