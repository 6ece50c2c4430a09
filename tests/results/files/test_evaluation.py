"""The file of an evaluation: read as it was written, and refused where it is not sound."""

import math
from pathlib import Path

import msgspec
import pytest

from simx.common.errors import InputError
from simx.results.files.evaluation import read_evaluation
from simx.results.files.report import read, write
from tests.results.evaluations import evaluation


def test_an_evaluation_is_read_as_it_was_written(tmp_path: Path) -> None:
    """All of it."""
    path = tmp_path / "evaluation.json"
    write(path, evaluation())

    assert read_evaluation(path) == evaluation()


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"simx-evaluation"', '"simx-report"', "schema.name"),
        ('"version": 1', '"version": 2', "schema.version"),
        ('"value": 0.625', '"value": 2.5', "value"),
        ('"value": 0.625', '"value": NaN', "NaN is no number"),
        ('"seconds": 12.5', '"seconds": 12.5, "more": 1', "more"),
    ],
)
def test_an_unsound_evaluation_is_refused(tmp_path: Path, old: str, new: str, problem: str) -> None:
    """The message names the file and the place."""
    path = tmp_path / "evaluation.json"
    write(path, evaluation())
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))

    with pytest.raises(InputError, match=f"evaluation.json: not a sound evaluation: .*{problem}"):
        read_evaluation(path)


def test_an_evaluation_is_no_latency_report(tmp_path: Path) -> None:
    """The reader of the other says so."""
    path = tmp_path / "evaluation.json"
    write(path, evaluation())

    with pytest.raises(InputError, match="not a simx report"):
        read(path)


def test_a_figure_that_json_cannot_hold_is_not_written(tmp_path: Path) -> None:
    """It would be read as a figure that is absent."""
    path = tmp_path / "evaluation.json"
    with pytest.raises(ValueError, match="nan"):
        write(path, msgspec.structs.replace(evaluation(), seconds=math.nan))

    assert not path.exists()
