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
from tests.results.evaluations import evaluation, timed


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
        (limited(acc1=80), "nothing else that is unbeaten on torch cpu keeps an acc1 of 80 %."),
        (
            limited(milliseconds=6, acc1=75),
            "nothing else that is unbeaten on torch cpu keeps 6 ms with an acc1",
        ),
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


ON_PICTURES = evaluation()
GOOD, GOOD_ORT, BAD, _ = ON_PICTURES.cells
JOINED = report(timed(GOOD, 20), timed(GOOD_ORT, 5), timed(BAD, 1))


def recalled(milliseconds: float | None = None, recall: float | None = None) -> SelectionCriteria:
    latency = None if milliseconds is None else milliseconds * MS
    return SelectionCriteria(limits=Limits(max_latency_ns=latency, min_recall=recall))


def on_pictures(criteria: SelectionCriteria, form: Form = "markdown", of: Report = JOINED) -> str:
    return render(decision_content([of], criteria, ON_PICTURES), form, Screen(width=500))


@pytest.mark.parametrize(
    ("criteria", "answer"),
    [
        (SelectionCriteria(), "Nothing beats these 3 of 3: from badnet:V1 on torch cpu (1.0"),
        (SelectionCriteria(), "to goodnet:V1 on torch cpu (20.0"),
        (SelectionCriteria(), "The fastest is 37.5 (31.2 to 43.8) points of mAP@R behind goodnet"),
        (recalled(10, 0.7), "Take goodnet:V1 on ort cpu (5.0"),
        (recalled(10, 0.7), "Recall@1 79.4 %, 76.2 to 82.5): nothing else that is unbeaten keeps"),
        (
            recalled(10, 0.7),
            "keeps 10 ms with a Recall@1 of 70 %. Its 95 % intervals lie wholly",
        ),
        (recalled(10, 0.7), "It is 3.1 (-6.2 to 12.5) points of mAP@R behind goodnet:V1 on torch"),
        (recalled(10, 0.7), "cpu, which has the best and takes 20.0"),
        (recalled(10, 0.7), "; the two cannot be told apart."),
        (recalled(30), "it is the fastest of those that cannot be told apart from the most accur"),
        (
            recalled(30, 0.79),
            "It has the best mAP@R of all that were evaluated. Whether goodnet:V1",
        ),
        (recalled(30, 0.79), "on ort cpu keeps that cannot be told: an interval reaches across"),
        (recalled(10, 0.8), "Nothing is known to keep 10 ms with a Recall@1 of 80 %; nearest is"),
    ],
)
def test_the_answer_on_pictures_says_how_sure_it_is_and_what_it_costs(
    criteria: SelectionCriteria, answer: str
) -> None:
    """With the intervals of latency and of Recall@1, and the paired ones of the difference."""
    document = msgspec.json.decode(on_pictures(criteria, "json"))

    assert answer in document["answer"]


def test_the_table_on_pictures_has_the_front_with_what_is_known_of_the_limits() -> None:
    """Kept, missed, or neither."""
    lines = on_pictures(recalled(10, 0.79)).splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")][2:]

    assert [(row[0], row[1], row[-1]) for row in rows] == [
        ("goodnet:V1", "ort cpu", "cannot be told"),
        ("goodnet:V1", "torch cpu", "missed"),
        ("badnet:V1", "torch cpu", "missed"),
    ]
    assert rows[0][3:6] == ["79.4 (76.2 to 82.5)", "59.4 (56.2 to 62.5)", "3.1 (-6.2 to 12.5)"]


@pytest.mark.parametrize(
    "note",
    [
        "accuracies are those of the evaluation of 2026-01-05T12:00:00+00:00",
        "with at least its mAP@R and the lower end of its Recall@1",
        "left out, not in the evaluation: resnet18:V1 on torch cpu",
        "left out, not in the latency report: badnet:V1 on torch cpu",
        "measured with Other CPU and Example CPU and torch 2.0 and 2.14.1; accuracies can differ",
    ],
)
def test_what_was_joined_is_said(note: str) -> None:
    """Also what either file lacks, and where the machines differ."""
    found = report(timed(GOOD, 20), timed(GOOD_ORT, 5), measured())
    assert found.environment is not None
    elsewhere = msgspec.structs.replace(
        found.environment, cpu="Other CPU", libraries={"torch": "2.0", "onnxruntime": "1.32.0"}
    )
    found = msgspec.structs.replace(found, environment=elsewhere)
    text = render(
        decision_content([found], SelectionCriteria(), ON_PICTURES), "table", Screen(width=500)
    )

    assert note in text


def test_programs_get_the_shares_and_what_is_known_of_the_limits() -> None:
    """As CSV and as JSON; the decision is for all targets."""
    criteria = recalled(10, 0.79)
    rows = list(csv.DictReader(io.StringIO(on_pictures(criteria, "csv"))))
    document = msgspec.json.decode(on_pictures(criteria, "json"))

    assert [(row["model"], row["backend"], row["limits"]) for row in rows] == [
        ("goodnet", "ort", "cannot be told"),
        ("goodnet", "torch", "missed"),
        ("badnet", "torch", "missed"),
    ]
    assert (rows[0]["recall_at_1"], rows[0]["behind_low"]) == ("0.79375", "-0.0625")
    assert (document["backend"], document["min_recall"]) == (None, 0.79)
    assert (document["ranked_by"], document["take"]) == ("map_at_r", None)
    assert document["nearest"] == [
        "goodnet:IMAGENET1K_V1 on torch cpu",
        "goodnet:IMAGENET1K_V1 on ort cpu",
    ]
