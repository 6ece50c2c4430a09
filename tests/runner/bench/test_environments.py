"""Real cells of another environment, and of a runtime like an older one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import pytest

from simx import api
from simx.common.errors import ExitCode
from simx.exporter.store.entry import Entry
from simx.models.backbone import Backbone
from simx.results.files.journal import journal_path
from simx.results.files.report import read
from simx.results.schema.report import MeasuredCell
from simx.runner.bench.bench import Progress
from simx.runner.bench.cells import Workload
from simx.runner.bench.targets import open_targets
from tests.cli.support import borrowing_environment, run_simx
from tests.runner.benches import PLAN, run
from tests.runner.conftest import WEIGHTS
from tests.runner.fakes import target

OTHER = f"ort {version('onnxruntime')}"


@contextmanager
def interrupted_at_the_second_launch(_: Sequence[Backbone]) -> Iterator[Progress]:
    """Interrupt the run as a user would."""

    def progress(_: Backbone, launch: int, __: int) -> None:
        if launch == 1:
            raise KeyboardInterrupt

    yield progress


def test_a_second_environment_is_measured_and_resumed(tmp_path: Path, entry: Entry) -> None:
    """Its cells stand beside the others, with its own software; resuming finds it again."""
    environment = borrowing_environment(tmp_path / "secret" / "venv")
    path = tmp_path / "report.json"
    with pytest.raises(KeyboardInterrupt):
        api.bench(
            ["squeezenet1_1"],
            report=path,
            backends=["ort", f"ort@{environment}", f"new=ort@{environment}:spinning"],
            weights=WEIGHTS,
            profile="quick",
            launches=2,
            rounds=1,
            threads=1,
            store=entry.store,
            measuring=interrupted_at_the_second_launch,
        )
    assert journal_path(path).exists()
    resumed = run_simx("bench", "--resume", path, cwd=tmp_path)
    report = read(path)

    assert resumed.code == ExitCode.DONE, resumed.err
    cells = {each.identity.backend: each for each in report.cells}
    assert list(cells) == ["ort", OTHER, "new:spinning"]
    for cell in cells.values():
        assert isinstance(cell, MeasuredCell)
        assert cell.parity.relative_l2 < 1e-4
        assert cell.thread_pools
        assert len(cell.timings[0].launches) == 2
    assert report.environment is not None
    others = report.environment.others
    assert set(others) == {OTHER, "new"}
    assert others["new"].backend == "ort"
    assert others["new"].python == report.environment.python
    assert others["new"].libraries["numpy"] == version("numpy")
    assert "secret" not in path.read_text(encoding="utf-8")
    between = run_simx("diff", path, "--between", "ort", OTHER, "--fail-on", "never", cwd=tmp_path)
    assert between.code in {ExitCode.DONE, ExitCode.INCONCLUSIVE}, between.err
    assert OTHER in between.out


def test_a_runtime_without_a_record_is_proven_by_its_profile(
    tmp_path: Path, backbone: Backbone, entry: Entry
) -> None:
    """Older releases of ONNX Runtime have no record; the profile opens the graph once more."""
    with open_targets([target("recordless")]) as opened:
        workload = Workload(backbone, {"fp32": entry})
        (cell,) = run(PLAN, opened, [workload], tmp_path / "report.json").cells
    assert isinstance(cell, MeasuredCell), cell

    assert cell.settings["placement_witness"] == "profile"
    assert set(cell.placement) == {"CPUExecutionProvider"}
