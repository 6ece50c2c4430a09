"""Reads and writes the report's file. Derives and renders nothing."""

import gzip
import math
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import msgspec

from simx import __version__
from simx.common.atomic import write_atomically
from simx.common.errors import InputError
from simx.common.input_files import GZIP, InputKind, InputPath, read_whole, shown
from simx.common.safe_text import clean
from simx.common.strict_json import JsonDefectError, decode, parse
from simx.results.files.validation import first_problem
from simx.results.schema.evaluation import Evaluation
from simx.results.schema.report import OLDEST_READ, SCHEMA_NAME, SCHEMA_VERSION, Report, SchemaId
from simx.results.schema.tuning import BenchOptions

REPORT = InputKind(
    label="",
    mend="give a report that `simx bench` wrote",
    most_bytes=2**30,
    pipes=True,
    gzip=True,
)
"""The largest is some sixty times what every backbone on two backends takes."""

SETTINGS = replace(REPORT, label="settings ", mend="give a result that `simx tune` wrote")

_OPEN_DEPTH = 8
"""Down to this nesting each member has a line of its own; deeper ones (a block) share one."""


_HEAD_BYTES = 256


class _Tuned(msgspec.Struct, frozen=True):
    """What is read of a result of ``simx tune``."""

    settings: BenchOptions


def begins_as(path: Path, name: str) -> bool:
    """Whether a regular file begins as one that gives this as the name of its format."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            is_packed = file.read(len(GZIP)) == GZIP
        with gzip.open(path) if is_packed else path.open("rb") as file:
            return name.encode() in file.read(_HEAD_BYTES)
    except (OSError, EOFError, zlib.error):
        return False


def read(path: InputPath) -> Report:
    """Read a report that ``simx bench`` wrote.

    Args:
        path: A regular file, also compressed by gzip, or a pipe such as the shell's ``<(...)``.

    Raises:
        InputError: In one line: the file cannot be read, is not JSON, not a report, a report of
            another version, or breaks a rule of the format.
    """
    data = read_whole(path, REPORT)
    try:
        return _decoded(path, data)
    except JsonDefectError as error:
        raise REPORT.refused(path, str(error)) from error


def moment(of: Report) -> float:
    """Return when a report was made, in seconds since 1970.

    Raises:
        InputError: Its calendar has no such moment, as on 30 February.
    """
    try:
        return datetime.fromisoformat(of.created).timestamp()
    except ValueError:
        raise InputError(f"there is no moment {of.created}; correct the report") from None


def read_settings(path: InputPath) -> BenchOptions:
    """Read the options of ``simx bench`` from a result of ``simx tune``.

    Raises:
        InputError: In one line: the file cannot be read, or is no such result.
    """
    try:
        return decode(read_whole(path, SETTINGS), _Tuned).settings
    except JsonDefectError as error:
        raise SETTINGS.refused(path, f"not a sound result: {error}") from error


def write(path: Path, report: Report | Evaluation) -> None:
    """Write a report or an evaluation, whole or not at all.

    Raises:
        SystemFailureError: The system refused.
        ValueError: A figure is NaN or infinite, which JSON cannot hold.
    """
    write_atomically(path, encode(report))


def encode(report: Report | Evaluation) -> bytes:
    """Return the file's content: JSON in UTF-8, one block of times a line.

    Characters that UTF-8 cannot hold (from file names that are no text) become question marks.

    Raises:
        ValueError: A figure is NaN or infinite, which JSON cannot hold.
    """
    return "".join(_lines(msgspec.to_builtins(report), 0)).encode() + b"\n"


def schema_json() -> bytes:
    """Return the JSON Schema of a report file."""
    schema = msgspec.json.encode(msgspec.json.schema(Report))
    return msgspec.json.format(schema, indent=2) + b"\n"


def _decoded(path: InputPath, data: bytes) -> Report:
    try:
        report = decode(data, Report)
    except JsonDefectError as error:
        _require_known_schema(path, parse(data))
        raise JsonDefectError(f"not a sound report: {error}") from error
    if problem := first_problem(report):
        raise JsonDefectError(f"not a sound report: {problem}")
    return msgspec.structs.replace(report, schema=SchemaId())


def _require_known_schema(path: InputPath, tree: object) -> None:
    schema = tree.get("schema") if isinstance(tree, dict) else None
    if not isinstance(schema, dict) or schema.get("name") != SCHEMA_NAME:
        raise JsonDefectError(f"not a simx report (its schema.name is not {SCHEMA_NAME!r})")
    version = schema.get("version")
    if version not in range(OLDEST_READ, SCHEMA_VERSION + 1) or isinstance(version, bool):
        raise InputError(
            clean(
                f"{shown(path)}: a report of version {version!r:.40}, and simx {__version__} reads "
                f"versions {OLDEST_READ} to {SCHEMA_VERSION}; use the simx that wrote it"
            )
        )


def _lines(value: object, depth: int) -> Iterator[str]:
    if depth < _OPEN_DEPTH and value and isinstance(value, dict | list | tuple):
        pairs = value.items() if isinstance(value, dict) else ((None, item) for item in value)
        opening, closing = "{}" if isinstance(value, dict) else "[]"
        separator, indent = opening, "\n" + " " * (depth + 1)
        for key, item in pairs:
            yield separator + indent + ("" if key is None else _scalar(key) + ": ")
            yield from _lines(item, depth + 1)
            separator = ","
        yield "\n" + " " * depth + closing
    else:
        yield _scalar(value)


def _scalar(value: object) -> str:
    if isinstance(value, str):
        value = value.encode("utf-8", "replace").decode()
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"a report cannot hold {value}")
    return msgspec.json.encode(value).decode()
