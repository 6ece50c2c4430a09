"""Types of options: shares in percent, durations and sizes with their units, and plain text."""

import math
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import click

_SECONDS = {"ms": 1e-3, "s": 1.0, "": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_LONGEST_SECONDS = 1e9
"""Some thirty years."""

_BYTES = {"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "mib": 2**20, "gib": 2**30, "tib": 2**40}
_NUMBER = r"(\d+(?:\.\d*)?|\.\d+)"


class Share(click.ParamType[float]):
    """A share such as ``1.5%``; the sign is asked for, so that 1.5 cannot be taken for 150 %."""

    name = "percent"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the share: 0.015 for ``1.5%``."""
        if isinstance(value, float):
            return value
        found = re.fullmatch(_NUMBER + r"\s*%", str(value).strip())
        if found is None or not 0 < float(found[1]) <= 100:  # noqa: PLR2004 - percent
            self.fail(f"{value!r} is no share; write it as a percentage such as 1.5%", param, ctx)
        return float(found[1]) / 100


class Text(click.ParamType[str]):
    """Text that can be handed on to a worker and written down."""

    name = "text"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Return the text."""
        text = str(value)
        if not _is_utf8(text):
            self.fail(f"{text!r} is no UTF-8 text; write it as such", param, ctx)
        return text


class TextPath(click.Path):
    """A path that can be handed on to a worker, which any bytes could not."""

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:  # noqa: ANN401 - click's own signature
        """Return the path."""
        if not _is_utf8(os.fspath(value)):
            self.fail(f"{os.fspath(value)!r} is no UTF-8 text; rename it", param, ctx)
        return super().convert(value, param, ctx)


def _is_utf8(text: str) -> bool:
    """Whether no byte of a text of the system's was none of UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class Names(click.ParamType[tuple[str, ...]]):
    """Names out of a list, one or several with commas between them."""

    name = "names"

    def __init__(self, known: Sequence[str]) -> None:
        self._known = known

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Return the names."""
        if isinstance(value, tuple):
            return value
        names = tuple(name.strip() for name in str(value).split(","))
        for name in names:
            if name not in self._known:
                self.fail(f"{name!r} is none of {', '.join(self._known)}", param, ctx)
        return names


class Percent(click.ParamType[float]):
    """A figure in percent such as ``75`` or ``75%``, as the catalogue's accuracies are."""

    name = "percent"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the figure in percent: 75.0 for ``75``."""
        if isinstance(value, float):
            return value
        found = re.fullmatch(_NUMBER + r"\s*%?", str(value).strip())
        if found is None or float(found[1]) > 100:  # noqa: PLR2004 - percent
            self.fail(f"{value!r} is no percentage; write it as 75", param, ctx)
        return float(found[1])


class Duration(click.ParamType[float]):
    """A duration such as ``5ms``, ``60s``, ``5m`` or ``1h``; seconds where no unit is given."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the duration in seconds."""
        if isinstance(value, float):
            return value
        seconds = _quantity(value, _SECONDS)
        if not 0 < seconds <= _LONGEST_SECONDS:
            self.fail(f"{value!r} is no duration; write it as 5ms, 60s, 5m or 1h", param, ctx)
        return seconds


class Size(click.ParamType[int]):
    """A size of memory such as ``4GB`` or ``512MiB``; the unit is asked for."""

    name = "size"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the size in bytes."""
        if isinstance(value, int):
            return value
        size = _quantity(value, _BYTES)
        if not 1 <= size < 2**63:
            self.fail(f"{value!r} is no size; write it as 512MB, 4GB or 4GiB", param, ctx)
        return int(size)


def _quantity(value: object, units: Mapping[str, float]) -> float:
    """Return a number times its unit, and NaN for what is not one with one of these units."""
    found = re.fullmatch(_NUMBER + r"\s*([a-z]*)", str(value).strip().lower())
    return float(found[1]) * units.get(found[2], math.nan) if found else math.nan
