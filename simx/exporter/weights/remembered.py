"""The whole SHA-256 of each checkpoint that this user has had, by the checkpoint's file name.

torchvision writes the first eight digits of the hash into the name. They show damage, but a file
that has them is made in minutes. So the whole hash is remembered once a checkpoint has been seen,
and has to be the same from then on, in whatever cache the file lies.

Each is a file in the user's data folder, as ``sha256sum`` writes them. Beside the checkpoint it
would protect from nobody: who can change a shared cache would change both.
"""

import re
from pathlib import Path

from platformdirs import user_data_path

from simx.common.atomic import make_folder, write_atomically
from simx.common.errors import SystemFailureError
from simx.common.input_files import InputKind, read_whole

_RECORD = InputKind(
    label="remembered hash ",
    mend="delete it to have the checkpoint's hash taken anew",
    most_bytes=4096,
)
_LINE = re.compile(r"([0-9a-f]{64})  (\S+)\n")


def record_path(name: str) -> Path:
    """Return where the hash of the checkpoint of this file name is, or would be, remembered."""
    return user_data_path("simx") / "checkpoints" / f"{name}.sha256"


def remembered_hash(name: str) -> str | None:
    """Return the SHA-256 that the checkpoint of this file name has to have, None if unknown.

    Raises:
        InputError: what is remembered cannot be read, or is no hash of that checkpoint.
    """
    path = record_path(name)
    if not path.exists():
        return None
    line = _LINE.fullmatch(read_whole(path, _RECORD).decode("ascii", "replace"))
    if line is None or line.group(2) != name:
        raise _RECORD.refused(path, f"does not hold the sha256 of {name}")
    return line.group(1)


def remember(name: str, sha256: str) -> None:
    """Remember the hash of the checkpoint of this file name.

    Raises:
        SystemFailureError: the user's data folder cannot be written.
    """
    path = record_path(name)
    try:
        make_folder(path.parent)
    except OSError as error:
        raise SystemFailureError(f"cannot make {path.parent}: {error.strerror}") from error
    write_atomically(path, f"{sha256}  {name}\n".encode())
