"""Read a file from an address: https, or http on this machine alone.

The only module that uses the network. Knows nothing of checkpoints.
"""

import urllib.request
from collections.abc import Generator
from contextlib import closing
from enum import Enum, auto
from http.client import HTTPException, HTTPMessage, HTTPResponse, IncompleteRead
from ipaddress import ip_address
from typing import IO, cast
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from simx import __version__

_PIECE_BYTES = 2**18
_PASSING_STATUS = {408, 429}
"""Besides all server errors (from 500 on)."""


class Trouble(Enum):
    """What another attempt can bring."""

    PASSING = auto()
    """The host answers, and may do better the next time."""

    UNREACHABLE = auto()
    """The host does not answer, whichever file is requested."""

    LASTING = auto()
    """The result would be the same."""


class TransferError(Exception):
    """A file did not arrive, or is not the right one; the text is the reason."""

    def __init__(self, trouble: Trouble, reason: str) -> None:
        super().__init__(reason)
        self.trouble = trouble


def is_safe(address: str) -> bool:
    """Whether this is a complete https address, or an http one of a loopback host.

    An address with a user name in it is not safe: a secret would be sent along.
    """
    try:
        parts = urlsplit(address)
        whole = bool(parts.hostname) and parts.username is None and parts.port != 0
    except ValueError:  # brackets without an IPv6 address in them, a port that is no number
        return False
    secure = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(address))
    return whole and secure


def pieces(address: str, timeout_seconds: float) -> Generator[tuple[bytes, int | None], None, None]:
    """Read the file at a safe address, following redirects to safe ones only.

    Proxies named in the environment are used, except for loopback hosts.

    Args:
        address: one for which ``is_safe`` holds.
        timeout_seconds: longest silence while connecting and between bytes.

    Yields:
        The next bytes of the file, and the length of the whole file in bytes if the server states
        it. The first piece is empty, so that the length is known before the content.

    Raises:
        TransferError: the host is not reachable, refuses, or does not send the whole file.
    """
    done = 0
    try:
        with closing(_opened(address, timeout_seconds)) as response:
            total = response.length
            yield b"", total
            while piece := response.read(_PIECE_BYTES):
                done += len(piece)
                yield piece, total
    except HTTPError as error:
        error.close()
        passing = error.code in _PASSING_STATUS or error.code >= 500  # noqa: PLR2004 - HTTP's
        trouble = Trouble.PASSING if passing else Trouble.LASTING
        raise TransferError(trouble, f"the server answered {error.code}") from error
    except (OSError, HTTPException, ValueError) as error:  # ValueError: a malformed redirect
        raise TransferError(_trouble(error), _reason(error, timeout_seconds)) from error
    if total is not None and done != total:
        reason = f"the connection ended after {done} of {total} bytes"
        raise TransferError(Trouble.PASSING, reason)


def _opened(address: str, timeout_seconds: float) -> HTTPResponse:
    handlers: list[urllib.request.BaseHandler] = [_SafeRedirects()]
    if _is_loopback(address):
        handlers.append(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(  # noqa: S310 - only https, and http on loopback, get here
        address, headers={"User-Agent": f"simx/{__version__}"}
    )
    opener = urllib.request.build_opener(*handlers)
    return cast(HTTPResponse, opener.open(request, timeout=timeout_seconds))


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirect only to https, or from this machine to itself."""

    def http_error_302(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage
    ) -> HTTPResponse | None:
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
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _trouble(error: Exception) -> Trouble:
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, ConnectionResetError | ConnectionAbortedError | IncompleteRead):
        return Trouble.PASSING
    if not isinstance(cause, OSError):
        return Trouble.LASTING
    # While connecting: no name, no route, no listener, or no valid certificate.
    return Trouble.UNREACHABLE if isinstance(error, URLError) else Trouble.PASSING


def _reason(error: Exception, timeout_seconds: float) -> str:
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, TimeoutError):
        return f"nothing came for {timeout_seconds:g} s"
    reason = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return " ".join(reason.split())
