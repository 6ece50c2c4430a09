"""The last lines that a worker wrote to stderr, bounded and fit for a report."""

from simx.common.anonymous import anonymous
from simx.common.safe_text import clean

MOST_LINES = 12
MOST_CHARACTERS = 160
"""Of a line: enough for one of a traceback or of a library's message."""

TAIL_BYTES = 16_000
"""How much of the end of stderr is read."""


def stderr_tail(stderr: bytes) -> tuple[str, ...]:
    """Return the last lines of what a worker wrote, without paths and names of users and hosts."""
    lines = stderr[-TAIL_BYTES:].decode(errors="replace").split("\n")
    shown = [text for line in lines if (text := anonymous(clean(line)))]
    return tuple(_cut(text) for text in shown[-MOST_LINES:])


def _cut(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"
