"""The tables, sentences and notes of a sweep."""

from collections.abc import Sequence

import msgspec

from simx.models.ranges import DEFAULT_RANGES
from simx.report.blocks.document import Points, Table
from simx.report.blocks.report import report_blocks
from simx.report.formats.page.charts import chart_data
from simx.report.words.findings import sentences
from simx.report.words.heading import heading
from simx.report.words.notes import IMPRECISE_NOTE, mark_notes
from simx.report.words.values import ABSENT
from simx.results.schema.report import Cell, Report
from simx.results.schema.times import Timing
from simx.results.summaries.decision import decide
from simx.results.summaries.derivation import backbones, by_range, targets
from simx.results.summaries.selection_criteria import SelectionCriteria
from tests.results.builders import around, failed, identity, measured, report

TIMES = {(1, 1): 20.0, (1, 2): 12.5, (8, 1): 160.0, (8, 2): 40.0, (32, 1): 640.0}
"""Milliseconds of a call, by batch and threads; one more does not fit into the memory."""


def cell(batch: int, threads: int, milliseconds: float, spread: float = 0.001) -> Cell:
    its = msgspec.structs.replace(identity(batch=batch), threads=threads)
    forward = Timing(scope="forward", image=None, launches=around(milliseconds, spread=spread))
    return measured(its, of=(forward,))


def swept() -> Report:
    lacking = msgspec.structs.replace(identity(batch=32), threads=2)
    whole = report(
        *(cell(*setting, milliseconds) for setting, milliseconds in TIMES.items()),
        failed(lacking, reason="a batch of 32 needs about 99.0 GiB of memory"),
    )
    assert whole.config is not None
    config = msgspec.structs.replace(whole.config, batches=(1, 8, 32), thread_counts=(1, 2))
    return msgspec.structs.replace(whole, config=config)


def tables(of: Report) -> dict[str, Table]:
    blocks = report_blocks(of, DEFAULT_RANGES, "models")
    return {block.title: block for block in blocks if isinstance(block, Table)}


def rows(table: Table) -> list[Sequence[str]]:
    return [[value.figure for value in row.values] for row in table.rows]


def test_the_throughput_over_the_batch_has_the_knee() -> None:
    """A row for each number of threads, and a mark where a batch failed."""
    table = tables(swept())["Throughput over the batch"]

    assert [column.name for column in table.columns[3:]] == ["1", "8", "32", "knee"]
    assert rows(table) == [
        ["resnet18:V1", "torch cpu", "1", "50.00", "50.00", "50.00", "1"],
        ["resnet18:V1", "torch cpu", "2", "80.00", "200.0", "✗", "8"],
    ]


def test_the_throughput_over_threads_has_the_efficiency() -> None:
    """The smallest batch first, and the larger ones in the detailed rendering."""
    found = tables(swept())
    usual, further = (found[f"Throughput over threads{end}"] for end in ("", ", larger batches"))

    assert not usual.detail
    assert rows(usual) == [["resnet18:V1", "torch cpu", "1", "50.00", "80.00", "0.8000"]]
    assert further.detail
    assert rows(further) == [
        ["resnet18:V1", "torch cpu", "8", "50.00", "200.0", "2.000"],
        ["resnet18:V1", "torch cpu", "32", "50.00", "✗", ABSENT.figure],
    ]


def test_every_cell_has_its_time_memory_and_parity() -> None:
    """In the tables of the detailed rendering."""
    found = tables(swept())
    latency, memory = found["Latency"], found["Parity and memory"]

    assert latency.detail
    assert [row[:4] for row in rows(latency)] == [
        ["resnet18:V1", f"batch {batch}", f"{threads} thread{'s' * (threads - 1)}", figure]
        for batch, threads, figure in (
            (1, 1, "20.00"),
            (1, 2, "12.50"),
            (8, 1, "160.0"),
            (8, 2, "40.00"),
            (32, 1, "640.0"),
            (32, 2, "✗"),
        )
    ]
    assert rows(memory)[2][3:] == ["0.9999999", "2e-7", "160", "60"]


def test_the_usual_tables_have_one_setting() -> None:
    """The smallest batch with the most threads."""
    first = next(iter(tables(swept()).values()))

    assert [row[:2] for row in rows(first)] == [["resnet18:V1", "12.50"]]


def test_the_findings_name_the_knee_and_the_gain_of_threads() -> None:
    """One sentence for each setting that stays the same."""
    (summary,) = by_range(swept(), DEFAULT_RANGES)
    found = [each for each in sentences(summary) if each.startswith("On torch cpu ")]

    assert found[0] == (
        "On torch cpu with 1 thread, the smallest batch within 5 % of the best throughput is 1 for "
        "resnet18:V1; the best batch embeds 1.000 ±0.1% times as many pictures a second as a batch "
        "of 1."
    )
    assert "is 8 for resnet18:V1; the best batch embeds 2.500 ±0.1% times" in found[1]
    assert found[2] == (
        "On torch cpu at a batch of 1, 2 threads embed 1.600 ±0.1% times as many pictures a second "
        "as 1 thread, an efficiency of 0.8000 ±0.1%."
    )


def test_a_gain_that_is_not_precise_is_no_figure() -> None:
    """The sentence says so in words that fit into it."""
    cells = (cell(1, 1, 20.0), cell(1, 2, 12.5, spread=1.8))
    (summary,) = by_range(msgspec.structs.replace(swept(), cells=cells), DEFAULT_RANGES)

    assert (
        "On torch cpu at a batch of 1, how many more pictures a second 2 threads embed than 1 "
        "thread was not measured precisely enough."
    ) in list(sentences(summary))


def test_the_brief_findings_are_those_of_the_usual_curves() -> None:
    """Over the batch with the most threads, and over threads at the smallest batch."""
    (summary,) = by_range(swept(), DEFAULT_RANGES)
    found = [each for each in sentences(summary, brief=True) if each.startswith("On torch cpu ")]

    assert [each[:35] for each in found] == [
        "On torch cpu with 2 threads, the sm",
        "On torch cpu at a batch of 1, 2 thr",
    ]


def test_the_failure_of_a_setting_is_a_note() -> None:
    """With the setting, because the same backbone has figures in others."""
    blocks = report_blocks(swept(), DEFAULT_RANGES, "models")
    notes = [text for block in blocks if isinstance(block, Points) for text in block.texts]
    (note,) = [each for each in notes if each.startswith("✗")]

    assert note.startswith("✗ resnet18:V1, batch 32, 2 threads on torch cpu failed at load: a ")


def test_the_marks_of_every_setting_are_explained() -> None:
    """Also where the first setting has no such mark."""
    its = cell(8, 2, 40.0, spread=1.8)
    of = msgspec.structs.replace(swept(), cells=(cell(1, 2, 12.5), its))
    (summary,) = by_range(of, DEFAULT_RANGES)

    assert IMPRECISE_NOTE not in mark_notes(summary.backbones)
    assert IMPRECISE_NOTE in mark_notes(summary.settings)


def test_the_heading_has_every_setting() -> None:
    """Above the tables."""
    lines = dict(heading(swept()))

    assert "batch 1, 8 and 32" in lines["requested"]
    assert "1 thread and 2 threads" in lines["machine"]


def test_the_chart_has_the_throughputs_with_their_intervals() -> None:
    """A line for each number of threads; a failed batch has no point."""
    of = swept()
    found = backbones(of)
    decisions = {each: decide([of], found, (each,), SelectionCriteria()) for each in targets(of)}
    one, two = chart_data(by_range(of, DEFAULT_RANGES), decisions).curves

    assert [(curve.threads, [point[0] for point in curve.points]) for curve in (one, two)] == [
        (1, [1, 8, 32]),
        (2, [1, 8]),
    ]
    batch, (figure, low, high) = two.points[1]
    assert (batch, figure) == (8, 40.0)
    assert low is not None
    assert high is not None
    assert low < figure < high


def test_a_report_of_one_setting_has_no_such_table() -> None:
    """It looks as it always has."""
    assert not any("hroughput" in title for title in tables(report(cell(1, 2, 10.0))))
