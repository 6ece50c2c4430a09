"""Where weights are: torch's cache of checkpoints, and the SHA-256 that each has to have.

The cache has the rules of ``torch.hub``.

torchvision writes the first eight digits of a checkpoint's hash into its name. They show damage,
but such a file can be forged in minutes. So the whole hash is remembered when a checkpoint is first
seen, and required from then on. Each is a file in the user's data folder, as ``sha256sum`` writes
them; beside the checkpoint, a user who can change a shared cache could change both. Never imports
torch.
"""

import hashlib
import io
import os
import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import msgspec

from simx.common.atomic import make_folder, write_atomically
from simx.common.errors import InputError, SystemFailureError
from simx.common.input_files import InputKind, opened, read_whole, shown
from simx.common.user_folders import data_folder, homeless
from simx.exporter.weights.request import WEIGHTS
from simx.models.backbone import TIMM_PREFIX, Backbone
from simx.results.schema.report import WeightsOrigin

_WITHOUT_HASH = ".safetensors"
_HASH_IN_NAME = re.compile(r"-([0-9a-f]{8,64})\.[a-z]+$")


class Source(msgspec.Struct, frozen=True):
    """Where one backbone's weights come from: a file and the hash it has to have, or a seed.

    ``path`` is absolute; ``key`` names one of several networks in the file.
    """

    origin: WeightsOrigin
    path: str | None = None
    sha256: str | None = None
    seed: int = 0
    key: str | None = None

    def label(self) -> str:
        """Name the source exactly, without a path: by the hash of a file, or by a seed.

        Two sources of one backbone with equal labels give the same weights, of the same origin.
        """
        if self.sha256 is None:
            return f"seed {self.seed}"
        label = f"{'checkpoint ' if self.origin == 'pretrained' else ''}sha256 {self.sha256}"
        return label if self.key is None else f"{label} key {self.key}"


def checkpoints_folder() -> Path:
    """Return the folder of torch's downloaded checkpoints, which need not exist.

    It is ``hub/checkpoints`` in ``$TORCH_HOME``, else in ``$XDG_CACHE_HOME/torch``, else in
    ``~/.cache/torch``.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"))
    home = os.environ.get("TORCH_HOME", str(cache / "torch"))
    # Unlike Path.expanduser, this leaves an unknown ~user alone, as torch does.
    return Path(os.path.expanduser(home)) / "hub" / "checkpoints"  # noqa: PTH111 - see above


def checkpoint_path(backbone: Backbone) -> Path:
    """Return where this backbone's checkpoint lies, or would lie, in torch's cache.

    timm's checkpoints all have one name where they come from, and here that of the weights.
    """
    name = PurePosixPath(urlsplit(backbone.url).path).name
    if backbone.source == "timm":
        architecture = backbone.model.removeprefix(TIMM_PREFIX)
        name = f"{architecture}.{backbone.weights}{_WITHOUT_HASH}"
    return checkpoints_folder() / name


def pretrained_cached(backbone: Backbone) -> Path | None:
    """Return the cached checkpoint's path, or None where there is none.

    Its content is checked when it is loaded, on the same open file: an earlier check could be out
    of date.
    """
    path = checkpoint_path(backbone)
    # Unlike Path.exists, this raises nothing for another user's folder.
    return path if os.path.exists(path) else None  # noqa: PTH110 - see above


def checkpoint_bytes(backbone: Backbone) -> int:
    """Return the size of a backbone's checkpoint in bytes, rounded as the catalogue has it."""
    return round(backbone.file_size * 2**20)


def size_of(count: int) -> str:
    """Return a number of bytes as text, in decimal units."""
    gigabytes = count / 1e9
    return f"{gigabytes:.1f} GB" if gigabytes >= 1 else f"{count / 1e6:.1f} MB"


def hash_prefix(name: str) -> str:
    """Return the beginning of the sha256 in a file name such as ``resnet18-f37072fd.pth``.

    It is empty for timm's, whose hash the server states and ``identity`` remembers.

    Raises:
        ValueError: the name carries no hash, so nothing could be verified.
    """
    if name.endswith(_WITHOUT_HASH):
        return ""
    found = _HASH_IN_NAME.search(name)
    if found is None:
        raise ValueError(f"checkpoint name {name!r} carries no hash")
    return found.group(1)


Notice = Callable[[str], None]
"""Receives one line that the user should see."""

_RECORD = InputKind(
    label="remembered hash ",
    mend="delete it to have the checkpoint's hash computed again",
    most_bytes=4096,
)
_LINE = re.compile(r"([0-9a-f]{64})  (\S+)\n")


def checkpoint_hash(path: Path, notice: Notice = lambda _: None) -> str:
    """Return the SHA-256 that a cached checkpoint has to have.

    A checkpoint with a remembered hash is not read here, but checked when it is loaded.

    Raises:
        InputError: its hash is not remembered, and the file is unreadable or does not match its
            name.
    """
    if known := remembered_hash(path.name):
        return known
    digest = file_hash(path)
    if problem := problem_of(path.name, digest):
        raise replaced(path, f"its {problem}")
    remember(path.name, digest, notice)
    return digest


def problem_of(name: str, digest: str) -> str | None:
    """Say why content of this SHA-256 is not the checkpoint of this file name; None if it is.

    The text holds no path, so that it can be published.
    """
    expected = hash_prefix(name)
    if not digest.startswith(expected):
        return f"sha256 begins with {digest[: len(expected)]}, not {expected} as its name says"
    known = remembered_hash(name)
    if known not in {None, digest}:
        return f"sha256 is {digest}, not {known} as remembered in {record_path(name).name}"
    return None


def record_path(name: str) -> Path:
    """Return the file for the remembered hash of the checkpoint of this name.

    Raises:
        InputError: the user has no data folder.
    """
    folder = data_folder()
    if folder is None:
        raise homeless("set XDG_DATA_HOME")
    return folder / "checkpoints" / f"{name}.sha256"


def remembered_hash(name: str) -> str | None:
    """Return the SHA-256 that the checkpoint of this file name has to have, None if unknown.

    Raises:
        InputError: the record cannot be read, or holds no hash of that checkpoint.
    """
    if data_folder() is None or not (path := record_path(name)).exists():
        return None
    line = _LINE.fullmatch(read_whole(path, _RECORD).decode("ascii", "replace"))
    if line is None or line.group(2) != name:
        raise _RECORD.refused(path, f"does not hold the sha256 of {name}")
    return line.group(1)


def remember(name: str, sha256: str, notice: Notice = lambda _: None) -> None:
    """Remember a checkpoint's hash by its file name; give a notice where that is not possible."""
    if remembered_hash(name) == sha256:
        return
    try:
        path = record_path(name)
        make_folder(path.parent)
        write_atomically(path, f"{sha256}  {name}\n".encode())
    except (OSError, InputError, SystemFailureError) as error:
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
        return hash_of(file, path)


def hash_of(file: io.BufferedReader, path: Path) -> str:
    """Return the SHA-256 of an open weights file, and go back to its beginning.

    Raises:
        InputError: unreadable.
    """
    try:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
    except OSError as error:
        raise WEIGHTS.refused(path, f"cannot be read ({error.strerror})") from error
    return digest


def replaced(path: Path, problem: str, otherwise: str = "") -> InputError:
    """Return the error of a checkpoint in torch's cache whose hash is another one."""
    return InputError(
        f"{shown(path)}: {problem}: damaged or replaced; delete it and run with --weights "
        f"pretrained to download it again{otherwise}"
    )
