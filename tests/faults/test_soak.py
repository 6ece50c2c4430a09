"""A long run in which some cells always come to a bad end."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.faults.soaking import Soak
from tests.runner.fakes import FAULTS

GROWTH_BYTES = 16 * 2**20
"""That the parent's memory may grow by over all sweeps; a leak of a kilobyte for each cell would be
more within the hour."""


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux")
def test_every_healthy_cell_is_there(
    tmp_path: Path, often: Callable[[int, int], int], counted: Callable[[str], None]
) -> None:
    """With 2 % of crashes, hangs and memory kills, and the parent's memory is level."""
    seconds = often(1, 3600)
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.soaking", str(tmp_path), str(seconds)],
        stdout=subprocess.PIPE,
        check=True,
    )
    found = msgspec.json.decode(done.stdout, type=Soak)

    assert found.wrong == ()
    assert set(found.faults) == set(FAULTS)
    assert found.healthy + sum(found.faults.values()) == found.cells
    assert found.left == 0
    assert found.memory_after - found.memory_before <= GROWTH_BYTES
    counted(
        f"soak of {seconds} s: {found.sweeps} sweeps, {found.cells} cells, faults {found.faults}, "
        f"healthy cells lost: 0, processes and descriptors left: 0, the parent's memory "
        f"{found.memory_before / 2**20:.1f} MiB and {found.memory_after / 2**20:.1f} in the end"
    )
