"""Signals end a sweep in order at any moment, whatever its workers are doing."""

import random
import signal
import sys
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

import pytest

from simx.results.files.journal import journal_path
from simx.results.files.report import read
from tests.faults.watching import GONE_SECONDS, WHOLE, Sweeps, acknowledged, finished, kept

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux")


def test_a_signal_at_any_moment_loses_nothing(
    sweeps: Sweeps,
    tmp_path: Path,
    often: Callable[[int, int], int],
    counted: Callable[[str], None],
) -> None:
    """It ends with the signal's own ending, a report of what was finished, and nobody left."""
    seed = random.SystemRandom().randrange(2**32)
    generator = random.Random(seed)
    trials = often(6, 300)
    ended = 0
    for trial, number in zip(range(trials), cycle(ENDING), strict=False):
        report = tmp_path / f"{trial}.json"
        sweep = sweeps.begin(report)
        sweep.listen(generator.uniform(0.0, 1.0))
        handles_signals = bool(sweep.said)
        sweep.send(number)
        sweep.listen(GONE_SECONDS)
        said = sweep.close()
        assert sweep.is_gone, f"seed {seed}, trial {trial}: a process is left"
        assert acknowledged(said) <= kept(report), f"seed {seed}, trial {trial}: a launch is lost"
        if handles_signals and "done" not in said:
            assert said[-1] == f"ended by {number}", f"seed {seed}, trial {trial}"
            ended += 1
            safe = kept(report)
            # A signal may come when all is measured, and the report is just being written.
            if safe != WHOLE:
                assert journal_path(report).exists() == report.exists() == bool(safe)
                assert not safe or finished(read(report)) == safe
    counted(f"signals at a random moment: {trials}, ended in order: {ended}, launches lost: 0")


@pytest.mark.parametrize("number", ENDING)
def test_workers_that_never_answer_are_ended(
    sweeps: Sweeps, tmp_path: Path, counted: Callable[[str], None], number: signal.Signals
) -> None:
    """Workers that are in a native call for ever are gone as soon as anybody."""
    sweep = sweeps.begin(tmp_path / "report.json", ("stuck", "right"))
    deadline = time.monotonic() + GONE_SECONDS
    while not sweep.said and time.monotonic() < deadline:
        sweep.listen(0.1)
    sweep.listen(1.0)
    begun = time.monotonic()
    sweep.send(number)
    sweep.listen(GONE_SECONDS)
    seconds = time.monotonic() - begun

    assert sweep.is_gone
    assert sweep.close()[-1] == f"ended by {number}"
    counted(f"{number.name} with a worker that never answers: all gone after {seconds:.2f} s")


def test_a_second_signal_is_immediate(sweeps: Sweeps, tmp_path: Path) -> None:
    """It waits for nothing, and still nobody is left; what was synced can be resumed."""
    report = tmp_path / "report.json"
    for first, second in ((signal.SIGINT, signal.SIGINT), (signal.SIGTERM, signal.SIGINT)):
        sweep = sweeps.begin(report)
        sweep.listen(0.5)
        sweep.send(first)
        sweep.send(second)
        sweep.listen(GONE_SECONDS)
        assert sweep.is_gone
        assert acknowledged(sweep.close()) <= kept(report)
    rest = sweeps.begin(report)
    rest.listen(GONE_SECONDS)

    assert rest.close()[-1] == "done"
    assert finished(read(report)) == WHOLE
