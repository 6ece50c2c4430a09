"""Running simx in the tests of its command line."""

import os
import re
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

ROOT = Path(__file__).resolve().parents[2]
TRAINED_WEIGHTS = ROOT / "tests" / "data" / "squeezenet1_1.safetensors"

_PROGRESS = re.compile(r"\[\d+/\d+\] ")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run of the command line left behind."""

    code: int
    out: str
    err: str

    @property
    def messages(self) -> list[str]:
        """The lines on stderr that are neither progress nor empty, as the one after ``^C`` is."""
        return [line for line in self.err.splitlines() if line and not _PROGRESS.match(line)]


class Simx(Protocol):
    """Runs the command line in this process."""

    def __call__(self, *arguments: str | Path) -> Outcome: ...


def run_simx(
    *arguments: str | Path,
    cwd: Path,
    variables: Mapping[str, str] | None = None,
    python: tuple[str | Path, ...] = (sys.executable, "-m", "simx"),
) -> Outcome:
    """Run the command line, or another Python program, in a process of its own.

    Nothing of the caller's settings, caches and data folders reaches it.
    """
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SIMX_", "XDG_", "TORCH_")) and name not in {"NO_COLOR", "COLUMNS"}
    }
    done = subprocess.run(
        [*python, *arguments],
        cwd=cwd,
        env=inherited | isolated(cwd) | dict(variables or {}),
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=600,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def run_simx_into_a_full_stdout(*arguments: str, cwd: Path) -> Outcome:
    """Run the command line with a stdout that has no space left, or skip the test."""
    device = Path("/dev/full")
    if not device.exists():
        pytest.skip("there is no /dev/full here")

    with device.open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "simx", *arguments],
            cwd=cwd,
            stdout=full,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            check=False,
            timeout=600,
        )
    return Outcome(done.returncode, "", done.stderr)


def borrowing_environment(folder: Path) -> Path:
    """Make a virtual environment that borrows the packages of this one, and return its folder."""
    venv.create(folder, symlinks=True)
    packages = [path for path in sys.path if path.endswith("site-packages")]
    name = f"python{sysconfig.get_python_version()}"
    borrowed = folder / "lib" / name / "site-packages" / "borrowed.pth"
    borrowed.write_text("\n".join(packages), encoding="utf-8")
    return folder


def isolated(folder: Path) -> dict[str, str]:
    """Return the variables that put caches and data into a folder of the test's own."""
    return {
        "XDG_CACHE_HOME": str(folder / "cache"),
        "XDG_DATA_HOME": str(folder / "data"),
        "TORCH_HOME": str(folder / "torch"),
    }
