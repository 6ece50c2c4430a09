"""The content of a table's field: text for people, and its tone."""

from typing import Literal

import msgspec

Tone = Literal["plain", "strong", "best", "bad", "faint", "warning"]
"""``faint`` explains, ``warning`` must be noticed, and ``bad`` must be repaired."""

NANOSECONDS_PER_MS = 1e6


class Value(msgspec.Struct, frozen=True):
    """A figure or a word, safe to print.

    ``detail`` (an interval) and ``mark`` (a sign that a note explains) follow the figure.
    """

    figure: str
    detail: str = ""
    mark: str = ""
    tone: Tone = "plain"

    @property
    def text(self) -> str:
        """All of it on one line."""
        return " ".join(part for part in (self.figure, self.detail) if part) + self.mark


ABSENT = Value("\N{EN DASH}", tone="faint")

BUSY = Value("busy", tone="warning")
"""In place of a time or a ratio that a busy machine made meaningless."""
