"""Which backbone to take: in words, in a table, and for programs."""

import csv
import io

import msgspec
import pytest

from simx.report.content import Form, Screen, render
from simx.report.contents import decision_content
from simx.results.schema.report import MeasuredCell, Report
from simx.results.summaries.selection_criteria import Limits, SelectionCriteria
from tests.report.samples import HOSTILE
from tests.results.builders import MS, failed, identity, measured, report


def cell(model: str, milliseconds: float, acc1: float, backend: str = "torch") -> MeasuredCell:
    made = measured(identity(model, backend=backend), milliseconds=milliseconds)
    return msgspec.structs.replace(
        made, catalogue=msgspec.structs.replace(made.catalogue, acc1=acc1)
    )


REPORT = report(
    cell("small", 1, 60),
    cell("middle", 5, 75),
    cell("large", 20, 85),
    cell("poor", 10, 70),
    cell("small", 2, 60, backend="ort"),
)


def shown(
    of: Report = REPORT,
    form: Form = "table",
    *,
    criteria: SelectionCriteria | None = None,
    width: int = 100,
) -> str:
    return render(
        decision_content([of], criteria or SelectionCriteria()), form, Screen(width=width)
    )


def limited(*, milliseconds: float | None = None, acc1: float | None = None) -> SelectionCriteria:
    latency = None if milliseconds is None else milliseconds * MS
    return SelectionCriteria(limits=Limits(max_latency_ns=latency, min_acc1=acc1))


def words(text: str) -> str:
    """Return text on one line, however it was wrapped."""
    return " ".join(text.split())


def test_a_latency_of_a_single_launch_is_marked() -> None:
    """In the table, with a note on how it was compared."""
    text = words(shown(report(measured(identity("giant"), milliseconds=2000, few_calls=True))))

    assert "giant:V1 2000†" in text
    assert "† latencies without an interval are compared as they stand" in text


def test_the_table_says_where_it_looked_and_shows_the_front_alone() -> None:
    """The heading names backend and provider; what is beaten has no row."""
    text = shown()
    rows = [line.split()[0] for line in text.splitlines() if ":V1 " in line and "±" in line]

    assert text.startswith("Which backbone to take on torch cpu, by forward latency")
    assert rows[:3] == ["small:V1", "middle:V1", "large:V1"]
    assert "poor" not in text
    assert "unbeaten: 3 of 4" in text


@pytest.mark.parametrize(
    ("criteria", "answer"),
    [
        (SelectionCriteria(), "Nothing beats these 3 of 4 on torch cpu: from small:V1 (1.0"),
        (limited(milliseconds=6), "Take middle:V1 (5.00"),
        (limited(milliseconds=6), "of the 2 unbeaten ones on torch cpu that keep 6 ms, it is the"),
        (limited(acc1=75), "that keep an acc1 of 75 %, none is measurably faster."),
        (limited(acc1=80), "on torch cpu, nothing else that is unbeaten keeps an acc1 of 80 %."),
        (limited(milliseconds=6, acc1=75), "nothing else that is unbeaten keeps 6 ms with an acc1"),
        (limited(milliseconds=2, acc1=80), "known to keep 2 ms with an acc1 of 80 %; nearest is"),
        (limited(milliseconds=2, acc1=80), "nearest is large:V1 (20.0"),
        (limited(milliseconds=2, acc1=80), "%, 85.00 %) and small:V1 (1.0"),
    ],
)
def test_the_answer_is_one_sentence(criteria: SelectionCriteria, answer: str) -> None:
    """What to take and why, or what comes nearest."""
    assert answer in words(shown(criteria=criteria))


def test_a_single_backbone_needs_no_limits_to_be_taken() -> None:
    """One that comes out ahead of all others is the answer by itself."""
    only = report(cell("small", 1, 90), cell("large", 20, 85))

    assert "nothing measured on torch cpu equals it." in words(shown(only))


@pytest.mark.parametrize("form", ["table", "markdown"])
def test_what_is_labelled_in_the_tables_is_labelled_here(form: Form) -> None:
    """Random weights, accuracies that are the catalogue's, failures."""
    random = msgspec.structs.replace(cell("small", 1, 60), weights_origin="random")
    text = words(shown(report(random, failed(identity("broken"))), form))

    assert "85.96°" in text
    assert "° random weights: the margin has no meaning for the pictures and is left out" in text
    assert "acc1 is torchvision's published figure for the pretrained weights" in text
    assert "left out, without such a latency there: broken:V1" in text


def test_nothing_to_decide_is_said() -> None:
    """A report all of whose cells failed there has no table."""
    text = shown(report(failed(identity("broken"))))

    assert (
        "No backbone has a forward latency on torch cpu; --latency-of chooses another one." in text
    )


def test_csv_has_a_row_for_every_backbone_best_first() -> None:
    """Programs see the beaten ones as well, and which they are."""
    rows = list(csv.DictReader(io.StringIO(shown(form="csv", criteria=limited(milliseconds=6)))))

    assert [(row["model"], row["rank"], row["unbeaten"], row["keeps_limits"]) for row in rows] == [
        ("middle", "1", "yes", "yes"),
        ("small", "2", "yes", "yes"),
        ("large", "", "yes", "no"),
        ("poor", "", "no", "no"),
    ]
    assert float(rows[0]["ci_low_ms"]) < float(rows[0]["latency_ms"]) < float(rows[0]["ci_high_ms"])


@pytest.mark.parametrize(
    ("criteria", "take", "nearest"),
    [
        (SelectionCriteria(), None, []),
        (limited(acc1=75), "middle:IMAGENET1K_V1", []),
        (limited(acc1=99), None, ["large:IMAGENET1K_V1"]),
    ],
)
def test_json_names_what_to_take(
    criteria: SelectionCriteria, take: str | None, nearest: list[str]
) -> None:
    """Without limits there is no single answer, and where nothing fits there is none."""
    document = msgspec.json.decode(shown(form="json", criteria=criteria))

    assert (document["take"], document["nearest"]) == (take, nearest)
    assert len(document["backbones"]) == 4
    assert document["answer"] in words(shown(criteria=criteria, width=500))


def test_several_decisions_are_shown_in_the_report_s_order() -> None:
    """One for each target that is named; as JSON they are a list."""
    criteria = SelectionCriteria(backends=("ort", "torch"))
    documents = msgspec.json.decode(shown(form="json", criteria=criteria))
    text = shown(criteria=criteria)

    assert [document["backend"] for document in documents] == ["torch", "ort"]
    assert text.index("to take on torch cpu") < text.index("to take on ort cpu")


@pytest.mark.parametrize("width", [60, 80])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    """Nothing wraps by itself."""
    assert max(map(len, shown(criteria=limited(acc1=75), width=width).splitlines())) <= width


def test_names_from_elsewhere_are_text() -> None:
    """Neither a terminal, nor Markdown, nor a spreadsheet takes a model's name for anything."""
    of = report(cell(HOSTILE, 1, 60))

    assert "\x1b" not in shown(of)
    assert "&lt;b&gt;&amp;" in shown(of, "markdown")
    assert ",'=cmd|'/c calc'!A1" in shown(of, "csv")
