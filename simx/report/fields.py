"""Aligns the values of one column: decimal points below each other, intervals flush."""

from collections.abc import Iterable, Sequence

import msgspec
from rich.cells import cell_len
from rich.text import Text

from simx.report.blocks.table import Column, Tone, Value
from simx.report.wrapping import broken, pad

STYLES: dict[Tone, str] = {"plain": "", "best": "bold green", "bad": "bold red", "faint": "dim"}


class Fields(msgspec.Struct, frozen=True):
    """One column, ready to print: the lines of its heading and its values, all ``width`` wide."""

    width: int
    heading: tuple[str, ...]
    values: tuple[Text, ...]


class _Widths(msgspec.Struct, frozen=True):
    """How wide the parts of a column's values are: before and from the decimal point, the rest."""

    whole: int
    decimals: int
    detail: int
    mark: int


def fields(column: Column, values: Sequence[Value], *, break_name: bool = False) -> Fields:
    """Align a column's values and its heading.

    Args:
        column: Says how.
        values: From top to bottom.
        break_name: Whether a name that is wider than the values goes on in further lines.
    """
    numbers = [value for value in values if _has_point(column, value)]
    widths = _Widths(
        whole=_widest(value.figure.partition(".")[0] for value in numbers),
        decimals=_widest("".join(value.figure.partition(".")[1:]) for value in numbers),
        detail=_widest(value.detail for value in values),
        mark=_widest(value.mark for value in values),
    )
    texts = [_text(column, value, widths) for value in values]
    needed = max([cell_len(column.unit), *(text.cell_len for text in texts)])
    names = broken(column.name, needed) if break_name else [column.name]
    heading = [line for line in (*names, column.unit) if line]
    width = max([1, needed, *map(cell_len, heading)])
    return Fields(
        width=width,
        heading=tuple(pad(line, width, right=column.align != "left") for line in heading),
        values=tuple(_filled(text, width, right=column.align != "left") for text in texts),
    )


def _text(column: Column, value: Value, widths: _Widths) -> Text:
    style = STYLES[value.tone]
    if _has_point(column, value):
        whole, point, decimals = value.figure.partition(".")
        figure = pad(whole, widths.whole, right=True) + pad(point + decimals, widths.decimals)
        detail = pad(value.detail, widths.detail, right=True)
    else:
        figure, detail = value.figure, value.detail
    text = Text(figure, style)
    if detail:
        text.append(f" {detail}", "not bold")
    return text.append(pad(value.mark, widths.mark))


def _has_point(column: Column, value: Value) -> bool:
    return column.align == "point" and value.figure.lstrip("+-")[:1].isdigit()


def _filled(text: Text, width: int, *, right: bool) -> Text:
    space = " " * (width - text.cell_len)
    return Text(space) + text if right else text + Text(space)


def _widest(texts: Iterable[str]) -> int:
    return max(map(cell_len, texts), default=0)
