"""What two runs of the same thing differ in, learnt from such runs."""

import msgspec
import numpy as np
import pytest

from simx.results.comparison.changes import DEFAULT_SPREAD, RunToRun, run_to_run
from tests.results.comparison.builders import cell, digest

DEFAULT = RunToRun(spread=DEFAULT_SPREAD["forward"])


def test_the_spread_of_runs_is_found() -> None:
    """Beyond what launches show, over many cells and few runs."""
    generator = np.random.default_rng(20260105)
    names = [f"model{place}" for place in range(80)]
    runs = [
        digest(*(cell(name, 50 * np.exp(generator.normal(0, 0.03))) for name in names))
        for _ in range(3)
    ]
    found = run_to_run(runs, "forward")

    assert found.spread == pytest.approx(0.03, rel=0.15)
    assert found.degrees == 160


def test_launches_explain_their_part() -> None:
    """Runs that differ by no more than their launches lead to expect differ in nothing else."""
    runs = [digest(cell(spread=0.05)), digest(cell(milliseconds=50.1, spread=0.05))]

    found = run_to_run(runs, "forward")

    assert found.spread == 0


def test_a_mostly_disturbed_run_teaches_nothing() -> None:
    """What it differs in is not what runs differ in by themselves."""
    noisy = msgspec.structs.replace(cell(milliseconds=100), noisy=True)

    assert run_to_run([digest(cell()), digest(noisy)], "forward") == DEFAULT


def test_what_is_not_repeated_teaches_nothing() -> None:
    """Neither another cell nor another scope."""
    runs = [digest(cell("alexnet")), digest(cell("vgg11"))]

    assert run_to_run(runs, "forward") == DEFAULT
    assert run_to_run([digest(cell()), digest(cell())], "pipeline").spread > 0
