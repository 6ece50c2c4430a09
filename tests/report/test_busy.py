"""Times of a busy machine, and those that are not precise enough: no format shows them as figures.

572 ms against 15.3 on a machine that another program used, which is 4 times as long on a quiet one,
must not be printed as 37 times as fast.
"""

import csv
import io
import re

import msgspec
import pytest

from simx.models.ranges import DEFAULT_RANGES
from simx.report.content import Form, render
from simx.report.contents import comparison_content
from simx.results.comparison.digest import digest
from simx.results.comparison.outcome import gate
from simx.results.schema.report import MeasuredCell, Report
from simx.results.schema.times import FORWARD, Noise, Scope, Timing
from simx.results.summaries.derivation import by_range
from simx.results.summaries.findings import findings
from tests.report.every import FORMS, SCREEN, differences, renderings
from tests.results.builders import MS, identity, launches, measured, report
from tests.results.comparison.builders import compared

TAKEN = Noise(wall_ns=100 * MS, wait_ns=90 * MS, others_cpu_ns=95 * MS)
"""Another program takes a core."""

SLIGHT = Noise(wall_ns=100 * MS, wait_ns=15 * MS)

PEOPLE = ("table models short", "table models", "table origin", "markdown models", "html models")
"""Renderings for people, that say what they left out."""


def beside(noise: Noise, cell: MeasuredCell) -> MeasuredCell:
    """Return a cell of which every block was taken beside this noise."""
    timings = tuple(
        msgspec.structs.replace(
            timing,
            launches=tuple(
                msgspec.structs.replace(
                    launch,
                    blocks=tuple(
                        msgspec.structs.replace(block, noise=noise) for block in launch.blocks
                    ),
                )
                for launch in timing.launches
            ),
        )
        for timing in cell.timings
    )
    return msgspec.structs.replace(cell, timings=timings)


def one_of_two(noise: Noise) -> Report:
    """Return a backbone measured beside a noise, and a quiet one."""
    return report(
        beside(noise, measured(identity("squeezenet1_1"), milliseconds=572.3)),
        beside(noise, measured(identity("squeezenet1_1", backend="ort"), milliseconds=15.3)),
        measured(identity("resnet18"), milliseconds=30),
        measured(identity("resnet18", backend="ort"), milliseconds=20),
    )


def wide(milliseconds: float, factor: float = 3.0, *, its: str = "torch") -> MeasuredCell:
    """Return a cell whose launches differ by this factor."""
    forward = launches(
        *([[round(milliseconds * MS * factor**step)]] for step in (-0.5, 0, 0.5)),
    )
    return measured(
        identity(backend=its), of=(Timing(scope="forward", image=None, launches=forward),)
    )


BUSY = dict(renderings(one_of_two(TAKEN)))
NOISY = dict(renderings(one_of_two(SLIGHT)))
FIGURES = re.compile(r"\b(57[0-9](\.\d+)?|15\.3|37\.[34])\b")
"""Of the disturbed backbone: both times, and their ratio."""


def plain(text: str) -> str:
    """Return text on one line, without borders, however it was wrapped."""
    return " ".join(re.sub("[│|!·]", " ", text).split())


@pytest.mark.parametrize("name", [name for name in BUSY if not name.startswith(("csv", "json"))])
def test_a_busy_machine_s_times_are_in_no_rendering(name: str) -> None:
    """Not as a time, a ratio, the fastest, or a part of a mean; on a noisy machine they are."""
    assert not FIGURES.search(BUSY[name])


@pytest.mark.parametrize("name", PEOPLE)
def test_a_rendering_says_that_the_machine_was_busy(name: str) -> None:
    """How busy, of which backbone, and what to do; a noisy machine's figures stay, marked."""
    text = plain(BUSY[name])

    assert "the machine was busy: times of 1 of 2 backbones are no figures" in text
    assert "squeezenet1_1:V1 (its threads lacked 0.9 cores on average, others used 0.9" in text
    assert "measure again while nothing else runs on the machine" in text
    assert "or with --backend torch:passive --backend ort:passive" in text
    assert "busy" not in plain(NOISY[name]).replace("those of a busy machine", "")
    assert FIGURES.search(NOISY[name])


def test_a_busy_machine_is_said_above_the_tables_and_in_the_last_line() -> None:
    """A reader of a long report sees these first."""
    text = BUSY["table models short"]

    assert text.index("the machine was busy") < text.index("GFLOPS 1-3")
    assert "1 backbone measured on a busy machine" in plain(text[text.rindex("2 backbones") :])


def test_every_time_of_a_busy_machine_is_marked_in_the_csv() -> None:
    """The raw figures stay, and the throughputs, but not as ``ok``."""
    rows = list(csv.DictReader(io.StringIO(BUSY["csv models"])))
    times = [row for row in rows if row["unit"] in {"ms", "per second"}]

    assert {row["status"] for row in times if row["model"] == "squeezenet1_1"} == {"busy"}
    assert {row["status"] for row in times if row["model"] == "resnet18"} == {"ok"}
    assert {row["status"] for row in rows if row not in times} == {"ok"}


@pytest.mark.parametrize("form", ["csv", "json"])
def test_no_decision_has_a_busy_machine_s_time(form: Form) -> None:
    """The front and what it beats are made of figures."""
    text = BUSY[f"{form} pareto"]

    assert "squeezenet1_1" not in text
    assert "resnet18" in text


def test_a_decision_names_what_it_left_out_and_why() -> None:
    """Beside others, and where nothing is left."""
    alone = report(*(cell for cell in one_of_two(TAKEN).cells if "squeeze" in cell.identity.model))
    text = plain(dict(renderings(alone))["table pareto"])

    assert "the machine was too busy; measure again" in text
    for found in (text, plain(BUSY["table pareto"])):
        assert "not measured, because the machine was busy: squeezenet1_1:V1 (its" in found


def test_no_finding_rests_on_a_busy_machine() -> None:
    """One backbone is left, which is the smallest of nothing."""
    (summary,) = by_range(one_of_two(TAKEN), DEFAULT_RANGES)
    found = findings(summary)

    assert (found.smallest, found.slower) == ((), ())
    assert set(summary.drift.values()) <= {0.0}
    assert summary.backbones[1].fastest[FORWARD] == ()


@pytest.mark.parametrize(
    ("scope", "lost"),
    [
        ("pipeline", {"pipeline"}),
        ("pipeline.decode", {"pipeline.decode", "pipeline"}),
        ("similarity", {"similarity"}),
        ("first", {"first"}),
    ],
)
def test_a_scope_alone_may_be_busy(scope: Scope, lost: set[Scope]) -> None:
    """With what it is a part of; the others, taken at other moments, have their figures."""
    cell = measured(milliseconds=30)
    busy = beside(TAKEN, cell).timings
    timings = zip(cell.timings, busy, strict=True)
    mixed = msgspec.structs.replace(
        cell, timings=tuple(two if one.scope == scope else one for one, two in timings)
    )
    (summary,) = by_range(report(mixed), DEFAULT_RANGES)
    (found,) = summary.backbones[0].measured

    assert {key[0] for key in found.busy} == lost
    assert FORWARD in found.times
    assert (("first", None) not in found.times) == (scope == "first")
    assert (("pipeline", "positive") not in found.times) == ("pipeline" in lost)
    assert (("similarity", "positive") not in found.times) == (scope == "similarity")


@pytest.mark.parametrize("form", FORMS)
def test_a_comparison_with_a_busy_machine_has_no_figures_of_it(form: Form) -> None:
    """The cells have no verdict, and their reason; in both orders."""
    quiet, busy = one_of_two(Noise()), one_of_two(TAKEN)
    for pair in ((quiet, busy), (busy, quiet), (busy, busy)):
        text = dict(differences(*pair))[f"diff {form}"]

        assert "on a busy machine" in text
        assert not FIGURES.search(text)
        assert "times that the other lacks" not in text


def test_a_comparison_of_busy_machines_alone_is_inconclusive() -> None:
    """With code 7, and the reason in the first line and the last."""
    busy = report(*(cell for cell in one_of_two(TAKEN).cells if "squeeze" in cell.identity.model))
    found = compared(digest(busy), digest(busy))
    lines = [
        each
        for each in render(comparison_content([found]), "markdown", SCREEN).splitlines()
        if each
    ]

    assert gate([found], "regression") == 7
    assert lines[1] == lines[-1]
    assert "no cell has a verdict: 2 on a busy machine" in lines[-1]


@pytest.mark.parametrize("form", ["table", "markdown", "html"])
def test_what_is_not_precise_enough_is_a_sign_with_a_note(form: str) -> None:
    """No digit of the time, of its ends or of the ratio; and what helps."""
    of = report(wide(572.3), wide(15.3, its="ort"))
    text = plain(dict(renderings(of))[f"{form} models"])

    assert "? not measured precisely enough: the ends of the interval are more than a" in text
    assert "--profile precise" in text
    assert not re.search(r"\b57[0-9]\b|\b15\.3\b", text)


def test_a_time_that_is_not_precise_enough_is_marked_in_the_csv() -> None:
    """Its interval is beside it."""
    rows = csv.DictReader(io.StringIO(dict(renderings(report(wide(572.3))))["csv models"]))

    assert next(rows)["status"] == "imprecise"


@pytest.mark.parametrize("form", ["table", "markdown"])
def test_a_change_that_is_not_precise_enough_is_a_sign(form: str) -> None:
    """And what slowdown would have shown is said, and that nothing was decided."""
    text = plain(dict(differences(report(wide(100)), report(wide(130))))[f"diff {form}"])

    assert "no cell has a verdict: 1 undecided (slowdowns show from" in text
    assert "? ? ? ? ?" in text
    assert "+30" not in text
