import urllib.request
from contextlib import closing
from email.message import Message
from http.client import HTTPMessage
from io import BytesIO
from urllib.error import URLError

import pytest

from simx.exporter.weights.download import _SafeRedirects, is_safe, pieces
from tests.exporter.weights.server import Answer, serving


@pytest.mark.parametrize(
    "address",
    [
        "https://weights.example/models",
        "https://weights.example:8443/models",
        "http://localhost:8000",
        "http://127.0.0.1:8000/x",
        "http://127.9.9.9",
        "http://[::1]:8000/x",
    ],
)
def test_https_and_this_machine_are_safe(address: str) -> None:
    """Encrypted from anywhere, or in the clear without leaving the machine."""
    assert is_safe(address)


@pytest.mark.parametrize(
    "address",
    [
        "http://weights.example/models",
        "http://127.0.0.1.weights.example",
        "http://localhost.weights.example",
        "ftp://127.0.0.1/models",
        "file:///models",
        "/models",
        "weights.example",
        "",
        "https://",
        "https://[weights",
        "https://weights.example:port",
        "https://name:secret@weights.example",
        "http://name@127.0.0.1",
    ],
)
def test_everything_else_is_not(address: str) -> None:
    """In the clear, no address at all, or one with a secret in it."""
    assert not is_safe(address)


@pytest.mark.parametrize(
    ("start", "target", "allowed"),
    [
        ("https://weights.example/a", "https://other.example/a", True),
        ("http://127.0.0.1:1/a", "http://127.0.0.1:2/a", True),
        ("http://127.0.0.1:1/a", "https://weights.example/a", True),
        ("https://weights.example/a", "http://weights.example/a", False),
        ("https://weights.example/a", "http://127.0.0.1/a", False),
        ("https://weights.example/a", "https://localhost/a", False),
        ("http://127.0.0.1:1/a", "http://weights.example/a", False),
        ("http://127.0.0.1:1/a", "ftp://127.0.0.1/a", False),
    ],
)
def test_redirects_stay_safe(start: str, target: str, *, allowed: bool) -> None:
    """A redirect never leaves encryption behind, nor leads from outside into this machine."""
    request = urllib.request.Request(start)  # noqa: S310 - never sent
    headers = HTTPMessage(Message().policy)

    def follow() -> urllib.request.Request | None:
        return _SafeRedirects().redirect_request(request, BytesIO(), 302, "", headers, target)

    if allowed:
        followed = follow()

        assert followed is not None
        assert followed.full_url == target
    else:
        with pytest.raises(URLError, match="not safe"):
            follow()


def test_loopback_is_asked_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy elsewhere could not reach this machine's own server."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    with (
        serving({"a": Answer(body=b"content", announced=7)}) as site,
        closing(pieces(f"{site.address}/a", 5.0)) as arriving,
    ):
        assert list(arriving) == [(b"", 7), (b"content", 7)]
