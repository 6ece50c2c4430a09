"""The command itself, killed in the middle of measuring a real backbone, and resumed."""

import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from simx.results.files.journal import journal_path, read_journal
from simx.results.files.report import read
from tests.cli.support import TRAINED_WEIGHTS, isolated
from tests.faults.watching import GONE_SECONDS, finished

SIMX = (sys.executable, "-m", "simx")
BACKBONE = ("squeezenet1_1", "--weights", str(TRAINED_WEIGHTS))
MEASURING = ("bench", *BACKBONE, "--backend", "ort", "--threads", "1", "--launches", "4")
BRIEFLY = ("--profile", "quick", "--rounds", "1", "-o", "report.json", "--store", "store")
MARK = "SIMX_TEST_MARK"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux")


def marked(mark: str) -> list[psutil.Process]:
    """Return the processes that have a mark among their variables."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def lines_of(journal: Path) -> int:
    """Return how many launches are in a journal now."""
    return max(0, journal.read_bytes().count(b"\n") - 1) if journal.exists() else 0


def test_a_killed_benchmark_is_resumed(
    tmp_path: Path, often: Callable[[int, int], int], counted: Callable[[str], None]
) -> None:
    """Killed at a random moment: no launch lost, no process left, and the rest is measured."""
    trials = often(0, 20)
    if not trials:
        pytest.skip("only in the long form: every trial measures a real backbone")
    environment = os.environ | isolated(tmp_path)
    exporting = ("export", *BACKBONE, "--store", "store")
    subprocess.run([*SIMX, *exporting], cwd=tmp_path, env=environment, check=True)
    report, journal = tmp_path / "report.json", journal_path(tmp_path / "report.json")
    begun = time.monotonic()
    subprocess.run([*SIMX, *MEASURING, *BRIEFLY], cwd=tmp_path, env=environment, check=True)
    length = time.monotonic() - begun
    whole = finished(read(report))
    launches = resumed = 0
    for _ in range(trials):
        report.unlink(missing_ok=True)
        mark = uuid.uuid4().hex
        command = [*SIMX, *MEASURING, *BRIEFLY]
        run = subprocess.Popen(command, cwd=tmp_path, env=environment | {MARK: mark})
        time.sleep(random.SystemRandom().uniform(0.0, length))
        acknowledged = lines_of(journal)
        run.send_signal(signal.SIGKILL)
        run.wait()
        deadline = time.monotonic() + GONE_SECONDS
        while marked(mark) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert marked(mark) == []
        if journal.exists() and b"\n" in journal.read_bytes():
            assert len(read_journal(journal).launches) >= acknowledged
            resuming = (*SIMX, "bench", "--resume", "report.json")
            subprocess.run(resuming, cwd=tmp_path, env=environment, check=True)
            resumed += 1
        if report.exists():
            assert finished(read(report)) == whole
        journal.unlink(missing_ok=True)
        launches += acknowledged
    counted(
        f"benchmarks of a real backbone killed at a random moment: {trials}, launches "
        f"acknowledged: {launches} and lost: 0, resumed: {resumed}, processes left: 0"
    )
