"""Whatever moment the parent is killed at: no launch lost, no unreadable report, nobody left."""

import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from simx.results.files.journal import journal_path
from simx.results.files.report import read
from tests.faults.watching import (
    BACKBONES,
    GONE_SECONDS,
    WHOLE,
    Sweeps,
    acknowledged,
    finished,
    kept,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux")


def _length_of_a_sweep(sweeps: Sweeps, folder: Path, settings: tuple[int, ...]) -> float:
    """Return the seconds of the second of two: the first waits for what has to be imported."""
    for name in ("first", "second"):
        begun = time.monotonic()
        whole = sweeps.begin(folder / f"{name}.json", settings=settings)
        whole.listen(3 * GONE_SECONDS)
        assert whole.close()[-1] == "done"
    return time.monotonic() - begun


@pytest.mark.parametrize("settings", [(1,), (1, 2)])
def test_no_moment_is_a_bad_one_to_be_killed_at(
    sweeps: Sweeps,
    tmp_path: Path,
    often: Callable[[int, int], int],
    counted: Callable[[str], None],
    settings: tuple[int, ...],
) -> None:
    """Killed anywhere, a sweep keeps what it acknowledged and leaves nobody; then it is resumed."""
    length = _length_of_a_sweep(sweeps, tmp_path, settings)
    seed = random.SystemRandom().randrange(2**32)
    generator = random.Random(seed)
    trials = often(13, 500)
    launches = resumed = 0
    for trial in range(trials):
        report = tmp_path / f"{trial}.json"
        sweep = sweeps.begin(report, settings=settings)
        sweep.listen(generator.uniform(0.0, length))
        sweep.send(signal.SIGKILL)
        sweep.listen(GONE_SECONDS)
        assert sweep.is_gone, f"seed {seed}, trial {trial}: a process is left"
        said = sweep.close()
        safe = acknowledged(said)
        assert safe <= kept(report), f"seed {seed}, trial {trial}: a launch is lost"
        launches += len(safe)
        if trial % 3 == 0 and journal_path(report).exists() and kept(report):
            resumed += 1
            rest = sweeps.begin(report, settings=settings)
            rest.listen(GONE_SECONDS)
            assert rest.close()[-1] == "done", f"seed {seed}, trial {trial}: it is not resumed"
            assert finished(read(report)) == WHOLE
            assert len(read(report).cells) == len(BACKBONES) * len(settings) ** 2
            assert not journal_path(report).exists()
        for path in tmp_path.glob(f"{trial}.json*"):
            path.unlink()

    counted(
        f"parents killed at a random moment of a sweep of {length:.2f} s and "
        f"{len(settings) ** 2} settings: {trials}, launches "
        f"acknowledged: {launches} and lost: 0, resumed: {resumed}, reports unreadable: 0, "
        "processes left: 0"
    )
