"""The tables that simx began with come back from their report, figure by figure.

What is expected is worked out here from the CSV alone.
"""

import csv
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from rich.cells import cell_len

from simx.models.ranges import ranges_from_edges
from simx.report.formats import render
from simx.report.options import LAYOUTS, Layout, Options
from simx.results.file import read
from simx.results.schema import COMPARED_IMAGES, QuotedCell, Report

ROOT = Path(__file__).resolve().parent.parent
TABLES = ROOT / "examples" / "origin_tables.csv"
SCRIPT = ROOT / "scripts" / "make_origin.py"

EDGES = "0,1,4,7,9"
LABELS = {"0": "0", "1-3": "1-3", "4-6": "4-6", "7-8": "7-8", "9-ongoing": "9+"}
"""How the tables call their ranges, and how simx does."""

Row = Mapping[str, str]
Figures = dict[tuple[str, ...], str]
"""Figures as they are printed, by range, model, weights, group and name."""

ROWS: Sequence[Row] = list(csv.DictReader(TABLES.read_text(encoding="utf-8").splitlines()))
SHORT = {"positive": "positive", "negative": "negative", "negative_resized": "resized"}
SECTIONS = {
    "positive": "positive (with the anchor)",
    "negative": "negative",
    "negative_resized": "negative, resized",
}
TITLES = {
    "embedding_ms": "embedding inference time, ms",
    "similarity_ms": "similarity inference time, ms",
    "similarity_percent": "similarity, %",
}


@pytest.fixture(scope="module")
def origin() -> Report:
    return read(ROOT / "examples" / "origin.json")


def rendered(of: Report, form: str, layout: Layout, width: int = 80) -> str:
    options = Options(ranges=ranges_from_edges(EDGES), width=width, layout=layout)
    return render([of], form, options)


# The report


def test_the_tables_are_those_that_were_published() -> None:
    """The copy is the one whose provenance is stated, to the byte."""
    stated = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")

    assert len(ROWS) == 49
    assert hashlib.sha256(TABLES.read_bytes()).hexdigest() in stated


def test_the_report_is_what_the_script_makes_of_the_tables() -> None:
    """Nothing in it was written by hand."""
    checked = subprocess.run(
        [sys.executable, SCRIPT, "--check"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_what_the_tables_do_not_tell_is_not_in_the_report(origin: Report) -> None:
    """Neither a machine nor a number of threads, and no median without a figure behind it."""
    medians = [median for cell in origin.cells for median in quoted(cell).medians]
    times = [row[f"{image}_{kind}"] for row in ROWS for image in SHORT for kind in TITLES]
    percents = [row[f"{image}_similarity_percent"] for row in ROWS for image in SHORT]

    assert origin.source is not None
    assert "similarity_comparative_analysis" in origin.source
    assert (origin.environment, origin.config, origin.canary) == (None, None, ())
    assert {cell.identity.threads for cell in origin.cells} == {None}
    assert len(medians) == sum(map(bool, times)) - sum(map(bool, percents))


def test_embeddings_are_of_the_kind_their_length_says(origin: Report) -> None:
    """A length is the pooled embedding's where it can be, and otherwise the flat one's."""
    kinds = {cell.identity.model: cell.identity.embedding for cell in origin.cells}

    assert kinds["alexnet"] == kinds["vgg16"] == kinds["resnet50"] == "pooled"
    assert {model for model, kind in kinds.items() if kind == "flat"} == {
        row["model"]
        for row in ROWS
        if row["model"].startswith(("mnasnet", "mobilenet_v2", "shuffle", "squeeze", "densenet"))
    }


def quoted(cell: object) -> QuotedCell:
    assert isinstance(cell, QuotedCell)
    return cell


# The tables


def expected(layout: Layout) -> Figures:
    """Return every figure of the CSV as a table prints it, and the margin that follows of two."""
    figures: Figures = {}
    for row in ROWS:
        key = (LABELS[row["gflops_range"]], row["model"], row["weights"])
        for image in COMPARED_IMAGES:
            for kind, title in TITLES.items():
                place = (title, SHORT[image]) if layout == "models" else (SECTIONS[image], title)
                if text := row[f"{image}_{kind}"]:
                    figures[*key, *place] = text
        if row["negative_similarity_percent"]:
            margin = Decimal(row["positive_similarity_percent"])
            margin -= Decimal(row["negative_similarity_percent"])
            models = layout == "models"
            place = ("similarity, %", "margin") if models else ("negative", "margin, %")
            figures[*key, *place] = str(margin)
        figures[*key, "embedding", "dimension"] = row["embedding_dim"]
        figures[*key, "catalogue", "GFLOPS, MACs"] = f"{float(row['gflops']):.2f}"
        figures[*key, "catalogue", "acc1, %"] = f"{float(row['acc1']):.3f}"
        figures[*key, "catalogue", "acc5, %"] = f"{float(row['acc5']):.3f}"
    return figures


@pytest.mark.parametrize("width", [80, 200])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_terminal_shows_every_figure_of_the_tables(
    origin: Report, layout: Layout, width: int
) -> None:
    """Each in its range, for its model, under its heading, with the digits it was quoted with."""
    output = rendered(origin, "table", layout, width)

    assert dict(terminal_figures(output, layout)) == expected(layout)
    assert max(map(cell_len, output.splitlines())) <= width


@pytest.mark.parametrize("layout", LAYOUTS)
def test_markdown_shows_every_figure_of_the_tables(origin: Report, layout: Layout) -> None:
    """The same figures under the same headings."""
    assert dict(markdown_figures(rendered(origin, "markdown", layout), layout)) == expected(layout)


def terminal_figures(output: str, layout: Layout) -> Iterator[tuple[tuple[str, ...], str]]:
    """Read the tables back by the places of their columns, which the rules mark."""
    for section in output.split("\nGFLOPS ")[1:]:
        label = section.split(" ")[0]
        for part in section.split("\n\n"):
            lines = part.splitlines()
            rules = [place for place, line in enumerate(lines) if is_rule(line)]
            if rules:
                heading, body = lines[: rules[-1] + 1], lines[rules[-1] + 1 :]
                read_part = models_part if layout == "models" else origin_part
                yield from (((label, *key), text) for key, text in read_part(heading, body))


def is_rule(line: str) -> bool:
    return bool(line.strip()) and not line.replace("\N{BOX DRAWINGS LIGHT HORIZONTAL}", "").strip()


def spans(rule: str) -> list[slice]:
    return [slice(*match.span()) for match in re.finditer(r"\S+", rule)]


def models_part(
    heading: Sequence[str], body: Sequence[str]
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the figures of a part with models as rows: a group, its rule, columns, their rules."""
    above = next(place for place, line in enumerate(heading) if is_rule(line))
    groups = [
        (span, " ".join(line[span].strip() for line in heading[:above]).strip())
        for span in spans(heading[above])
    ]
    for span in spans(heading[-1]):
        names = [line[span].strip() for line in heading[above + 1 : -1]]
        column = ", ".join(part for part in names if part)
        group = [text for of, text in groups if of.start <= span.start and span.stop <= of.stop]
        for line in body if group else ():
            model, _, weights = line.split()[0].partition(":")
            if text := figure(line[span]):
                yield (model, f"IMAGENET1K_{weights}", *group, column), text


def origin_part(
    heading: Sequence[str], body: Sequence[str]
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the figures of a part with models as columns: their names take one line or two."""
    labels, *columns = spans(heading[-1])
    for span in columns:
        *names, weights = [text for line in heading[:-1] if (text := line[span].strip())]
        model, section = "".join(names), ""
        for line in body:
            if not line.startswith(" "):
                section = line
            elif text := figure(line[span]):
                key = (model, f"IMAGENET1K_{weights.split()[0]}", section, line[labels].strip())
                yield key, text


def figure(text: str) -> str:
    return text.strip().strip("\N{EN DASH}")


def markdown_figures(output: str, layout: Layout) -> Iterator[tuple[tuple[str, ...], str]]:
    """Read the pipe tables back."""
    for section in output.split("\n## GFLOPS ")[1:]:
        label, head = section.split(" ")[0], list[str]()
        for line in section.splitlines():
            fields = [field.strip() for field in line.strip("|").split("|")]
            if not line.startswith("|"):
                head = []
            elif not head:
                head = fields
            elif not line.startswith("| ---"):
                yield from (
                    ((label, *markdown_key(column, fields[0], layout)), text)
                    for column, text in zip(head[1:], fields[1:], strict=True)
                    if column != "embedding" and figure(text)
                )


def markdown_key(column: str, key: str, layout: Layout) -> tuple[str, ...]:
    if layout == "origin":
        model, _, weights = column.partition(", ")
        section, _, title = key.rpartition(": ")
        return (model, f"IMAGENET1K_{weights.split()[0]}", section, title)
    model, _, weights = key.partition(":")
    return (model, f"IMAGENET1K_{weights}", *column.split("<br>"))


def test_csv_has_every_figure_of_the_tables(origin: Report) -> None:
    """One row for each, and no other; times keep their digits."""
    scopes = {"embedding_ms": "pipeline", "similarity_ms": "similarity"}
    wanted: Figures = {}
    for row in ROWS:
        key = (row["model"], row["weights"])
        for image in COMPARED_IMAGES:
            for kind, scope in scopes.items():
                wanted[*key, scope, image] = row[f"{image}_{kind}"]
            percent = row[f"{image}_similarity_percent"]
            wanted[*key, "similarity_percent", image] = percent and f"{float(percent):g}"
        for figure_name in ("embedding_dim", "gflops", "acc1", "acc5"):
            wanted[*key, figure_name, ""] = f"{float(row[figure_name]):.9g}"

    lines = csv.DictReader(rendered(origin, "csv", "models").splitlines())
    found = {
        (line["model"], line["weights"], line["scope"], line["image"]): line["median"]
        for line in lines
    }

    assert found == {key: text for key, text in wanted.items() if text}
