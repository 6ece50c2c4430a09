"""The command line in this process, in an empty folder, with nobody's settings."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from simx.cli import main
from tests.cli.support import Outcome, Simx, isolated


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, out of reach of the caller's settings."""
    for name in os.environ:
        if name.startswith("SIMX_") or name in {"NO_COLOR", "COLUMNS"}:
            monkeypatch.delenv(name)
    for name, value in isolated(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def simx(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Simx]:
    """Run the command line in this process, which then handles signals as before."""
    handled = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    handlers = [signal.getsignal(number) for number in handled]

    def run(*arguments: str | Path) -> Outcome:
        for number in handled:
            signal.signal(number, signal.SIG_DFL)
        monkeypatch.setattr(sys, "argv", ["simx", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), captured.out, captured.err)

    yield run
    for number, handler in zip(handled, handlers, strict=True):
        signal.signal(number, handler)
