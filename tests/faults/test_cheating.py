"""Fast because it is wrong: no such backend gets a figure."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import PIL.Image
import pytest

from simx.models.pictures import IMAGES, PictureSet
from simx.results.schema.config import Schedule
from simx.results.schema.report import FailedCell, MeasuredCell
from simx.runner.backends.registry import BackendSpec
from simx.runner.bench import launch as launches
from simx.runner.bench import schedule as schedules
from simx.runner.bench.cells import Workload
from simx.runner.bench.targets import OpenTargets, Target
from simx.workers.forking import launcher
from tests.runner.benches import PLAN, run
from tests.runner.cheats import CHEATS, HONEST
from tests.runner.fakes import BACKBONE, entry_in

ENTRY = "tests.runner.cheats:main"
SPEC = BackendSpec(
    name="fake", entry=ENTRY, package="numpy", install="", providers=None, executes="graph"
)


Cells = dict[str, FailedCell | MeasuredCell]


def pictures(folder: Path) -> PictureSet:
    """Return four small pictures of noise, which take no time to decode."""
    chance = np.random.default_rng(5)
    for name in IMAGES:
        pixels = chance.integers(0, 256, (20, 24, 3), dtype=np.uint8)
        PIL.Image.fromarray(pixels).save(folder / f"{name}.png")
    return PictureSet(**{name: folder / f"{name}.png" for name in IMAGES})


def target(kind: str) -> Target:
    return Target(msgspec.structs.replace(SPEC, variants=(kind,)), "CPUExecutionProvider")


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Cells:
    """One launch of one round of all of them, in the same rounds as an honest one."""
    folder = tmp_path_factory.mktemp("cheating")
    schedule = Schedule(pilot=1, launches=1, rounds=1, seed=3)
    plan = PLAN.of(schedule, pictures(folder))
    targets = tuple(target(kind) for kind in (HONEST, *CHEATS))
    with pytest.MonkeyPatch.context() as patch, launcher(ENTRY) as server:
        patch.setattr(schedules, "BLOCK_SECONDS", 0.001)
        patch.setattr(launches, "REPEATS", 0)
        opened = OpenTargets(
            targets, dict.fromkeys((each.backend.label for each in targets), server)
        )
        workload = Workload(BACKBONE, {"fp32": entry_in(folder)})
        report = run(plan, opened, [workload], folder / "report.json")
    cells = (cell for cell in report.cells if isinstance(cell, FailedCell | MeasuredCell))
    return {cell.identity.backend.removeprefix("fake:"): cell for cell in cells}


@pytest.mark.parametrize("kind", CHEATS)
def test_a_cheating_backend_is_caught(kind: str, outcomes: Cells) -> None:
    """It is a failure, at the stage at which it cheats, with a reason that says what is wrong."""
    _, stage, reason = CHEATS[kind]
    cell = outcomes[kind]

    assert isinstance(cell, FailedCell)
    assert cell.stage == stage
    assert reason in cell.reason


def test_an_honest_backend_passes(outcomes: Cells, counted: Callable[[str], None]) -> None:
    """What catches all of those lets the one pass that computes, in the same rounds."""
    caught = [kind for kind in CHEATS if isinstance(outcomes[kind], FailedCell)]
    counted(f"cheating backends: {len(caught)} of {len(CHEATS)} caught")

    assert isinstance(outcomes[HONEST], MeasuredCell)
    assert len(CHEATS) >= 12
