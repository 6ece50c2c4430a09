"""A headless Chromium for the tests of what a page does, and a page that is watched."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest

DEMANDED = "SIMX_TEST_BROWSER"
"""A variable that is set where these tests have to run, and a missing browser is a failure."""

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
"""Nothing but the page is loaded; a container's root may run it, and has no graphics card."""


@contextmanager
def chromium() -> Iterator[Any]:
    """Start Chromium with a profile of its own; skip the test where there is none, or fail it."""
    executable = next(filter(None, map(shutil.which, _NAMES)), None)
    if executable is None:
        _lacking("no Chromium is installed (on Debian: apt-get install chromium)")
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 - an extra
    except ImportError:
        _lacking("playwright is not installed (pip install 'simx-bench[browser]')")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=_OPTIONS)
        yield browser
        browser.close()


def _lacking(reason: str) -> None:
    if os.environ.get(DEMANDED):
        pytest.fail(reason)
    pytest.skip(reason)


class Watched:
    """A page in a window of its own, with all that it complained of or asked for."""

    def __init__(
        self,
        browser: Any,
        path: Path,
        *,
        width: int = 1280,
        theme: str = "light",
        scripts: bool = True,
    ) -> None:
        self._context = browser.new_context(
            viewport={"width": width, "height": 800},
            color_scheme=theme,
            java_script_enabled=scripts,
            reduced_motion="reduce",
        )
        self.page = self._context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.requests: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._context.close()

    def js(self, expression: str, argument: object = None) -> Any:
        """Return what an expression amounts to in the page."""
        return self.page.evaluate(expression, argument)
