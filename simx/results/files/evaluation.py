"""Reads and writes the file of an evaluation. Derives and renders nothing."""

import gzip
import zlib
from pathlib import Path

from simx.common.atomic import write_atomically
from simx.common.input_files import GZIP, InputKind, read_whole
from simx.common.safe_text import clean
from simx.common.strict_json import JsonDefectError, decode
from simx.results.files.report import encode
from simx.results.schema.evaluation import EVALUATION_NAME, Evaluation

EVALUATION = InputKind(
    label="",
    mend="give an evaluation that `simx evaluate` wrote",
    most_bytes=512 * 2**20,
    pipes=True,
    gzip=True,
)


_HEAD_BYTES = 256


def is_evaluation(path: Path) -> bool:
    """Whether a regular file begins as an evaluation does, and is not to be read as a report."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            is_packed = file.read(len(GZIP)) == GZIP
        with gzip.open(path) if is_packed else path.open("rb") as file:
            return EVALUATION_NAME.encode() in file.read(_HEAD_BYTES)
    except (OSError, EOFError, zlib.error):
        return False


def read_evaluation(path: Path) -> Evaluation:
    """Read an evaluation.

    Raises:
        InputError: In one line: the file cannot be read, or is no evaluation of a known version.
    """
    try:
        return decode(read_whole(path, EVALUATION), Evaluation)
    except JsonDefectError as error:
        raise EVALUATION.refused(path, f"not a sound evaluation: {clean(str(error))}") from error


def write_evaluation(path: Path, evaluation: Evaluation) -> None:
    """Write an evaluation, whole or not at all.

    Raises:
        SystemFailureError: The system refused.
        ValueError: A figure is NaN or infinite, which JSON cannot hold.
    """
    write_atomically(path, encode(evaluation))
