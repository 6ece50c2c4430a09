"""Arguments of the functions: what may be given, and what it means."""

import os
from collections.abc import Sequence
from pathlib import Path

from simx.common.errors import InputError
from simx.common.input_files import refuse_url
from simx.exporter.store.sharing import default_store, no_store

AnyPath = str | os.PathLike[str]

Names = str | Sequence[str]
"""One name, or several."""

Numbers = int | Sequence[int]
"""One number, or several."""


def numbers_of(numbers: Numbers) -> tuple[int, ...]:
    """Return one number or several in ascending order, each once.

    Raises:
        InputError: There is none.
    """
    found = (numbers,) if isinstance(numbers, int) else tuple(sorted(set(numbers)))
    if not found:
        raise InputError("batches or threads: no number is given")
    return found


def names_of(names: Names) -> tuple[str, ...]:
    """Return one name or several as a tuple."""
    return (names,) if isinstance(names, str) else tuple(names)


def text_of(path: AnyPath | None) -> str | None:
    """Return a path as text."""
    return None if path is None else os.fspath(path)


def store_of(store: AnyPath | None) -> Path:
    """Return the folder of exports: the named one, or else the command's.

    Raises:
        InputError: There is none, or it is a URL.
    """
    named = store or os.environ.get("SIMX_STORE") or default_store()
    if named is None:
        raise no_store()
    path = Path(named)
    refuse_url(path, "store ", "name a folder")
    return path
