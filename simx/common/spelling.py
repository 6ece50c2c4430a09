"""Spells text in ASCII where a stream cannot encode it, so that no sign becomes a question mark."""

import codecs

_SPELLINGS = str.maketrans(
    {
        "\N{MULTIPLICATION SIGN}": "x",
        "\N{EN DASH}": "-",
        "\N{EM DASH}": "-",
        "±": "+-",
        "≈": "~",
        "◂": "<",
        "°": "*",
        "†": "^",
        "‡": "#",
        "✗": "X",
        "·": "-",
        "→": "->",
        "…": "...",
        "µ": "u",
        "²": "^2",
        "─": "-",
        "━": "-",
        "’": "'",  # noqa: RUF001 - libraries quote with it
        "‘": "'",  # noqa: RUF001 - likewise
        "“": "'",
        "”": "'",
    }
)
"""Every sign of simx's own texts and tables. None becomes a quotation mark or a backslash, so that
JSON stays JSON."""

IN_ASCII = "simx-in-ascii"
"""The error handler of streams; ``register`` makes it known to Python."""


def spelt(text: str) -> str:
    """Return a text with the ASCII spellings of the signs that simx uses."""
    return text.translate(_SPELLINGS)


def can_show(encoding: str) -> bool:
    """Whether text in this encoding has all the signs of tables."""
    try:
        "".join(map(chr, _SPELLINGS)).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def register() -> None:
    """Make the error handler known. It writes other characters than signs as escapes."""
    codecs.register_error(IN_ASCII, _spelt_part)


def _spelt_part(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    part = spelt(error.object[error.start : error.end])
    return part.encode("ascii", "backslashreplace").decode("ascii"), error.end
