"""One checkpoint on its way here, over one connection after the other.

Asks for what is missing of it and says what kind of trouble there was; what to do about it is for
``download`` to decide. Knows nothing of hashes.
"""

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from http.client import HTTPException, HTTPResponse, IncompleteRead
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from simx.exporter.weights.address import open_address
from simx.exporter.weights.partial import Partial

Progress = Callable[[int, int | None], None]
"""Told the bytes received so far, and how many there will be where the server says so."""

MEBIBYTE = 1 << 20

_CHUNK_BYTES = 1 << 18
_PARTIAL_CONTENT = 206
_NOT_SATISFIABLE = 416
_PASSING_STATUS = {408, 429}
"""Besides all from 500 on."""

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)")


class Trouble(Enum):
    """What can be hoped for from asking once more."""

    PASSING = "the host is there, and may do better the next time"
    UNREACHABLE = "nobody answers there, whatever is asked for"
    LASTING = "it would be the same again"


class TransferError(Exception):
    """A connection ended without the checkpoint being whole."""

    def __init__(self, trouble: Trouble, reason: str) -> None:
        super().__init__(reason)
        self.trouble = trouble


@dataclass(slots=True)
class Transfer:
    """From where, to where, and what is known of the server that sends it.

    ``began_at`` is where the last connection's part began, ``parts`` whether the server is able to
    send parts, as far as that is known.
    """

    address: str
    target: Path
    limit_bytes: int
    stall_seconds: float
    began_at: int = 0
    parts: bool = True
    _validator: str | None = field(default=None, repr=False)

    @property
    def host(self) -> str:
        """Whom it asks."""
        return urlsplit(self.address).netloc

    def attempt(self, partial: Partial, progress: Progress) -> None:
        """Ask for what is missing, and add it.

        Raises:
            TransferError: not all of it came.
            OSError: the disk refuses.
        """
        with contextlib.closing(self._ask(partial)) as response:
            total = self._begin(response, partial)
            self._require_believable(total or 0)
            progress(partial.size, total)
            for chunk in self._chunks(response):
                self._require_believable(partial.size + len(chunk))
                partial.write(chunk)
                progress(partial.size, total)
        if total is not None and partial.size != total:
            ended = f"the connection ended after {partial.size} of {total} bytes"
            raise TransferError(Trouble.PASSING, ended)

    def _ask(self, partial: Partial) -> HTTPResponse:
        headers = {"Range": f"bytes={partial.size}-"} if partial.size else {}
        if partial.size and self._validator:
            headers["If-Range"] = self._validator
        try:
            return open_address(self.address, self.stall_seconds, headers)
        except HTTPError as error:
            error.close()
            if error.code == _NOT_SATISFIABLE:
                partial.clear()  # there is more here than there
            reason = f"the server answered {error.code}"
            raise TransferError(_trouble_of(error.code), reason) from error
        except (OSError, HTTPException, ValueError) as error:  # ValueError: a malformed redirect
            raise self._network_error(error) from error

    def _begin(self, response: HTTPResponse, partial: Partial) -> int | None:
        """Make the file as long as what the server leaves out; return the length of the whole."""
        total = _number(response.headers.get("Content-Length", ""))
        self.began_at = 0
        if response.status == _PARTIAL_CONTENT:
            found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if found is None or int(found.group(1)) != partial.size:
                self.parts = False
                raise TransferError(Trouble.PASSING, "it sent another part than was asked for")
            self.began_at = partial.size
            total = _number(found.group(2)) or (None if total is None else total + partial.size)
        elif partial.size:
            # With another validator the whole is right: the file there is a new one.
            self.parts = self._validator not in {None, _validator(response)}
            partial.clear()
        self._validator = _validator(response)
        return total

    def _chunks(self, response: HTTPResponse) -> Iterator[bytes]:
        """Yield what the server sends.

        A generator, so that an error of the disk in the caller is never taken for one of the
        network.
        """
        try:
            while chunk := response.read(_CHUNK_BYTES):
                yield chunk
        except (OSError, HTTPException) as error:
            raise self._network_error(error) from error

    def _require_believable(self, size: int) -> None:
        if size > self.limit_bytes:
            raise TransferError(Trouble.LASTING, "it sends far more than the checkpoint's size")

    def _network_error(self, error: Exception) -> TransferError:
        cause = error.reason if isinstance(error, URLError) else error
        if isinstance(cause, ConnectionResetError | ConnectionAbortedError | IncompleteRead):
            trouble = Trouble.PASSING
        elif isinstance(error, URLError) and isinstance(cause, OSError):
            trouble = Trouble.UNREACHABLE  # no name, no route, no listener, no valid certificate
        else:
            trouble = Trouble.PASSING if isinstance(cause, OSError) else Trouble.LASTING
        return TransferError(trouble, self._reason(cause))

    def _reason(self, cause: object) -> str:
        if isinstance(cause, TimeoutError):
            return f"nothing came for {self.stall_seconds:g} s"
        reason = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
        return " ".join(reason.split())


def _trouble_of(status: int) -> Trouble:
    passing = status in _PASSING_STATUS or status == _NOT_SATISFIABLE or status >= 500  # noqa: PLR2004 - HTTP's
    return Trouble.PASSING if passing else Trouble.LASTING


def _validator(response: HTTPResponse) -> str | None:
    """Return the strong validator of what is sent, which If-Range needs (RFC 9110, 13.1.5)."""
    tag: str | None = response.headers.get("ETag")
    return tag if tag and tag.startswith('"') and tag.isascii() and tag.isprintable() else None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None
