"""What a result offers to the formats, and the one place that chooses between these."""

from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from simx.report.blocks.document import Block

Form = Literal["table", "markdown", "csv", "json", "html"]
"""What ``--format`` takes; which of them a result has is the command's to say."""


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """A result as each format takes it, made when it is wanted.

    ``blocks`` are for people; ``json``, ``csv`` and ``html`` return the finished text.
    """

    blocks: Callable[[], Iterable[Block]]
    json: Callable[[], str]
    csv: Callable[[], str] | None = None
    html: Callable[[], str] | None = None


class Screen(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the place that a document is shown in.

    ``width`` is in columns. ``color`` allows escape codes (``NO_COLOR`` still removes colours), and
    ``detail`` asks for the whole document.
    """

    width: int
    color: bool = False
    detail: bool = False


def render(content: Content, form: Form, screen: Screen) -> str:
    """Return a result in a format that it has.

    Returns:
        Text that ends with a line feed. It holds characters beyond ASCII, and escape codes only
        where ``screen`` allows them and the form is ``table``.
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
    raise ValueError(f"there is no such result as {form}")
