"""What ``simx diff`` shows, in every format."""

import csv as standard_csv
import io
import json as standard_json
from typing import get_args

import msgspec
import pytest

from simx.report.blocks.comparison import READABLE_CELLS, Show
from simx.report.content import Form, Screen, render
from simx.report.contents import comparison_content
from simx.report.formats.comparison_csv import HEADER
from simx.results.comparison.digest import CellDigest
from simx.results.comparison.outcome import Comparison, Unjudged
from tests.report.samples import HOSTILE
from tests.results.builders import failed, identity
from tests.results.comparison.builders import (
    LATER,
    Times,
    cell,
    compared,
    digest,
    without_times,
)
from tests.results.comparison.unjudged import NAME, with_one


def mixed() -> Comparison:
    """Return a comparison with one of everything."""
    wide: Times = {("pipeline", "negative"): [80.0, 81.0, 79.0, 80.0, 80.5]}
    slow: Times = {("pipeline", "negative"): [120.0, 121.0, 119.0, 120.0, 120.5]}
    threads = msgspec.structs.replace(identity("vgg13"), threads=4)
    flat = msgspec.structs.replace(without_times(identity("vgg16")), embedding_dim=2048)
    base = digest(
        cell("alexnet", times=wide),
        cell("resnet18"),
        cell("vgg11"),
        cell("vgg13"),
        cell("vgg16"),
        cell("vgg19"),
        canary_ns=1000.0,
    )
    new = digest(
        cell("alexnet", 50.05, times=slow),
        cell("resnet18", 60),
        CellDigest(cell=failed(identity("vgg11"), reason="no memory"), times=()),
        cell("vgg13", its=threads),
        cell(of=flat, milliseconds=40),
        cell("vgg11_bn"),
        canary_ns=1020.0,
        created=LATER,
    )
    return compared(base, new)


def many(count: int) -> Comparison:
    names = [f"model{place}" for place in range(count)]
    base = digest(*(cell(name) for name in names))
    new = digest(*(cell(name, 60 if name == "model7" else 50) for name in names), created=LATER)
    return compared(base, new)


def shown(*of: Comparison, form: Form = "table", width: int = 80, show: Show = "auto") -> str:
    return render(comparison_content(of, show), form, Screen(width=width))


def test_the_table_says_everything() -> None:
    """Verdicts, regressions, what was let be, and what was not compared and why."""
    text = " ".join(shown(mixed()).split())

    assert "regression: resnet18:V1 on torch cpu +20.0 %; 2 cells with a verdict" in text
    assert "the canary on torch cpu was 2 % slower in the new run" in text
    assert "threads 2 → 4 (compare with --allow threads): vgg13:V1 on torch cpu" in text
    assert "vgg11:V1 on torch cpu failed in new at load: no memory" in text
    assert "only in base: vgg19:V1 on torch cpu" in text
    assert "only in new: vgg11_bn:V1 on torch cpu" in text
    assert "vgg16:V1 torch cpu embedding dimension 512 2048" in text
    assert "embedding, negative" in text
    assert "--repeat REPORT" in text


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    """Whatever a comparison holds."""
    assert max(map(len, shown(mixed(), width=width).splitlines())) <= width


def test_markdown_has_the_tables_and_the_words() -> None:
    """Headings, pipe tables and paragraphs."""
    text = shown(mixed(), form="markdown")

    assert text.startswith("## old.json → new.json\n")
    assert "| resnet18:V1 | torch cpu | 50.0 | 60.0 | +20.0 |" in text
    assert "**regression: resnet18:V1 on torch cpu +20.0 %; 2 cells with a verdict: " in text


def test_json_holds_all_of_it() -> None:
    """A program gets what was found, figures as figures; several comparisons are a list."""
    found = standard_json.loads(shown(mixed(), form="json"))
    several = shown(mixed(), mixed(), form="json")

    (change,) = [
        change
        for of_range in found["ranges"]
        for each in of_range["cells"]
        if each["new"]["model"] == "resnet18"
        for change in each["changes"]
    ]
    assert change["ratio"] == pytest.approx(1.2)
    assert (change["verdict"], change["gated"]) == ("slower", True)
    assert len(standard_json.loads(several)) == 2


def test_csv_has_a_row_for_everything() -> None:
    """Each time of each cell, and each cell that was not compared, with the reason."""
    rows = list(standard_csv.DictReader(io.StringIO(shown(mixed(), form="csv"))))
    by_status = {row["status"]: row for row in rows}
    (resnet,) = [row for row in rows if row["model"] == "resnet18"]

    assert tuple(rows[0]) == HEADER
    assert (resnet["status"], resnet["scope"], resnet["gated"]) == ("slower", "forward", "true")
    assert float(resnet["ratio"]) == pytest.approx(1.2)
    assert by_status["not comparable"]["note"] == "threads 2 → 4"
    assert by_status["failed"]["note"] == "in new at load: no memory"
    assert by_status["only in base"]["model"] == "vgg19"
    assert by_status["only in new"]["model"] == "vgg11_bn"
    assert by_status["changed"]["note"] == "embedding dimension: 512 → 2048"


@pytest.mark.parametrize("reason", get_args(Unjudged))
def test_what_has_no_verdict_is_counted_in_the_first_and_the_last_line(reason: Unjudged) -> None:
    """In one paragraph, by its reason, beside the cells that have a verdict."""
    title, first, *_, last = shown(with_one(reason, cell("alexnet")), width=200).splitlines()[1:]
    alone = shown(with_one(reason), form="markdown").strip().split("\n\n")
    seen = " (slowdowns show from 25.0 %)" if reason == "undecided" else ""

    assert title == ""
    assert first == last
    assert (
        first
        == f"no regression; 1 cell with a verdict: 1 equal; without a verdict: 1 {reason}{seen}"
    )
    assert alone[1] == alone[-1] == f"**no cell has a verdict: 1 {reason}{seen}**"


@pytest.mark.parametrize("reason", get_args(Unjudged))
def test_what_has_no_verdict_is_in_the_forms_for_programs(reason: Unjudged) -> None:
    """JSON counts it by its reason, and CSV has it as a row."""
    found = with_one(reason, cell("alexnet"))
    json = standard_json.loads(shown(found, form="json"))
    rows = standard_csv.DictReader(io.StringIO(shown(found, form="csv")))
    texts = {f"{row['status']} {row['note']}" for row in rows if row["model"] == NAME}
    side = {"failed in both": "in base at load"}.get(reason, reason.removeprefix("failed "))

    assert json["judged"] == 1
    assert [(each["reason"], len(each["cells"])) for each in json["unjudged"]] == [(reason, 1)]
    assert any(reason in text or ("failed" in text and side in text) for text in texts)


def test_similarities_are_in_microseconds() -> None:
    """As in every other table."""
    of = cell(times={("similarity", "positive"): [0.025] * 5, ("host", None): [50.0] * 5})
    new = cell(times={("similarity", "positive"): [0.075] * 5, ("host", None): [90.0] * 5})
    text = shown(compared(digest(of), digest(new, created=LATER)), form="markdown")

    assert "| model | backend | time | base, ms | new, ms |" in text
    assert "| resnet18:V1 | torch cpu | host | 50.0 | 90.0 |" in text
    assert "| model | backend | time | base, µs | new, µs |" in text
    assert "| resnet18:V1 | torch cpu | similarity, positive | 25.0 | 75.0 |" in text


def test_few_cells_are_all_shown_and_many_are_not() -> None:
    """Of many, what changed has a row; the rest is counted, and nothing is lost."""
    few, lots = shown(many(READABLE_CELLS)), shown(many(READABLE_CELLS + 1))

    assert few.count("model") >= READABLE_CELLS
    assert "model7:V1" in lots
    assert "model8:V1" not in lots
    assert f"not shown: {READABLE_CELLS} undecided, where slowdowns show from 11.9 %" in lots
    assert "(--show all has them)" in " ".join(lots.split())
    assert "model8:V1" in shown(many(READABLE_CELLS + 1), show="all")
    assert "model8:V1" not in shown(many(9), show="changes")


@pytest.mark.parametrize("form", ["table", "markdown", "csv"])
def test_text_from_reports_is_harmless(form: Form) -> None:
    """Neither escape codes nor markup nor formulas of theirs come through."""
    hostile = identity(HOSTILE)
    base = digest(
        cell(its=hostile), CellDigest(cell=failed(identity("x"), reason=HOSTILE), times=())
    )
    new = digest(cell(its=hostile, milliseconds=70), cell("x"), created=LATER)
    text = shown(compared(base, new), form=form)

    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\u202e" not in text
    if form == "markdown":
        assert "<b>" not in text
    if form == "csv":
        assert not any(
            value.startswith(("=", "+", "-", "@"))
            for row in standard_csv.reader(io.StringIO(text))
            for value in row
        )


def test_nothing_comparable_is_said() -> None:
    """It is no success and does not look like one."""
    threads = msgspec.structs.replace(identity(), threads=4)
    text = shown(compared(digest(cell()), digest(cell(its=threads), created=LATER)))

    assert "no cell has a verdict: 1 not comparable" in text
    assert "no regression" not in text


def test_cells_of_a_sweep_are_told_apart() -> None:
    """By the setting that differs; each is compared with the same one on the other side."""
    base, new = (
        digest(
            *(cell(its=identity(batch=batch), milliseconds=50 * batch) for batch in batches),
            created=created,
        )
        for batches, created in (((1, 8), ""), ((8, 1), LATER))
    )
    text = " ".join(shown(compared(base, new)).split())

    assert "resnet18:V1, batch 1 " in text
    assert "resnet18:V1, batch 8 " in text
    assert "0.0" in text
    assert "2 threads" not in text
