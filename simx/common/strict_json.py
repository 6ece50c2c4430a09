"""Parses JSON strictly: refuses what the standard forbids and Python's parser accepts."""

import json
from collections import Counter
from typing import TypeVar

import msgspec

from simx.common.misfits import misfit

T = TypeVar("T")

UNREADABLE = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, OverflowError)
"""What msgspec raises on data that is not JSON of a type; the last on integers beyond 64 bits."""

_SMALLEST, _LARGEST = -(2**63), 2**64 - 1
"""The range of integers of 64 bits, signed or unsigned."""


class Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of every record in a file of simx: immutable, and unknown fields are refused."""


class JsonDefectError(ValueError):
    """Text is not the JSON it should be; the message says what is wrong and where."""


class _Defect(msgspec.Struct, frozen=True):
    """Marks the place of a defect in the parsed tree."""

    message: str


def decode(data: bytes, kind: type[T]) -> T:
    """Decode one JSON document of a type, as strictly as ``parse``.

    Data that equals its own encoding has no duplicate and no unknown keys. All other data is parsed
    a second time, value by value.

    Raises:
        JsonDefectError: With a message that reads after a file's name and a colon.
    """
    try:
        found = msgspec.json.decode(data, type=kind)
        if msgspec.json.format(data, indent=-1) == msgspec.json.encode(found):
            return found
    except UNREADABLE:
        pass
    tree = parse(data)
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.DecodeError as error:
        raise JsonDefectError(misfit(tree, kind) or str(error)) from error


def parse(data: bytes) -> object:
    """Parse one JSON document, refusing duplicate keys, NaN, Infinity and integers beyond 64 bits.

    The text is UTF-8. Numbers too large for a float (``1e999``) become infinite; the typed decoding
    refuses them.

    Raises:
        JsonDefectError: With a message that reads after a file's name and a colon.
    """
    defects: list[_Defect] = []

    def refuse(message: str) -> _Defect:
        defects.append(_Defect(message))
        return defects[-1]

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object] | _Defect:
        record = dict(pairs)
        if len(record) == len(pairs):
            return record
        ((key, _),) = Counter(key for key, _ in pairs).most_common(1)
        return refuse(f"the key {key!r} is given twice")

    def integer(digits: str) -> int | _Defect:
        value = int(digits)
        return value if _SMALLEST <= value <= _LARGEST else refuse("an integer beyond 64 bits")

    try:
        tree: object = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=unique,
            parse_constant=lambda name: refuse(f"{name} is no number"),
            parse_int=integer,
        )
        defect = _locate(tree, "$") if defects else None
    except UnicodeDecodeError as error:
        raise JsonDefectError(f"not UTF-8 text (byte {error.start})") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise JsonDefectError(f"not JSON ({error.msg} at {place})") from error
    except RecursionError as error:
        raise JsonDefectError("nested too deeply to be read") from error
    except ValueError as error:
        raise JsonDefectError("a number in it has too many digits") from error
    if defect is not None:
        raise JsonDefectError(defect)
    return tree


def _locate(tree: object, path: str) -> str | None:
    """Return the message of the first defect in reading order, with its path."""
    if isinstance(tree, _Defect):
        return f"{tree.message} (at {path})"
    children: list[tuple[str, object]] = []
    if isinstance(tree, dict):
        children = [(f"{path}.{key}", child) for key, child in tree.items()]
    elif isinstance(tree, list):
        children = [(f"{path}[{index}]", child) for index, child in enumerate(tree)]
    return next((found for at, child in children if (found := _locate(child, at))), None)
