"""Pairs that change a backend: options of its provider, and variables of its workers' environment.

Both are typed as ``KEY=VALUE``, also in a backend's name; upper case tells them apart.
"""

import re

from simx.common.errors import InputError
from simx.results.schema.partial_placement import PARTIAL

_KEY = re.compile(r"[A-Za-z_][\w.]*", re.ASCII)
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*", re.ASCII)
"""An environment variable, which by this differs from a provider's option in a backend's name."""

_VALUE = re.compile(r"[^\s+\x00-\x1f\x7f]+")
"""The value of either: no character that has a meaning in a backend's name."""


def is_variable(text: str) -> bool:
    """Whether a part of a backend's name is a pair with the name of a variable."""
    name, sign, _ = text.partition("=")
    return bool(sign and _VARIABLE.fullmatch(name))


def provider_option(text: str) -> str:
    """Return an option of a provider, ``key=value``, without the space around its parts.

    Raises:
        InputError: it has another form, or cannot be part of a backend's name.
    """
    key, sign, value = (part.strip() for part in text.partition("="))
    if not (sign and _KEY.fullmatch(key) and _VALUE.fullmatch(value)):
        raise InputError(
            f"provider option {text!r}: write it as KEY=VALUE, such as use_tf32=1, without '+' "
            "or spaces in it"
        )
    if _VARIABLE.fullmatch(key):
        raise InputError(
            f"provider option {text!r}: such a name is that of an environment variable; pass it "
            "with --env"
        )
    if key == PARTIAL:
        raise InputError(
            f"provider option {text!r}: {PARTIAL} marks the cells that --allow-partial accepts; "
            "it is no option"
        )
    return f"{key}={value}"


def variable(text: str) -> str:
    """Return an environment variable for workers, ``NAME=VALUE``.

    Raises:
        InputError: it has another form, or cannot be part of a backend's name.
    """
    name, _, value = text.partition("=")
    if not (_VARIABLE.fullmatch(name) and _VALUE.fullmatch(value)):
        raise InputError(
            f"variable {text!r}: write it as NAME=VALUE, such as OMP_THREAD_LIMIT=1, with a name "
            "in upper case, and without '+' or spaces"
        )
    return text
