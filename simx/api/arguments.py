"""Arguments of the functions: what may be given, and what it means."""

import os
from collections.abc import Sequence
from pathlib import Path

from simx.common.errors import InputError
from simx.common.input_files import refuse_url
from simx.exporter.store.sharing import default_store, no_store
from simx.results.schema.config import SINGLE_STREAM, Scenario

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


def require_load(
    scenario: Scenario, instances: Sequence[int], rate: float | None, latency_bound: float | None
) -> None:
    """Refuse what makes no load.

    Raises:
        InputError: Several instances without a scenario that uses them, a rate or a bound without
            queries that have one, or neither or both where one is needed.
    """
    if scenario == SINGLE_STREAM and max(instances) > 1:
        raise InputError(
            f"--instances {max(instances)}: one query after the other needs one instance; choose "
            "--scenario offline, multi-stream or server"
        )
    given = [
        option
        for option, value in (("--rate", rate), ("--latency-bound", latency_bound))
        if value is not None
    ]
    if scenario != "server" and given:
        raise InputError(f"{given[0]}: only --scenario server takes it; leave it out")
    if scenario == "server" and len(given) != 1:
        raise InputError(
            "--scenario server: give either --rate, the queries per second, or --latency-bound, "
            "which finds the largest rate"
        )


def require_alone(option: str, *others: float | None) -> None:
    """Refuse an option that decides how much is measured beside others that do.

    Raises:
        InputError: One of the others is given.
    """
    if any(other is not None for other in others):
        raise InputError(
            f"{option}: it decides how much is measured; leave --launches, --rounds, --half-width "
            "and --budget out"
        )


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
