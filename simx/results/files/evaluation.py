"""Reads the file of an evaluation. Derives and renders nothing."""

from dataclasses import replace
from pathlib import Path

from simx.common.input_files import InputPath, read_whole
from simx.common.strict_json import JsonDefectError, decode
from simx.results.files.report import REPORT, begins_as
from simx.results.schema.evaluation import EVALUATION_NAME, Evaluation

EVALUATION = replace(REPORT, mend="give an evaluation that `simx evaluate` wrote")


def is_evaluation(path: Path) -> bool:
    """Whether a regular file begins as an evaluation does, and is not to be read as a report."""
    return begins_as(path, EVALUATION_NAME)


def read_evaluation(path: InputPath) -> Evaluation:
    """Read an evaluation that ``simx evaluate`` wrote.

    Args:
        path: As for a report.

    Raises:
        InputError: In one line: the file cannot be read, or is no evaluation of a known version.
    """
    try:
        return decode(read_whole(path, EVALUATION), Evaluation)
    except JsonDefectError as error:
        raise EVALUATION.refused(path, f"not a sound evaluation: {error}") from error
