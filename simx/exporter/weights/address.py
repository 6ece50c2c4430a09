"""Which addresses may be asked for weights, and how: https, or http on this machine alone.

Uses the standard library's HTTP client; knows nothing of checkpoints.
"""

import urllib.request
from collections.abc import Mapping
from http.client import HTTPMessage, HTTPResponse
from ipaddress import ip_address
from typing import IO, cast
from urllib.error import URLError
from urllib.parse import urlsplit

from simx import __version__


def is_safe(address: str) -> bool:
    """Whether this is a complete https address, or an http one of a loopback host.

    An address that carries a user name is neither: what it would send along is a secret.
    """
    try:
        parts = urlsplit(address)
        whole = bool(parts.hostname) and parts.username is None and parts.port != 0
    except ValueError:  # brackets without an IPv6 address in them, a port that is no number
        return False
    secure = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(address))
    return whole and secure


def open_address(
    address: str, timeout_seconds: float, headers: Mapping[str, str] | None = None
) -> HTTPResponse:
    """Ask a safe address, following redirects to safe ones only.

    Proxies named in the environment are used, except for loopback hosts.

    Args:
        address: one for which ``is_safe`` holds.
        timeout_seconds: longest silence while connecting and between bytes.
        headers: what to ask for besides; redirects are asked for the same.

    Returns:
        The response, for the caller to close.

    Raises:
        OSError: not reachable, or refused (``HTTPError``, ``URLError``, ``TimeoutError``).
        HTTPException: what answers does not speak HTTP.
        ValueError: it redirects to something that is no address.
    """
    handlers: list[urllib.request.BaseHandler] = [_SafeRedirects()]
    if _is_loopback(address):
        handlers.append(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(  # noqa: S310 - only https, and http on loopback, get here
        address, headers={"User-Agent": f"simx/{__version__}", **(headers or {})}
    )
    opener = urllib.request.build_opener(*handlers)
    return cast(HTTPResponse, opener.open(request, timeout=timeout_seconds))


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirect only to https, or from this machine to itself."""

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
