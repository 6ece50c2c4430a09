"""How options are made, and their types: shares, durations and sizes with units, and plain text.

Each function returns the value of a text, or raises click's BadParameter with a correct example.
"""

import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_SECONDS = {"ms": 1e-3, "s": 1.0, "": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_LONGEST_SECONDS = 1e9  # about thirty years
_BYTES = {"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "mib": 2**20, "gib": 2**30, "tib": 2**40}
_PERCENT = {"%": 1.0}


def share(text: str) -> float:
    """Return 0.015 for ``1.5%``. The sign is required, so that 1.5 cannot mean 150 %."""
    percent = _quantity(text, _PERCENT)
    if not 0 < percent <= 100:  # noqa: PLR2004 - percent
        raise click.BadParameter(f"{text!r} is not a share; write it as a percentage such as 1.5%")
    return percent / 100


def fraction(text: str) -> float:
    """Return 0.9 for ``0.9`` or ``90%``: shares of an evaluation are from 0 to 1."""
    found = _quantity(text, {"%": 0.01, "": 1.0})
    if not 0 <= found <= 1:
        raise click.BadParameter(f"{text!r} is not a share; write it as 0.9 or 90%")
    return found


def percentage(text: str) -> float:
    """Return 75.0 for ``75`` or ``75%``: accuracies are in percent everywhere."""
    percent = _quantity(text, {**_PERCENT, "": 1.0})
    if not 0 <= percent <= 100:  # noqa: PLR2004 - percent
        raise click.BadParameter(f"{text!r} is not a percentage; write it as 75")
    return percent


def duration(text: str) -> float:
    """Return the seconds of ``5ms``, ``60s``, ``5m`` or ``1h``; the default unit is seconds."""
    seconds = _quantity(text, _SECONDS)
    if not 0 < seconds <= _LONGEST_SECONDS:
        raise click.BadParameter(f"{text!r} is not a duration; write it as 5ms, 60s, 5m or 1h")
    return seconds


def size(text: str) -> int:
    """Return the bytes of ``4GB`` or ``512MiB``; the unit is required."""
    found = _quantity(text, _BYTES)
    if not 1 <= found < 2**63:
        raise click.BadParameter(f"{text!r} is not a size; write it as 512MB, 4GB or 4GiB")
    return int(found)


def _quantity(text: str, units: Mapping[str, float]) -> float:
    """Return a number times its unit; NaN for another text or another unit."""
    found = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)\s*([a-z%]*)", text.strip().lower())
    return float(found[1]) * units.get(found[2], math.nan) if found else math.nan


def powers(text: str) -> tuple[int, ...]:
    """Return the batch of ``8``, or those of ``1-64``: the first one, doubled up to the last."""
    found = re.fullmatch(r"([1-9]\d{0,4})(?:-([1-9]\d{0,4}))?", text.strip())
    sizes = []
    if found:
        size, last = int(found[1]), int(found[2] or found[1])
        while size <= last:
            sizes.append(size)
            size *= 2
    if not sizes:
        raise click.BadParameter(f"{text!r} is no batch; write 8, or 1-64 for 1, 2, 4 up to 64")
    return tuple(sizes)


def names_among(known: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    """Return a type of option: one or several of the known names, separated by commas."""

    def names(text: str) -> tuple[str, ...]:
        found = tuple(name.strip() for name in text.split(","))
        for name in found:
            if name not in known:
                raise click.BadParameter(f"{name!r} is none of {', '.join(known)}")
        return found

    return names


def utf8(text: str) -> str:
    """Return the text. Workers and files take UTF-8 only, but a command line may hold any bytes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise click.BadParameter(f"{text!r} is no UTF-8 text; write or rename it as such") from None
    return text


class Utf8Path(click.Path):
    """A path that is UTF-8 text."""

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:  # noqa: ANN401 - click's own signature
        """Return the path."""
        utf8(os.fspath(value))
        return super().convert(value, param, ctx)


class PathOrDash(click.Path):
    """A path; ``-`` is stdin or stdout, and ``./-`` the file of that name."""

    def __init__(self, dash: Path) -> None:
        super().__init__(path_type=Path)
        self._dash = dash

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:  # noqa: ANN401 - click's own signature
        """Return the path."""
        return self._dash if value == "-" else super().convert(value, param, ctx)


def choice_option(name: str, choices: Sequence[str], text: str) -> Callable[[F], F]:
    """Return an option with these choices, the first of which is the default."""
    kind = click.Choice(choices)
    return click.option(name, type=kind, default=choices[0], show_default=True, help=text)


def together(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Return one decorator for several options, in their order."""

    def add(command: F) -> F:
        return reduce(lambda added, option: option(added), reversed(options), command)

    return add


on_option = click.option(
    "--on",
    type=utf8,
    metavar="ADDRESS",
    help="Work on the nodes of the Ray cluster at HOST:PORT; auto: of the one that this machine is "
    "a node of; local: start Ray here.",
)

kind_option = click.option(
    "--kind",
    type=utf8,
    metavar="TEXT",
    help="With --on: use the nodes with this in the name of their processor or GPU, or in a "
    "version. Default: the kind with the most nodes.",
)

per_option = click.option(
    "--per",
    type=click.Choice(["kind"]),
    help="With --on: measure everything on each kind of nodes.",
)

price_option = click.option(
    "--price",
    type=utf8,
    multiple=True,
    metavar="KIND=0.40USD/h",
    help="With --on: price of a node of the kind with this in its name, in USD or EUR. The tables "
    "have the cost of a million pictures. Repeatable.",
)
