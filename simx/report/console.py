"""Lines of styled text -> the characters a terminal is sent."""

import io
from collections.abc import Iterable

from rich.text import Text

NARROWEST = 60
"""Columns; a terminal that says it has fewer gets lines it has to wrap by itself."""


def to_string(texts: Iterable[Text], *, width: int, color: bool) -> str:
    """Return lines of text, with escape codes where ``color`` says so and ``NO_COLOR`` is unset."""
    if not color:
        return "".join(f"{text.plain}\n" for text in texts)
    from rich.console import Console  # noqa: PLC0415 - the larger part of rich, for colour alone

    console = Console(
        file=io.StringIO(), width=width, force_terminal=color, highlight=False, soft_wrap=True
    )
    with console.capture() as capture:
        for text in texts:
            console.print(text)
    return capture.get()
