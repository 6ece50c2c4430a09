"""Finds what a type refuses in a parsed document, and says where it is and what it should be."""

from collections.abc import Iterator
from itertools import repeat
from types import UnionType
from typing import Annotated, Union, get_args, get_origin, get_type_hints

import msgspec

Part = tuple[str, object, object]
"""A step of a path, what is there, and its type."""


def misfit(value: object, kind: object, path: str = "$") -> str | None:
    """Return the first misfit, or None.

    Args:
        value: A JSON document as Python's own objects.
        kind: Its type: a record, or anything that a record may hold, with its range.
        path: The value's place.

    Returns:
        For example ``$.cells[3].parity.cosine is 1.5; it is at most 1``.
    """
    try:
        msgspec.convert(value, kind)
    # The second one is raised for half a character, such as "\ud800".
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        parts = (misfit(part, of, path + step) for step, part, of in _parts(value, kind))
        return next(filter(None, parts), None) or _description(value, kind, path, str(error))
    return None


def ranges_of(kind: object) -> list[msgspec.Meta]:
    """Return the ranges of a type, of each of its alternatives."""
    return [
        meta
        for each in _alternatives(kind)
        if get_origin(each) is Annotated
        for meta in get_args(each)
        if isinstance(meta, msgspec.Meta)
    ]


def _alternatives(kind: object) -> tuple[object, ...]:
    return get_args(kind) if get_origin(kind) in {Union, UnionType} else (kind,)


def _parts(value: object, kind: object) -> Iterator[Part]:
    for each in _alternatives(kind):
        bare = get_args(each)[0] if get_origin(each) is Annotated else each
        arguments = get_args(bare)
        if isinstance(value, list) and get_origin(bare) is tuple:
            kinds = repeat(arguments[0]) if arguments[-1] is Ellipsis else arguments
            for index, (part, of) in enumerate(zip(value, kinds, strict=False)):
                yield f"[{index}]", part, of
        elif isinstance(value, dict) and get_origin(bare) is dict:
            yield from ((f".{key:.40}", part, arguments[1]) for key, part in value.items())
        elif isinstance(value, dict) and isinstance(bare, type) and _is_meant(value, bare):
            hints = get_type_hints(bare, include_extras=True)
            yield from (
                (f".{name}", value[name], of) for name, of in hints.items() if name in value
            )


def _is_meant(value: dict[object, object], kind: type) -> bool:
    """Whether a document is one of this type of record, by its tag."""
    if not issubclass(kind, msgspec.Struct):
        return False
    config = kind.__struct_config__
    return config.tag is None or value.get(config.tag_field) == config.tag


def _description(value: object, kind: object, path: str, message: str) -> str:
    for meta in ranges_of(kind):
        if isinstance(value, int | float) and not isinstance(value, bool):
            if bound := _missed_bound(value, meta):
                return f"{path} is {value}; it is {bound}"
        elif isinstance(value, str) and meta.max_length and len(value) > meta.max_length:
            return f"{path} has {len(value):,} characters; it has at most {meta.max_length:,}"
        elif isinstance(value, str) and meta.description:
            return f"{path} is {value!r:.80}; it is {meta.description}"
        elif value == []:
            return f"{path} is empty"
    at = " - at "
    return message.replace("`$", f"`{path}") if at in message else f"{message}{at}`{path}`"


def _missed_bound(value: float, meta: msgspec.Meta) -> str | None:
    if meta.ge is not None and value < meta.ge:
        return f"at least {meta.ge}"
    if meta.gt is not None and value <= meta.gt:
        return f"more than {meta.gt}"
    if meta.le is not None and value > meta.le:
        return f"at most {meta.le}"
    return None
