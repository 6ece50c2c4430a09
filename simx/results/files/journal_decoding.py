"""How the lines of a journal are decoded, and what makes them damaged. Opens no file.

A last line without its newline was not completely written, and is not read.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from simx.common import strict_json
from simx.common.errors import InputError
from simx.common.input_files import InputKind, shown
from simx.common.safe_text import clean
from simx.results.files.journal_lines import (
    FinishedLaunch,
    FinishedSearch,
    Header,
    JournalId,
    Kept,
    Line,
)
from simx.results.files.validation import first_problem

T = TypeVar("T")

JOURNAL = InputKind(
    label="journal ",
    mend="give the report of an interrupted run, or move the journal away and measure again",
    most_bytes=2**30,
)


def whole_lines(data: bytes) -> bytes:
    """Return everything up to the last newline."""
    return data[: data.rfind(b"\n") + 1]


def decode(path: Path, data: bytes) -> Kept:
    """Decode the whole lines of a journal; its path is for messages.

    Raises:
        InputError: A line is damaged, the lines make no sound report, or it is of another version.
    """
    lines = whole_lines(data).split(b"\n")[:-1]
    if not lines:
        raise _damaged(path, "it holds no line; the run that made it had not begun")
    _require_version(path, lines[0])
    header = _decoded(path, lines[0], 1, Header)
    found: list[Line] = [
        _decoded(path, line, number, Line)  # type: ignore[arg-type]  # a union is no class
        for number, line in enumerate(lines[1:], 2)
    ]
    kept = Kept(header=header, lines=tuple(found))
    if problem := next(_problems(kept), None):
        raise _damaged(path, problem)
    return kept


def _damaged(path: Path, problem: str) -> InputError:
    return JOURNAL.refused(path, f"is not a journal of simx, or damaged: {problem}")


def _require_version(path: Path, line: bytes) -> None:
    try:
        document = msgspec.json.decode(line)
    except strict_json.UNREADABLE:
        return  # decoding it as a header says what is wrong
    match document:
        case {
            "journal": {"name": "simx-journal", "version": int(version)},
            "report": {"simx": simx},
        }:
            if version != JournalId().version:
                problem = (
                    f"is of version {version}, by simx {simx!s:.40}, and this simx reads version "
                    f"{JournalId().version}"
                )
                mend = "finish it with the simx that began it, or move it away and measure again"
                raise InputError(f"journal {shown(path)}: {clean(problem)}; {mend}")


def _decoded(path: Path, line: bytes, number: int, kind: type[T]) -> T:
    try:
        return strict_json.decode(line, kind)
    except strict_json.JsonDefectError as error:
        raise _damaged(path, f"line {number} is garbled ({error})") from None


def _problems(kept: Kept) -> Iterator[str]:
    if kept.header.report.cells:
        yield "line 1 has cells already"
    for number, line in enumerate(kept.lines, 2):
        if isinstance(line, FinishedSearch):
            try:
                line.found  # noqa: B018 - it is decoded
            except msgspec.MsgspecError as error:
                yield f"line {number} is no search ({error})"
        if isinstance(line, FinishedLaunch):
            its = (cell.identity for cell in line.cells)
            backbones = {(each.model, each.weights, each.kind) for each in its}
            if line.stop is not None:
                backbones.add((line.stop.model, line.stop.weights, line.stop.kind))
            if len(backbones) != 1 or not line.cells:
                yield f"line {number} is no launch of one backbone"
    if problem := first_problem(kept.report()):
        yield f"its lines do not make a sound report: {problem}"
