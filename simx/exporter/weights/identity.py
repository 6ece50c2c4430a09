"""Which content a weights file has to have: its SHA-256, taken of the open file.

A checkpoint's hash is the one that is remembered; where none is, the file is trusted once, if its
hash begins as its name says, and remembered from then on. A user's file has the hash it had when it
was first looked at.
"""

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

from simx.common.errors import InputError, SystemFailureError
from simx.common.input_files import opened, shown
from simx.exporter.weights.cache import hash_prefix
from simx.exporter.weights.remembered import record_path, remember, remembered_hash
from simx.exporter.weights.request import WEIGHTS

Notice = Callable[[str], None]
"""Told something a user should know, as one line."""


def tell_nobody(line: str) -> None:
    """Drop a notice."""


def checkpoint_hash(path: Path, notice: Notice = tell_nobody) -> str:
    """Return the SHA-256 that a cached checkpoint has to have.

    Nothing is read where it is remembered: whether the file still has it is asked when it is
    loaded.

    Raises:
        InputError: its hash is not remembered, and the file is unreadable or not what its name
            promises.
    """
    known = remembered_hash(path.name)
    if known is not None:
        return known
    digest = file_hash(path)
    problem = problem_of(path.name, digest)
    if problem is not None:
        raise _replaced(path, f"its {problem}")
    accept(path.name, digest, notice)
    return digest


def problem_of(name: str, digest: str) -> str | None:
    """Say why content of this SHA-256 is not the checkpoint of this file name; None if it is."""
    expected = hash_prefix(name)
    if not digest.startswith(expected):
        return f"sha256 begins with {digest[: len(expected)]}, not {expected} as its name says"
    known = remembered_hash(name)
    if known not in {None, digest}:
        return f"sha256 is {digest}, not {known}, which {shown(record_path(name))} holds"
    return None


def accept(name: str, digest: str, notice: Notice) -> None:
    """Remember a checkpoint's hash, unless it is; say so where that is not possible."""
    try:
        if remembered_hash(name) != digest:
            remember(name, digest)
    except SystemFailureError as error:
        notice(
            "the hashes of checkpoints cannot be remembered, so that an exchanged one may go "
            f"unnoticed ({error})"
        )


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a weights file.

    Raises:
        InputError: absent, unreadable or no regular file.
    """
    with opened(path, WEIGHTS) as file:
        return _hash_of(file, path)


def require_checkpoint(file: io.BufferedReader, path: Path, sha256: str) -> None:
    """Refuse an open checkpoint of any other content; leaves the file at its beginning.

    Raises:
        InputError: its hash is another one.
    """
    digest = _hash_of(file, path)
    if digest != sha256:
        raise _replaced(
            path,
            f"its sha256 is {digest}, not {sha256} as before",
            f" (if what is there now is right, delete {shown(record_path(path.name))} instead)",
        )


def require_file(file: io.BufferedReader, path: Path, sha256: str) -> None:
    """Refuse an open file that has changed; leaves it at its beginning.

    Raises:
        InputError: its hash is another one.
    """
    if _hash_of(file, path) != sha256:
        raise InputError(
            f"weights file {shown(path)}: changed while it was exported; leave it alone meanwhile"
        )


def _hash_of(file: io.BufferedReader, path: Path) -> str:
    try:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
    except OSError as error:
        raise WEIGHTS.refused(path, f"cannot be read ({error.strerror})") from error
    return digest


def _replaced(path: Path, problem: str, otherwise: str = "") -> InputError:
    return InputError(
        f"{shown(path)}: {problem}: damaged or replaced; delete it and run with --weights "
        f"pretrained to fetch it again{otherwise}"
    )
