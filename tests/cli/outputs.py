"""Files for the tests of outputs, and commands that answer at once: fixtures."""

import shutil
from pathlib import Path

import msgspec
import pytest

from simx.api import explaining as api_explaining
from simx.api import tuning as api_tuning
from simx.images.pictures import bundled
from simx.results.files.journal import Journal
from simx.results.files.report import write
from simx.results.schema.report import Report
from simx.results.schema.selfcheck import SelfCheck
from simx.runner import doctor
from simx.runner.bench import session
from simx.selfcheck import check
from tests.cli.support import TRAINED_WEIGHTS
from tests.results.builders import measured, report
from tests.results.explanations import EXPLANATION
from tests.results.tunings import TUNING
from tests.runner.test_doctor import SOUND

REPORT = report(measured())

BENCH = ("bench", "squeezenet1_1", "--store", "store", "--weights", "random")

RENDERING: dict[str, tuple[str, ...]] = {
    "report": ("report", "a.json"),
    "decision": ("report", "a.json", "--pareto"),
    "diff": ("diff", "a.json", "b.json"),
    "diff of several": ("diff", "a.json", "b.json", "c.json"),
    "diff of targets": ("diff", "a.json", "--between", "torch", "torch"),
    "models": ("models", "resnet18"),
    "doctor": ("doctor",),
    "selfcheck": ("selfcheck",),
    "history": ("history", "a.json"),
    "explain": ("explain", "squeezenet1_1", "--store", "store"),
}
"""Commands whose results go to stdout."""


@pytest.fixture
def files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make everything that a command can read."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    for name in ("a.json", "b.json", "c.json"):
        write(folder / name, REPORT)
    for name, path in bundled().files():
        shutil.copy(path, folder / f"{name}.jpg")
    shutil.copy(TRAINED_WEIGHTS, folder / "weights.safetensors")
    (folder / "pictures.csv").write_text("anchor,positive,negative\na.jpg,b.jpg,c.jpg\n")
    (folder / "simx.toml").write_text("[report]\ndetail = false\n")
    for inner in (
        "store/exports/m/w/p/manifest.json",
        "store/weights/a.safetensors",
        "torch/hub/checkpoints/a.pth",
    ):
        (folder / inner).parent.mkdir(parents=True)
        (folder / inner).write_text("{}")


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer at once instead of measuring, with what could be the result."""

    def measure(self: session.Session, journal: Journal, path: Path, _: object) -> Report:
        found = msgspec.structs.replace(self.header.report, cells=(measured(),))
        write(path, found)
        journal.remove()
        return found

    monkeypatch.setattr(session.Session, "measure", measure)
    monkeypatch.setattr(doctor, "diagnose", lambda *_: SOUND)
    answer = SelfCheck(
        created="2026-01-05T12:00:00Z",
        simx="0.1.0",
        quick=True,
        threads=1,
        seconds=1.0,
        noise_floor=None,
        checks=(),
    )
    monkeypatch.setattr(check, "run_selfcheck", lambda *_: answer)
    monkeypatch.setattr(api_tuning, "tune_backbones", lambda *_: TUNING)
    monkeypatch.setattr(api_explaining, "explain_backbone", lambda *_, **__: EXPLANATION)
