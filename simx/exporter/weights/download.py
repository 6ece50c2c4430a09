"""Download checkpoints into torch's cache, each whole and verified or not at all.

Of several processes that need the same checkpoint one downloads it; the others wait and take its
file. Never imports torch.
"""

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from simx.common.atomic import make_folder, sync_folder
from simx.common.errors import InputError, SystemFailureError
from simx.common.input_files import shown
from simx.common.locking import lock_file
from simx.exporter.weights.address import TransferError, Trouble, is_safe, pieces
from simx.exporter.weights.cache import checkpoint_bytes, checkpoint_path
from simx.exporter.weights.identity import Notice, accept, problem_of
from simx.models.backbone import Backbone

STALL_SECONDS = 30.0
"""Longest time without a byte before a connection is given up."""

RETRY_SECONDS = (1.0, 5.0, 20.0)
"""Waits before a host that has trouble is asked again."""


Progress = Callable[[Backbone, int, int | None], None]
"""Receives a backbone, the bytes of its checkpoint that have arrived, and its length if known."""


class Downloads:
    """The downloads of one run. May be used from several threads.

    A host that cannot be reached is asked once, however many checkpoints are wanted from it.
    """

    def __init__(
        self,
        *,
        mirror: str | None = None,
        offline: bool = False,
        progress: Progress = lambda *_: None,
        arrived: Callable[[Backbone], None] = lambda _: None,
        notice: Notice = lambda _: None,
        stall_seconds: float = STALL_SECONDS,
        retry_seconds: Sequence[float] = RETRY_SECONDS,
    ) -> None:
        """Set downloads up; nothing is requested yet.

        Args:
            mirror: address of a folder with the same files under the same names, to be used
                instead of torchvision's server: https, or http on a loopback host.
            offline: never use the network.
            progress: called for each piece that arrives.
            arrived: called when a backbone's checkpoint is complete and verified.
            notice: called with everything else that the user should know. All three are called in
                the thread that downloads.
            stall_seconds: longest time without a byte.
            retry_seconds: waits before further attempts at one checkpoint.
        """
        self.notice = notice
        self._progress = progress
        self._arrived = arrived
        self._mirror = mirror
        self._offline = offline
        self._stall_seconds = stall_seconds
        self._retry_seconds = tuple(retry_seconds)
        self._answered: set[str] = set()
        self._unreachable: dict[str, str] = {}

    def fetch(self, backbone: Backbone) -> Path:
        """Return the path of the backbone's checkpoint in torch's cache, downloaded if missing.

        The file gets its name only after its SHA-256 was found to begin as that name says, and to
        be the one that is remembered, if one is.

        Args:
            backbone: whose ``url`` names the checkpoint.

        Raises:
            InputError: the address is not safe or not reachable, the file there is not the
                checkpoint, or downloads are offline.
            SystemFailureError: the cache cannot be written.
        """
        target = checkpoint_path(backbone)
        if self._offline:
            raise InputError(
                f"{target.name} is not in torch's cache, and offline nothing is downloaded; leave "
                "--offline (SIMX_OFFLINE) out, put the file there yourself, or use --weights random"
            )
        address = self._address(backbone, target.name)
        waiting = partial(self.notice, f"waiting for another process that downloads {target.name}")
        try:
            make_folder(target.parent)
            with lock_file(target.with_name(f"{target.name}.lock"), on_wait=waiting):
                if not target.exists():
                    self._download(backbone, address, target)
                    self._arrived(backbone)
        except OSError as error:
            raise SystemFailureError(
                f"cannot write {shown(target)}: {error.strerror or error}; "
                "make room there, or set TORCH_HOME to another folder"
            ) from error
        return target

    def _address(self, backbone: Backbone, name: str) -> str:
        mirror = self._mirror
        address = backbone.url if mirror is None else f"{mirror.rstrip('/')}/{name}"
        if not is_safe(address):
            raise InputError(
                "the mirror of the weights must be an https address without a user name "
                "(http only on this machine); correct SIMX_WEIGHTS_MIRROR, or unset it"
            )
        return address

    def _download(self, backbone: Backbone, address: str, target: Path) -> None:
        """Download a checkpoint, from its beginning again after trouble that may pass."""
        host, waits = urlsplit(address).netloc, iter(self._retry_seconds)
        if host in self._unreachable:
            reason = f"it could not be reached before ({self._unreachable[host]})"
            raise _failed(target, host, reason)
        while True:
            try:
                self._attempt(backbone, address, target)
            except TransferError as error:
                wait = next(waits, None) if self._may_pass(host, error) else None
                if wait is None:
                    if error.trouble is Trouble.UNREACHABLE:
                        self._unreachable[host] = str(error)
                    raise _failed(target, host, str(error)) from error
                self.notice(f"{target.name}: {error}; trying again in {wait:g} s")
                time.sleep(wait)
            else:
                self._answered.add(host)
                return

    def _may_pass(self, host: str, error: TransferError) -> bool:
        """Whether another attempt makes sense; a network that was there may come back."""
        if error.trouble is Trouble.UNREACHABLE:
            return host in self._answered
        self._answered.add(host)
        return error.trouble is Trouble.PASSING

    def _attempt(self, backbone: Backbone, address: str, target: Path) -> None:
        with _replacing(target) as file:
            digest = self._receive(backbone, address, file)
            problem = problem_of(target.name, digest)
            if problem is not None:
                reason = f"the file there is not the checkpoint: its {problem}"
                raise TransferError(Trouble.LASTING, reason)
            accept(target.name, digest, self.notice)

    def _receive(self, backbone: Backbone, address: str, file: IO[bytes]) -> str:
        """Write what arrives to a file and return its SHA-256."""
        # Twice the catalogue's size is beyond any rounding. A server that sends more is wrong.
        limit = 2 * checkpoint_bytes(backbone) + 2**20
        digest, done = hashlib.sha256(), 0
        with contextlib.closing(pieces(address, self._stall_seconds)) as arriving:
            for piece, total in arriving:
                done += len(piece)
                if max(done, total or 0) > limit:
                    reason = "it sends far more than the checkpoint's size"
                    raise TransferError(Trouble.LASTING, reason)
                file.write(piece)
                digest.update(piece)
                self._progress(backbone, done, total)
        return digest.hexdigest()


@contextlib.contextmanager
def _replacing(target: Path) -> Iterator[IO[bytes]]:
    """Open a new hidden file beside the target, which takes its place unless an error is raised.

    What a process that was killed has left there is removed first, and so is a link. The caller
    holds the target's lock.
    """
    unfinished = target.with_name(f".{target.name}.partial")
    unfinished.unlink(missing_ok=True)
    try:
        with unfinished.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
        sync_folder(target.parent)
    finally:
        with contextlib.suppress(OSError):  # a failing disk must not hide the first error
            unfinished.unlink(missing_ok=True)


def _failed(target: Path, host: str, reason: str) -> InputError:
    """Return the error of a checkpoint that did not arrive; holds no path of this machine."""
    return InputError(
        f"cannot download {target.name} from {host}: {reason}; check the connection, name a mirror "
        "in SIMX_WEIGHTS_MIRROR, put the file into torch's cache yourself, or use --weights random"
    )
