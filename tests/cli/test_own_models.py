"""``--model``: ONNX files of the user's own, measured and evaluated."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from onnx import helper

from simx.common.errors import ExitCode
from simx.images.pictures import bundled
from simx.results.files.evaluation import read_evaluation
from simx.results.files.journal import journal_path
from simx.results.files.report import read
from simx.results.schema.evaluation import EvaluatedCell
from simx.results.schema.report import MeasuredCell
from simx.runner.bench.cells import PlannedCell
from simx.runner.bench.launch import Bench, LaunchResult, run_launch
from tests.cli.support import Outcome, Simx, run_simx
from tests.exporter.own_models.files import network, saved, value

SHORT = ("--profile", "quick", "--launches", "1", "--rounds", "1", "--threads", "1")
OWN = ("--model", "models/my net.onnx", "--preprocess", "small.toml", "--store", "store")


def filled(folder: Path) -> Path:
    """Make a folder with two files for the same pictures, of which one takes a single one."""
    (folder / "models").mkdir()
    saved(network(), folder / "models" / "my net.onnx")
    single = network(
        inputs=[value("pixels", [1, 3, 32, 32])],
        extra=[helper.make_node("Sigmoid", ["pooled"], ["y"])],
        outputs=[value("y", [1, 8, 1, 1])],
    )
    saved(single, folder / "models" / "single.onnx")
    (folder / "small.toml").write_text(
        "size = 36\ncrop = 32\ninterpolation = 'bilinear'\n"
        "mean = [0.5, 0.5, 0.5]\nstd = [0.25, 0.25, 0.25]\n"
    )
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled(tmp_path_factory.mktemp("own"))


@pytest.fixture(scope="module")
def outcome(home: Path) -> Outcome:
    return run_simx("bench", *OWN, *SHORT, "--output", "report.json", cwd=home)


def test_a_file_is_measured_by_onnx_runtime_alone(outcome: Outcome, home: Path) -> None:
    """A note says why torch has no cell; the figures are the graph's own."""
    found = read(home / "report.json")
    (cell,) = found.cells

    assert outcome.code == ExitCode.DONE, outcome.err
    assert "torch has no cells of my_net:file, because it cannot run an ONNX file" in found.notes
    assert isinstance(cell, MeasuredCell)
    assert (cell.identity.model, cell.identity.weights) == ("my_net", "file")
    assert (cell.identity.backend, cell.weights_origin) == ("ort", "file")
    assert (cell.embedding_dim, cell.catalogue.acc1) == (8, None)
    assert "my_net:file" in outcome.out


def test_a_report_has_the_file_s_hash_and_no_path(outcome: Outcome, home: Path) -> None:
    """The name of the file is the name of the model; folders may name their users."""
    assert outcome.code == ExitCode.DONE
    content = (home / "report.json").read_text(encoding="utf-8")
    config = read(home / "report.json").config

    assert config is not None
    assert len(config.models["my_net:file"].sha256) == 64
    assert config.models["my_net:file"].preset.crop == 32
    assert str(home) not in content
    assert "models/" not in content


def test_a_changed_file_is_another_run(outcome: Outcome, home: Path, tmp_path: Path) -> None:
    """Its report does not replace the other one's."""
    assert outcome.code == ExitCode.DONE
    folder = tmp_path / "changed"
    shutil.copytree(home, folder)
    saved(network(ir_version=9), folder / "models" / "my net.onnx")
    again = run_simx("bench", *OWN, *SHORT, "--output", "report.json", cwd=folder)

    assert again.code == ExitCode.USAGE
    assert "is the report of another run: models my_net:file sha256 was" in again.err


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--model", "models/single.onnx"), "--model models/single.onnx: give --preprocess once"),
        ((*OWN, "--backend", "torch"), "--model: torch cannot run an ONNX file; add --backend ort"),
        (
            ("--model", "models/single.onnx", "--preprocess", "resnet18"),
            "model models/single.onnx: its input pixels is [1, 3, 32, 32], and --preprocess gives",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(
    arguments: Sequence[str], line: str, simx: Simx, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is exported."""
    monkeypatch.chdir(home)
    refused = simx("bench", *arguments, "-o", home / "refused.json")

    assert refused.code == ExitCode.USAGE
    assert len(refused.messages) == 1
    assert line in refused.err


def test_an_interrupted_run_reads_the_files_again(
    simx: Simx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its journal has their places, wherever it is resumed."""
    home, index_of_end = filled(tmp_path), 1

    def run_one(
        bench: Bench, cells: Sequence[PlannedCell], index: int, seconds: float | None
    ) -> LaunchResult:
        if index == index_of_end:
            raise KeyboardInterrupt
        return run_launch(bench, cells, index, seconds)

    report = home / "report.json"
    monkeypatch.chdir(home)
    with monkeypatch.context() as patched:
        patched.setattr("simx.runner.bench.bench.run_launch", run_one)
        begun = simx("bench", *OWN, *SHORT, "--launches", "2", "-o", report)
    monkeypatch.chdir(home / "models")
    other = simx("bench", "--resume", report, "--model", "single.onnx")
    resumed = simx("bench", "--resume", report)

    assert begun.code == ExitCode.INTERRUPTED, begun.err
    assert other.code == ExitCode.USAGE
    assert "--model was " in other.err
    assert resumed.code == ExitCode.DONE, resumed.err
    assert not journal_path(report).exists()


def test_files_are_evaluated_each_in_its_own_batches(home: Path) -> None:
    """One that takes a single picture gets them one by one; int8 is compared with its own fp32."""
    pictures = home / "pictures"
    pictures.mkdir()
    for _, path in bundled().files():
        shutil.copy(path, pictures)
    found = run_simx(
        *("evaluate", "pictures", *OWN, "--model", "models/single.onnx", "--resamples", "100"),
        *("--precision", "fp32", "--precision", "int8", "--threads", "1", "-o", "evaluated.json"),
        cwd=home,
    )
    report = read_evaluation(home / "evaluated.json")
    cells = [each for each in report.cells if isinstance(each, EvaluatedCell)]

    assert found.code == ExitCode.DONE, found.err
    assert [(each.identity.model, each.identity.batch) for each in cells] == [
        *[("my_net", 16)] * 2,
        *[("single", 1)] * 2,
    ]
    assert [each.neighbours_kept is None for each in cells] == [True, False] * 2
    assert report.config.models.keys() == {"my_net:file", "single:file"}
    assert str(home) not in (home / "evaluated.json").read_text(encoding="utf-8")
