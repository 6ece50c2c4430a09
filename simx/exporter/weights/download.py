"""Download checkpoints into torch's cache, each whole and verified or not at all.

Of several processes that need the same checkpoint one downloads it; the others wait and take its
file. The only module that uses the network: https, or http on this machine. Never imports torch.
"""

import contextlib
import hashlib
import os
import re
import time
import urllib.request
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from email.message import Message
from functools import partial
from http.client import HTTPException, HTTPMessage, HTTPResponse, IncompleteRead
from ipaddress import ip_address
from pathlib import Path
from typing import IO, cast
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from simx import __version__
from simx.common.atomic import make_folder, sync_folder
from simx.common.errors import InputError, SystemFailureError
from simx.common.input_files import shown
from simx.common.locking import lock_file
from simx.exporter.weights.cache import (
    Notice,
    checkpoint_bytes,
    checkpoint_path,
    problem_of,
    remember,
)
from simx.models.backbone import Backbone

_PIECE_BYTES = 2**18
_STATED_HASH = re.compile(r'"?([0-9a-f]{64})"?')
"""The value of ``X-Linked-Etag``, in which timm's hub states the SHA-256 of a file."""
_PASSING_STATUS = {408, 429, *range(500, 600)}

Progress = Callable[[Backbone, int, int | None], None]
"""Receives a backbone, the bytes of its checkpoint that have arrived, and its length if known."""


class TransferError(Exception):
    """A file did not arrive, or is not the right one; another attempt would not help."""


class PassingError(TransferError):
    """The host answers, and may do better the next time."""


class UnreachableError(TransferError):
    """The host does not answer, whichever file is requested."""


@dataclass(slots=True, kw_only=True)
class Downloads:
    """The downloads of one run. May be used from several threads.

    A host that cannot be reached is tried once, however many checkpoints it has. The callbacks run
    in the thread that downloads.

    Args:
        mirror: address of a folder with the files of torch's cache, used instead of the servers
            of torchvision and timm: https, or http on a loopback host.
        offline: never use the network.
        progress: called for each piece that arrives.
        arrived: called when a backbone's checkpoint is complete and verified.
        notice: called with other lines for the user.
        stall_seconds: longest time without a byte.
        retry_seconds: waits before further attempts at one checkpoint.
    """

    mirror: str | None = None
    offline: bool = False
    progress: Progress = lambda *_: None
    arrived: Callable[[Backbone], None] = lambda _: None
    notice: Notice = lambda _: None
    stall_seconds: float = 30.0
    retry_seconds: Sequence[float] = (1.0, 5.0, 20.0)
    _answered: set[str] = field(default_factory=set, init=False)
    _unreachable: dict[str, str] = field(default_factory=dict, init=False)

    def fetch(self, backbone: Backbone) -> Path:
        """Return the path of the backbone's checkpoint in torch's cache, downloaded if missing.

        The file gets its name only after its SHA-256 was found to begin as that name says, to be
        the remembered one, if there is one, and the one that the server states, if it does.

        Raises:
            InputError: the address is not safe or not reachable, the file there is not the
                checkpoint, or downloads are offline.
            SystemFailureError: the cache cannot be written.
        """
        target = checkpoint_path(backbone)
        if self.offline:
            raise InputError(
                f"{target.name} is not in torch's cache, and offline nothing is downloaded; leave "
                "--offline (SIMX_OFFLINE) out, put the file there yourself, or use --weights random"
            )
        address = backbone.url
        if self.mirror is not None:
            address = f"{self.mirror.rstrip('/')}/{target.name}"
        if not is_safe(address):
            raise InputError(
                "the mirror of the weights must be an https address without a user name "
                "(http only on this machine); correct SIMX_WEIGHTS_MIRROR, or unset it"
            )
        waiting = partial(self.notice, f"waiting for another process that downloads {target.name}")
        try:
            make_folder(target.parent)
            with lock_file(target.with_name(f"{target.name}.lock"), on_wait=waiting):
                if not target.exists():
                    self._download(backbone, address, target)
                    self.arrived(backbone)
        except OSError as error:
            raise SystemFailureError(
                f"cannot write {shown(target)}: {error.strerror or error}; "
                "make room there, or set TORCH_HOME to another folder"
            ) from error
        return target

    def _download(self, backbone: Backbone, address: str, target: Path) -> None:
        """Download a checkpoint, from its beginning again after trouble that may pass."""
        host = urlsplit(address).netloc
        if host in self._unreachable:
            reason = f"it could not be reached before ({self._unreachable[host]})"
            raise _failed(target, host, reason)
        for wait in (*self.retry_seconds, None):
            try:
                self._attempt(backbone, address, target)
            except TransferError as error:
                if not isinstance(error, UnreachableError):
                    self._answered.add(host)
                elif wait is None or host not in self._answered:
                    self._unreachable[host] = str(error)
                # An unreachable host that has answered before may come back.
                may_pass = isinstance(error, PassingError | UnreachableError)
                if wait is None or not may_pass or host in self._unreachable:
                    raise _failed(target, host, str(error)) from error
                self.notice(f"{target.name}: {error}; trying again in {wait:g} s")
                time.sleep(wait)
            else:
                self._answered.add(host)
                return

    def _attempt(self, backbone: Backbone, address: str, target: Path) -> None:
        # Twice the catalogue's size is beyond any rounding. A server that sends more is wrong.
        limit = 2 * checkpoint_bytes(backbone) + 2**20
        hasher, done = hashlib.sha256(), 0
        arriving = contextlib.closing(pieces(address, self.stall_seconds))
        with _replacing(target) as file, arriving as arrived:
            for piece, total in arrived:
                done += len(piece)
                if max(done, total or 0) > limit:
                    raise TransferError("it sends far more than the checkpoint's size")
                file.write(piece)
                hasher.update(piece)
                self.progress(backbone, done, total)
            digest = hasher.hexdigest()
            if problem := problem_of(target.name, digest):
                raise TransferError(f"the file there is not the checkpoint: its {problem}")
            remember(target.name, digest, self.notice)


@contextlib.contextmanager
def _replacing(target: Path) -> Iterator[IO[bytes]]:
    """Open a new hidden file that replaces the target, whose lock is held, without an error."""
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
    return InputError(
        f"cannot download {target.name} from {host}: {reason}; check the connection, name a mirror "
        "in SIMX_WEIGHTS_MIRROR, put the file into torch's cache yourself, or use --weights random"
    )


def is_safe(address: str) -> bool:
    """Whether this is an https address, or http on a loopback host, without a user name."""
    try:
        parts = urlsplit(address)
        is_whole = parts.hostname and parts.username is None and parts.port != 0
    except ValueError:  # brackets without an IPv6 address in them, a port that is no number
        return False
    is_private = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(address))
    return bool(is_whole) and is_private


def pieces(address: str, timeout_seconds: float) -> Generator[tuple[bytes, int | None], None, None]:
    """Read the file at a safe address, following redirects to safe ones only.

    The environment's proxies are used, except for loopback hosts.

    Args:
        address: one for which ``is_safe`` holds.
        timeout_seconds: longest silence while connecting and between bytes.

    Yields:
        The next bytes of the file, and the length of the whole file in bytes if the server states
        it. The first piece is empty, so that the length is known before the content.

    Raises:
        TransferError: the host is not reachable, refuses, does not send the whole file, or sends
            one of another SHA-256 than it states.
    """
    done, hasher, redirects = 0, hashlib.sha256(), _SafeRedirects()
    proxies = urllib.request.ProxyHandler({} if _is_loopback(address) else None)
    opener = urllib.request.build_opener(redirects, proxies)
    opener.addheaders = [("User-Agent", f"simx/{__version__}")]
    try:
        with contextlib.closing(opener.open(address, timeout=timeout_seconds)) as response:
            total = response.length
            stated = redirects.stated or _stated_hash(response.headers)
            yield b"", total
            while piece := response.read(_PIECE_BYTES):
                done += len(piece)
                if stated:
                    hasher.update(piece)
                yield piece, total
    except (OSError, HTTPException, ValueError) as error:  # ValueError: a malformed redirect
        raise _transfer_error(error, timeout_seconds) from error
    if total is not None and done != total:
        raise PassingError(f"the connection ended after {done} of {total} bytes")
    if stated and stated != hasher.hexdigest():
        raise TransferError("its sha256 is not the one that the server states")


def _stated_hash(headers: Message) -> str:
    found = _STATED_HASH.fullmatch(headers.get("X-Linked-Etag", ""))
    return found.group(1) if found else ""


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirect only to https, or from this machine to itself.

    ``stated`` is the hash of the file by the first server that states one.
    """

    def __init__(self) -> None:
        self.stated = ""

    def http_error_302(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage
    ) -> HTTPResponse | None:
        self.stated = self.stated or _stated_hash(headers)
        try:
            return cast(HTTPResponse | None, super().http_error_302(req, fp, code, msg, headers))
        except Exception:
            fp.close()  # the base class leaves the refused connection open
            raise

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        from_outside_to_here = _is_loopback(newurl) and not _is_loopback(req.full_url)
        if not is_safe(newurl) or from_outside_to_here:
            raise URLError("it redirects to an address that is not safe (https)")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _is_loopback(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    with contextlib.suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


def _transfer_error(error: Exception, timeout_seconds: float) -> TransferError:
    if isinstance(error, HTTPError):
        error.close()
        kind = PassingError if error.code in _PASSING_STATUS else TransferError
        return kind(f"the server answered {error.code}")
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, ConnectionResetError | ConnectionAbortedError | IncompleteRead):
        kind = PassingError
    elif not isinstance(cause, OSError):
        kind = TransferError
    else:  # URLError while connecting: no name, no route, no listener, or no valid certificate
        kind = UnreachableError if isinstance(error, URLError) else PassingError
    reason = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    if isinstance(cause, TimeoutError):
        reason = f"nothing came for {timeout_seconds:g} s"
    return kind(" ".join(reason.split()))
