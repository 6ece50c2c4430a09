"""A result for every format, and the choice between formats."""

from collections.abc import Callable, Iterable, Mapping
from typing import Literal

import msgspec

from simx.common.errors import InputError
from simx.report.blocks.document import Block

Exchange = Literal["bencher", "github-action-benchmark", "openmetrics", "otava", "parquet"]
"""What other programs read; see ``simx.report.formats.exchange``."""

Form = Literal["table", "markdown", "csv", "json", "html", Exchange]
"""The values of ``--format``; each command has some of them."""


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """A result as each format takes it, made on demand.

    ``blocks`` are for people; the others return the finished text, or a file's ``parquet``.
    """

    blocks: Callable[[], Iterable[Block]]
    json: Callable[[], str]
    csv: Callable[[], str] | None = None
    html: Callable[[], str] | None = None
    exchange: Mapping[Form, Callable[[], str]] = {}
    parquet: Callable[[], bytes] | None = None


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

    Raises:
        InputError: The result has no such format.
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
        case _ if form in content.exchange:
            return content.exchange[form]()
    raise InputError(f"this result has no form {form}; choose another --format")
