"""The tables that simx began with come back from their report, figure by figure and in words.

What is expected is worked out here from the CSV alone.
"""

import csv
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from rich.cells import cell_len

from simx.models.pictures import COMPARED_IMAGES
from simx.models.ranges import ranges_from_edges
from simx.report.blocks.document import Layout
from simx.report.content import Form, Screen, render
from simx.report.contents import report_content
from simx.report.words.findings import sentences
from simx.results.files.report import read
from simx.results.schema.report import QuotedCell, Report
from simx.results.summaries.derivation import by_range
from simx.results.summaries.findings import Extremes, Findings, Similar, findings
from simx.results.summaries.summary import BackboneSummary, RangeSummary

ROOT = Path(__file__).resolve().parent.parent
TABLES = ROOT / "examples" / "origin_tables.csv"
SCRIPT = ROOT / "scripts" / "make_origin.py"

EDGES = "0,1,4,7,9"
LAYOUTS: tuple[Layout, ...] = ("models", "origin")
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


def rows_of(label: str) -> list[Row]:
    return [row for row in ROWS if row["gflops_range"] == label]


def name(row: Row) -> str:
    return f"{row['model']}:{row['weights'].removeprefix('IMAGENET1K_')}"


def rendered(of: Report, form: Form, layout: Layout, width: int = 80) -> str:
    content = report_content([of], ranges_from_edges(EDGES), layout=layout)
    return render(content, form, Screen(width=width, detail=True))


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
    """Each in its range and in its model's or quantity's row, with all its digits."""
    output = rendered(origin, "table", layout, width)
    rows = dict(terminal_rows(output, layout))

    for (label, model, weights, section, title), text in expected(layout).items():
        row = (model, weights) if layout == "models" else (section, title)
        assert text in rows[label, *row], (label, row)
    assert max(map(cell_len, output.splitlines())) <= width


@pytest.mark.parametrize("layout", LAYOUTS)
def test_markdown_shows_every_figure_of_the_tables(origin: Report, layout: Layout) -> None:
    """The same figures, each under its own heading."""
    wanted = expected(layout)
    headings = {key[3:] for key in wanted}
    found = dict(markdown_figures(rendered(origin, "markdown", layout), layout))

    assert {key: text for key, text in found.items() if key[3:] in headings} == wanted


def terminal_rows(output: str, layout: Layout) -> Iterator[tuple[tuple[str, ...], set[str]]]:
    """Yield the words of each row of a range, whichever parts of its tables they are in."""
    rows: dict[tuple[str, ...], set[str]] = {}
    titles = {*TITLES.values(), "margin, %", "dimension", "GFLOPS, MACs", "acc1, %", "acc5, %"}
    for of_range in output.split("\nGFLOPS ")[1:]:
        label, section = of_range.split(" ")[0], ""
        for line in of_range.splitlines():
            if line in {*SECTIONS.values(), "embedding", "catalogue"}:
                section = line
            model, _, weights = line.partition(" ")[0].partition(":")
            title = next((each for each in titles if line.startswith(each)), None)
            if layout == "models" and weights:
                rows.setdefault((label, model, f"IMAGENET1K_{weights}"), set()).update(line.split())
            elif title is not None:
                rows.setdefault((label, section, title), set()).update(line.split())
    yield from rows.items()


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
        model, _, weights = column.partition(", ")[0].partition(":")
        section, _, title = key.rpartition(": ")
        return (model, f"IMAGENET1K_{weights}", section, title)
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


# The findings


def found_in(origin: Report, label: str) -> tuple[RangeSummary, Findings]:
    summaries = {each.label: each for each in by_range(origin, ranges_from_edges(EDGES))}
    summary = summaries[LABELS[label]]
    return summary, findings(summary)


def names(backbones: Sequence[BackboneSummary]) -> set[str]:
    return {f"{each.model}:{each.weights.removeprefix('IMAGENET1K_')}" for each in backbones}


def percents(found: Sequence[Similar]) -> dict[tuple[str, str], float]:
    return {(each.image, "".join(names([each.backbone]))): each.percent for each in found}


def having(rows: Sequence[Row], title: str, value: Decimal) -> set[str]:
    return {name(row) for row in rows if row[title] and Decimal(row[title]) == value}


def given(rows: Sequence[Row], title: str) -> list[Decimal]:
    return [Decimal(row[title]) for row in rows if row[title]]


@pytest.mark.parametrize("label", LABELS)
def test_the_smallest_times_are_those_of_the_tables(origin: Report, label: str) -> None:
    """Of each picture that was measured: the smallest median, whoever has it, and nobody tied."""
    rows = rows_of(label)
    wanted = {}
    for image in COMPARED_IMAGES:
        for scope, kind in (("pipeline", "embedding_ms"), ("similarity", "similarity_ms")):
            title = f"{image}_{kind}"
            if times := given(rows, title):
                best = min(times)
                wanted[scope, image] = (having(rows, title, best), int(best * 1_000_000))

    _, found = found_in(origin, label)

    assert wanted == {
        (each.scope, each.image): (names(each.leaders), each.time.median_ns)
        for each in found.smallest
    }
    assert not any(each.tied for each in found.smallest)


@pytest.mark.parametrize("label", LABELS)
def test_the_similarities_are_those_of_the_tables(origin: Report, label: str) -> None:
    """Those below 0, and of the positives those of 80 % and more and those that almost are."""
    similarities = {
        (image, name(row)): float(row[f"{image}_similarity_percent"])
        for row in rows_of(label)
        for image in COMPARED_IMAGES
        if row[f"{image}_similarity_percent"]
    }
    positives = {key: value for key, value in similarities.items() if key[0] == "positive"}

    _, found = found_in(origin, label)

    assert percents(found.negative) == {k: v for k, v in similarities.items() if v < 0}
    assert percents(found.high) == {k: v for k, v in positives.items() if v >= 80}
    assert percents(found.almost) == {k: v for k, v in positives.items() if 78 <= v < 80}
    assert (found.slower, found.differing) == ((), ())


@pytest.mark.parametrize("label", LABELS)
def test_the_extremes_are_those_of_the_tables(origin: Report, label: str) -> None:
    """Dimensions of all, and margins where the large negative was measured."""
    rows = rows_of(label)
    dimensions = given(rows, "embedding_dim")
    extremes = (min(dimensions), max(dimensions))
    margins = {
        name(row): Decimal(row["positive_similarity_percent"])
        - Decimal(row["negative_similarity_percent"])
        for row in rows
        if row["negative_similarity_percent"]
    }

    _, found = found_in(origin, label)

    assert found.dimension is not None
    assert ends(found.dimension) == (
        having(rows, "embedding_dim", extremes[0]),
        having(rows, "embedding_dim", extremes[1]),
    )
    assert [found.dimension.low, found.dimension.high] == [*map(int, extremes)]
    if margins:
        assert found.margin is not None
        assert ends(found.margin) == (
            {min(margins, key=margins.__getitem__)},
            {max(margins, key=margins.__getitem__)},
        )
    else:
        assert found.margin is None


def ends(found: Extremes) -> tuple[set[str], set[str]]:
    return names(found.lowest), names(found.highest)


SAID: Mapping[str, Sequence[str]] = {
    "0": (
        "alexnet:V1 has the smallest embedding inference time for the positive (22.9452 ms)",
        "efficientnet_b0:V1 (-1.8293 %) and efficientnet_b1:V2 (-3.1438 %) have a similarity below",
        "below 0 % with the negative.",
        "mobilenet_v3_large:V2 (81.3388 %), regnet_x_400mf:V2 (85.3203 %), regnet_x_800mf:V2",
        "regnet_y_800mf:V2 (80.5388 %) reach a similarity of 80 % with the positive;",
        "; mobilenet_v3_small:V1 (79.1964 %) almost does.",
        "regnet_x_400mf:V2 has the smallest dimension (400), shufflenet_v2_x2_0:V1 the largest",
    ),
    "1-3": (
        "resnet18:V1 has the smallest embedding inference time for the positive (35.5673 ms)",
        "efficientnet_b2:V1 (-4.1283 %) and efficientnet_b3:V1 (-14.1572 %) have a similarity",
        "below 0 % with the negative; efficientnet_b2:V1 (-5.7051 %) and efficientnet_b3:V1",
        "googlenet:V1 (83.2081 %), regnet_x_1_6gf:V2 (87.6996 %), regnet_x_3_2gf:V2 (85.1251 %)",
        "resnet18:V1 (89.4667 %) and resnet34:V1 (85.0670 %) reach a similarity of 80 % with",
        "resnet18:V1 and resnet34:V1 have the smallest dimension (512), densenet169:V1 the largest",
    ),
    "4-6": (
        "convnext_tiny:V1 has the smallest embedding inference time for the positive (57.4660 ms)",
        "convnext_tiny:V1 (81.8123 %), resnet50:V1 (90.6283 %), resnet50:V2 (90.5058 %) and ",
        "resnext50_32x4d:V2 (82.1966 %) reach a similarity of 80 % with the positive.",
        "convnext_tiny:V1, swin_t:V1 and swin_v2_t:V1 have the smallest dimension (768), ",
        "densenet201:V1 the largest (94080).",
    ),
    "7-8": (
        "vgg11_bn:V1 has the smallest embedding inference time for the positive (30.0901 ms) and",
        "and the resized negative (36.5844 ms).",
        "efficientnet_v2_s:V1 (80.8309 %), regnet_y_8gf:V2 (87.1618 %) and resnet101:V2",
        "; convnext_small:V1 (79.2268 %) almost does.",
        "convnext_small:V1 and swin_s:V1 have the smallest dimension (768), densenet161",
    ),
    "9-ongoing": (
        "vgg16:V1 has the smallest embedding inference time for the positive (49.5183 ms)",
        "regnet_x_16gf:V1 (85.6198 %) and wide_resnet50_2:V2 (81.8282 %) reach a similarity",
        "swin_v2_s:V1 has the smallest dimension (768), vgg16:V1 the largest (25088).",
    ),
}
"""What those who made the tables wrote below them, in simx's words."""


@pytest.mark.parametrize("label", LABELS)
def test_the_findings_are_those_written_below_the_tables(origin: Report, label: str) -> None:
    """The fastest, the negative, the high and almost high ones, smallest and largest dimension."""
    summary, _ = found_in(origin, label)
    text = " ".join(sentences(summary))

    assert [part for part in SAID[label] if part not in text] == []
    assert text.count("By the medians alone, ") == 2
