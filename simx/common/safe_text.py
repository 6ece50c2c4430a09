"""Texts for people: counts, and texts of unknown origin that are safe to print."""

import re
import unicodedata

_ESCAPE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor movement
    r"|\x1b[\]PX^_].*?(?:\x1b\\|\x07|$)"  # OSC, DCS and the like: titles, links, clipboard
    r"|\x1b[ -/]*[0-~]?",  # all shorter ones
    re.DOTALL,
)
_BREAKS = frozenset({"Cc", "Zl", "Zp"})
_INVISIBLE = frozenset({"Cf", "Cs", "Co", "Cn"})


def clean(text: str) -> str:
    """Return one line of visible characters.

    Escape sequences are removed with their arguments, control characters and line breaks become
    spaces, and characters that are invisible or reverse the reading direction are removed.
    """
    visible = (_visible(character) for character in _ESCAPE.sub("", text))
    return " ".join("".join(visible).split())


def counted(count: float, noun: str) -> str:
    """Return for example ``1 cell``, ``2,000 cells``, ``1.5 cores`` or ``3 launches``."""
    number = f"{count:,}" if isinstance(count, int) else f"{count:g}"
    ending = "" if count == 1 else "es" if noun.endswith("ch") else "s"
    return f"{number} {noun}{ending}"


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category in _BREAKS:
        return " "
    return "" if category in _INVISIBLE else character
