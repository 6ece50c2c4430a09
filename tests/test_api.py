"""The functions that ``import simx`` offers to notebooks."""

import csv
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simx
from simx.common.errors import InputError
from simx.exporter.jobs.plan import Exported
from simx.images.decoding import decode
from simx.images.pictures import bundled
from simx.images.preprocessing import preprocess
from simx.models.catalogue import load
from simx.report.formats.csv import HEADER, to_string
from simx.results.files.report import write
from simx.results.history import store
from simx.results.schema.evaluation import EvaluatedCell
from tests.cli.support import TRAINED_WEIGHTS
from tests.results.builders import failed, identity, measured, report
from tests.results.history.series import day

PICTURES = bundled().anchor.parent

HEAVY = ("torch", "onnxruntime", "onnx", "rich", "numpy", "scipy", "msgspec")


def test_the_import_is_light() -> None:
    """No library is imported before a function is used."""
    program = f"import sys, simx; print(*(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == ""


def test_every_function_is_offered_and_documented() -> None:
    """The names in ``__all__`` exist, are listed, and say what they take."""
    for name in simx.__all__:
        assert name in dir(simx)
        assert name == "__version__" or getattr(simx, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'measure'"):
        simx.measure  # noqa: B018 - reading it is the test


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"half_width": -1.0}, "config.half_width is -1.0; it is more than 0"),
        ({"budget": 0.0}, "config.budget_seconds is 0.0; it is more than 0"),
        ({"seed": -1}, "config.seed is -1; it is at least 0"),
        ({"threads": -2}, "config.threads is -2; it is at least 1"),
        ({"worker_memory": 0}, "config.worker_memory is 0; it is at least 1"),
    ],
)
def test_a_run_whose_report_could_not_be_read_does_not_begin(
    tmp_path: Path, argument: dict[str, Any], message: str
) -> None:
    """A value out of its field's range is refused before anything is exported or measured."""
    with pytest.raises(InputError, match=re.escape(message)):
        simx.bench("alexnet", store=tmp_path / "store", report=tmp_path / "r.json", **argument)

    assert list(tmp_path.iterdir()) == []


def test_a_url_is_text(tmp_path: Path) -> None:
    """As a ``Path`` it has lost a slash, and is no folder either."""
    with pytest.raises(InputError, match=r"store s3://bucket/simx: is a URL, .* give"):
        simx.bench("alexnet", store=Path("s3://bucket/simx"), report=tmp_path / "r.json")

    assert list(tmp_path.iterdir()) == []


def test_rows_are_those_of_the_csv(tmp_path: Path) -> None:
    """Each has the CSV's columns, with numbers as numbers and empty fields as None."""
    write(tmp_path / "report.json", report(measured(), failed(identity("vgg11"))))
    found = simx.read_report(tmp_path / "report.json")
    rows = simx.rows(found)
    header, *lines = csv.reader(to_string([found]).splitlines())
    forward = next(row for row in rows if row.scope == "forward")
    lacking = rows[-1]

    assert tuple(header) == HEADER == rows[0]._fields
    assert len(rows) == len(lines)
    assert (forward.model, forward.threads, forward.unit) == ("resnet18", 2, "ms")
    assert forward.ci_low is not None
    assert forward.median is not None
    assert forward.ci_high is not None
    assert forward.ci_low <= forward.median <= forward.ci_high
    assert (lacking.model, lacking.status, lacking.median) == ("vgg11", "failed", None)


def test_reports_are_compared() -> None:
    """A cell that takes twice as long is a regression; the same report is none."""
    base, slower = report(measured(milliseconds=10)), report(measured(milliseconds=20))
    same = simx.compare(base, base)
    changed = simx.compare(base, slower)

    (cell,) = changed.ranges[0].cells
    assert any(change.verdict == "slower" for change in cell.changes)
    assert not any(
        change.verdict == "slower"
        for found in same.ranges
        for each in found.cells
        for change in each.changes
    )


def test_targets_of_a_report_are_compared() -> None:
    """Each backbone's ratio of the two, without an allowance for the difference between runs."""
    both = report(measured(milliseconds=10), measured(identity(backend="ort"), milliseconds=20))
    (cell,) = simx.compare_targets(both, "torch", "ort").compared

    assert cell.forward is not None
    assert cell.forward.ratio == pytest.approx(2)
    assert cell.forward.verdict == "slower"


def test_a_history_is_that_of_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files and folders of reports, and an error that names one that is broken."""
    monkeypatch.setattr(store, "cache_folder", lambda: None)

    def slower_ort(number: int, _model: str, backend: str) -> float:
        return 1.1 if number >= 10 and backend == "ort" else 1.0

    for number in range(15):
        write(tmp_path / f"day{number:02}.json", day(number, slower_ort))
    found = simx.history([tmp_path])
    (event,) = found.events

    assert len(found.reports) == 15
    assert found.reports[event.report].name == "day10.json"
    assert {round(change.ratio, 1) for change in event.changes} == {1.1}
    assert not simx.history([tmp_path], threshold=0.5).events
    with pytest.raises(InputError, match=r"absent\.json"):
        simx.history([tmp_path / "absent.json"])


def test_a_picture_is_preprocessed_for_a_backbone() -> None:
    """As the weights of that name want it."""
    picture = bundled().anchor
    backbone = next(each for each in load() if each.name == "inception_v3")
    array = simx.preprocess(picture, "inception_v3")

    assert array.dtype == np.float32
    assert array.shape == (1, 3, 299, 299)
    assert np.array_equal(array, preprocess(decode(picture), backbone.preset))
    with pytest.raises(InputError, match="names 2 backbones"):
        simx.preprocess(picture, "vit_b_*")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Export one small backbone to a store and a folder beside it."""
    folder = tmp_path_factory.mktemp("exported")
    (outcome,) = simx.export(
        "squeezenet1_1",
        weights=TRAINED_WEIGHTS,
        threads=1,
        store=folder / "store",
        output=folder / "models",
    )

    assert isinstance(outcome, Exported)
    return folder


def test_a_picture_is_preprocessed_for_an_exported_model(exported: Path) -> None:
    """For the plain file and for the store's, by the manifest beside it."""
    picture = bundled().anchor
    (stored,) = (exported / "store").rglob("model.onnx")
    right = simx.preprocess(picture, "squeezenet1_1")

    assert np.array_equal(simx.preprocess(picture, stored), right)
    assert np.array_equal(
        simx.preprocess(picture, exported / "models" / "squeezenet1_1.onnx"), right
    )
    with pytest.raises(InputError, match="manifest"):
        simx.preprocess(picture, exported / "models" / "other.onnx")


def test_a_benchmark_writes_the_report_that_it_returns(exported: Path) -> None:
    """In a notebook's own process, without a command line."""
    path = exported / "report.json"
    made = simx.bench(
        "squeezenet1_1",
        report=path,
        backends="ort",
        weights=TRAINED_WEIGHTS,
        threads=1,
        profile="quick",
        launches=1,
        rounds=1,
        store=exported / "store",
    )

    assert made == simx.read_report(path)
    # Other programs may keep the machine busy, which is no failure.
    assert {row.status for row in simx.rows(made)} <= {"ok", "busy"}
    assert made.config is not None
    assert made.config.backbones == ("squeezenet1_1",)
    assert str(exported) not in path.read_text(encoding="utf-8")
    assert not [left for left in exported.iterdir() if left.suffix == ".journal"]


def test_an_evaluation_writes_the_report_that_it_returns(exported: Path) -> None:
    """Of several weights, and of pictures that are compared with their changed copies."""
    path = exported / "judged.json"
    made = simx.evaluate(
        PICTURES,
        report=path,
        backends="ort",
        weights=[f"squeezenet1_1={TRAINED_WEIGHTS}", "squeezenet1_1=random"],
        threads=1,
        resamples=100,
        store=exported / "store",
        cache=exported / "cache",
    )
    trained, untrained = made.cells
    assert isinstance(trained, EvaluatedCell)
    assert isinstance(untrained, EvaluatedCell)

    assert made == simx.read_evaluation(path)
    assert (trained.weights_file, untrained.weights_file) == ("squeezenet1_1", None)
    assert trained.weights_sha256 != untrained.weights_sha256
    assert str(exported) not in path.read_text(encoding="utf-8")


def test_an_evaluation_does_not_begin_if_its_report_could_not_be_kept(tmp_path: Path) -> None:
    """Another file is in its place, or a value is out of its field's range."""
    path = tmp_path / "mine.json"
    path.write_text("{}")
    common: dict[str, Any] = {"store": tmp_path / "store", "cache": tmp_path / "cache"}

    with pytest.raises(InputError, match=r"mine\.json: exists, and is no evaluation"):
        simx.evaluate(PICTURES, "alexnet", report=path, **common)
    with pytest.raises(InputError, match=r"config\.batch is 0; it is at least 1"):
        simx.evaluate(PICTURES, "alexnet", report=path, batch=0, **common)
    assert [each.name for each in tmp_path.iterdir()] == ["mine.json"]


def test_a_finished_report_has_nothing_to_resume(tmp_path: Path) -> None:
    """It is returned as it is."""
    path = tmp_path / "report.json"
    write(path, report(measured()))

    assert simx.bench(report=path, resume={}) == simx.read_report(path)


@pytest.mark.parametrize(
    ("load", "complaint"),
    [
        ({"instances": 2}, "--instances 2: one query after the other needs one instance"),
        ({"scenario": "offline", "rate": 5.0}, "--rate: only --scenario server takes it"),
        ({"scenario": "server"}, "--scenario server: give either --rate"),
        (
            {"scenario": "server", "rate": 5.0, "latency_bound": 0.1},
            "--scenario server: give either --rate",
        ),
    ],
)
def test_what_makes_no_load_is_refused(
    tmp_path: Path, load: dict[str, Any], complaint: str
) -> None:
    """Before anything is exported or measured."""
    with pytest.raises(InputError, match=re.escape(complaint)):
        simx.bench("alexnet", report=tmp_path / "report.json", store=tmp_path, **load)
