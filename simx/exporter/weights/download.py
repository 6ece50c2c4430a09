"""Fetch one checkpoint into torch's cache, whole and verified or not at all.

Which addresses may be asked is ``address``'s matter; never imports torch. Whoever else fetches the
same checkpoint at the same time waits for the first and shares its file.
"""

import contextlib
import hashlib
import os
from collections.abc import Callable, Generator
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from filelock import FileLock

from simx.errors import InputError, SystemFailureError
from simx.exporter.weights.address import is_safe, open_address
from simx.exporter.weights.cache import checkpoint_path, hash_prefix
from simx.models.backbone import Backbone
from simx.results.atomic import make_folder, sync_folder

Progress = Callable[[int, int | None], None]
"""Told the bytes received so far, and how many there will be where the server says so."""

STALL_SECONDS = 30.0
"""How long a connection may deliver nothing at all before it is given up."""

_CHUNK_BYTES = 1 << 18
_MEBIBYTE = 1 << 20

_ALTERNATIVES = (
    "check the connection, name a mirror in SIMX_WEIGHTS_MIRROR, put the file into {folder} "
    "yourself, or use --weights random"
)


def ignore_progress(done: int, total: int | None) -> None:
    """Report to nobody."""


@dataclass(frozen=True, slots=True)
class _Transfer:
    """One checkpoint on its way: from where, to where, and its largest believable size."""

    address: str
    target: Path
    limit_bytes: int
    stall_seconds: float

    @property
    def host(self) -> str:
        return urlsplit(self.address).netloc

    def failed(self, reason: str) -> InputError:
        """Say in one line what kept this checkpoint away and what else can be done."""
        advice = _ALTERNATIVES.format(folder=self.target.parent)
        return InputError(f"cannot fetch {self.target.name} from {self.host}: {reason}; {advice}")


def download(
    backbone: Backbone,
    *,
    mirror: str | None = None,
    progress: Progress = ignore_progress,
    stall_seconds: float = STALL_SECONDS,
) -> Path:
    """Fetch the backbone's checkpoint into torch's cache, unless it has arrived there already.

    The file appears under its name only when its sha256 begins as that name says.

    Args:
        backbone: whose ``url`` names the checkpoint.
        mirror: address of a folder that holds the same files under the same names, instead of
            torchvision's server: https, or http on a loopback host.
        progress: called after every chunk with bytes done and bytes in all (None if unknown).
        stall_seconds: longest time without a byte.

    Returns:
        The path of the checkpoint.

    Raises:
        InputError: the address is not safe or not reachable, or what it sent is not the checkpoint.
        SystemFailureError: the cache cannot be written.
    """
    target = checkpoint_path(backbone)
    transfer = _Transfer(
        address=backbone.url if mirror is None else f"{mirror.rstrip('/')}/{target.name}",
        target=target,
        # Twice the catalogue's figure is past any rounding; a server that sends on is wrong.
        limit_bytes=int(2 * backbone.file_size * _MEBIBYTE) + _MEBIBYTE,
        stall_seconds=stall_seconds,
    )
    if not is_safe(transfer.address):
        raise InputError(
            "the mirror of the weights must be an https address without a user name "
            "(http only on this machine); mend SIMX_WEIGHTS_MIRROR, or unset it"
        )
    try:
        make_folder(target.parent)
        with FileLock(f"{target}.lock"):
            if not target.exists():
                _fetch(transfer, progress)
    except OSError as error:
        raise SystemFailureError(
            f"cannot write {target}: {error.strerror or error}; "
            "make room there, or set TORCH_HOME to another folder"
        ) from error
    return target


def _fetch(transfer: _Transfer, progress: Progress) -> None:
    partial = transfer.target.with_name(f".{transfer.target.name}.partial")
    try:
        with partial.open("wb") as file:
            _receive(transfer, file, progress)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(transfer.target)
        sync_folder(transfer.target.parent)
    finally:
        partial.unlink(missing_ok=True)


def _receive(transfer: _Transfer, file: IO[bytes], progress: Progress) -> None:
    """Write what the server sends to the open file and check it: length, then hash."""
    digest = hashlib.sha256()
    done, total = 0, None
    with contextlib.closing(_chunks(transfer)) as chunks:
        for chunk, total in chunks:
            done += len(chunk)
            if max(done, total or 0) > transfer.limit_bytes:
                raise transfer.failed("it sends far more than the checkpoint's size")
            file.write(chunk)
            digest.update(chunk)
            progress(done, total)
    if total is not None and done != total:
        raise transfer.failed(f"the connection ended after {done} of {total} bytes")
    expected = hash_prefix(transfer.target.name)
    if not digest.hexdigest().startswith(expected):
        raise transfer.failed(
            f"what it sent has a sha256 beginning {digest.hexdigest()[: len(expected)]}, "
            f"not {expected}, and was thrown away"
        )


def _chunks(transfer: _Transfer) -> Generator[tuple[bytes, int | None]]:
    """Yield what the server sends, each piece with the length it announced; the first is empty.

    A generator, so that an error of the disk in the caller is never taken for one of the network.
    """
    try:
        with open_address(transfer.address, transfer.stall_seconds) as response:
            total = _announced_length(response)
            yield b"", total
            while chunk := response.read(_CHUNK_BYTES):
                yield chunk, total
    except HTTPError as error:
        error.close()
        raise transfer.failed(f"the server answered {error.code}") from error
    except (OSError, HTTPException, ValueError) as error:  # ValueError: a malformed redirect
        raise transfer.failed(_network_reason(error, transfer.stall_seconds)) from error


def _announced_length(response: HTTPResponse) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdigit() else None


def _network_reason(error: Exception, stall_seconds: float) -> str:
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, TimeoutError):
        return f"nothing came for {stall_seconds:g} s"
    reason = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return " ".join(reason.split())
