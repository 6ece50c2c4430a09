"""An evaluation for other programs: one row for each cell and figure."""

import csv
import io

import msgspec

from simx.report.formats.evaluation_csv import to_string
from simx.results.schema.evaluation import Evaluation
from tests.report.samples import HOSTILE
from tests.results.evaluations import evaluation


def rows(found: Evaluation) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(to_string(found))))


def test_every_figure_has_a_row_with_its_interval() -> None:
    """Shares are from 0 to 1; a figure without an interval has no ends."""
    found = {
        (row["model"], row["backend"], row["figure"]): (row["value"], row["ci_low"], row["ci_high"])
        for row in rows(evaluation())
    }

    assert found["goodnet", "torch", "recall_at_1"] == ("0.825", "0.79375", "0.85625")
    assert found["goodnet", "torch", "held_out_accuracy"] == ("0.75", "", "")
    assert found["goodnet", "ort", "behind"] == ("0.03125", "-0.0625", "0.125")
    assert found["goodnet", "ort", "decoded_per_second"] == ("567.8", "", "")
    assert found["goodnet", "ort", "search_a_million_ms"] == ("1000", "", "")
    assert ("goodnet", "torch", "neighbours_kept") not in found


def test_a_failed_cell_has_one_row_with_the_reason() -> None:
    """Foreign text is text to a spreadsheet."""
    found = evaluation()
    hostile = msgspec.structs.replace(found.cells[3], stage=HOSTILE)
    (row,) = rows(msgspec.structs.replace(found, cells=(hostile,)))

    assert (row["status"], row["figure"], row["value"]) == ("failed", "", "")
    assert row["reason"].startswith("'=cmd|")
    assert row["reason"].endswith(": the embedding differs from torch's")
