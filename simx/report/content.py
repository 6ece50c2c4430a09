"""A result for every format, and the choice between formats."""

from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from simx.report.blocks.document import Block

Form = Literal["table", "markdown", "csv", "json", "html"]
"""The values of ``--format``; each command has some of them."""


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """A result as each format takes it, made on demand.

    ``blocks`` are for people; ``json``, ``csv`` and ``html`` return the finished text.
    """

    blocks: Callable[[], Iterable[Block]]
    json: Callable[[], str]
    csv: Callable[[], str] | None = None
    html: Callable[[], str] | None = None


class Screen(msgspec.Struct, frozen=True, kw_only=True):
    """Where a document is shown.

    ``width`` is in columns. ``color`` allows escape codes (``NO_COLOR`` still removes colours).
    ``detail`` shows the whole document. ``in_ascii`` spells signs in ASCII.
    """

    width: int
    color: bool = False
    detail: bool = False
    in_ascii: bool = False


def render(content: Content, form: Form, screen: Screen) -> str:
    """Return a result in a format that it has.

    Returns:
        Text that ends with a line feed. Only a ``table`` has escape codes, if ``screen`` allows
        them.
    """
    # Each format has a library of its own to load.
    match form:
        case "table":
            from simx.report.formats import terminal  # noqa: PLC0415

            return terminal.render(content.blocks(), screen)
        case "markdown":
            from simx.report.formats import markdown  # noqa: PLC0415

            return markdown.render(content.blocks())
        case "json":
            return content.json()
        case "csv" if content.csv is not None:
            return content.csv()
        case "html" if content.html is not None:
            return content.html()
    raise ValueError(f"this result has no form {form}")
