"""``simx export`` and ``simx bench``, from trained weights to a report, on one small backbone."""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import onnx
import pytest

from simx.common.errors import ExitCode, ProviderUnavailableError, SystemFailureError
from simx.exporter.store.store import Store
from simx.images.pictures import bundled
from simx.results.files.assembly import forward_of
from simx.results.files.journal import Journal, journal_path, read_journal
from simx.results.files.report import read
from simx.results.schema.report import MeasuredCell, Report
from simx.results.statistics.noise import page_faults
from simx.runner.bench.cells import PlannedCell
from simx.runner.bench.launch import Bench, LaunchResult, run_launch
from tests.cli.support import ROOT, TRAINED_WEIGHTS, Outcome, Simx, run_simx

BACKBONE = ("squeezenet1_1", "--weights", TRAINED_WEIGHTS)
SHORT = ("--profile", "quick", "--launches", "1", "--rounds", "1", "--threads", "1")
"""One thread, because several take many times as long where others use the machine as well."""

PASSED = ("--env", "OMP_DYNAMIC=true")


@dataclass(frozen=True, slots=True)
class Exports:
    """A store that holds one export, and what was said when it was made."""

    store: Path
    outcome: Outcome


class _Exported(msgspec.Struct):
    """The fields of a record that programs were promised."""

    model: str
    weights: str
    path: str
    embedding_dim: int
    parity_cosine: float
    status: str


@pytest.fixture(scope="session")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Exports:
    """Export the backbone once for all tests."""
    folder = tmp_path_factory.mktemp("exports")
    outcome = run_simx(
        "export", *BACKBONE, "--store", folder / "store", "--format", "json", cwd=folder
    )
    return Exports(folder / "store", outcome)


@pytest.fixture(scope="session")
def benchmark(exports: Exports, tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Path]:
    """Measure it once with both backends, and return what was said and the report's file."""
    folder = tmp_path_factory.mktemp("benchmark")
    measuring = ("bench", *BACKBONE, *SHORT, "--store", exports.store)
    outcome = run_simx(*measuring, "-o", "report.json", "--format", "json", cwd=folder)
    return outcome, folder / "report.json"


def test_an_export_is_recorded(exports: Exports) -> None:
    """The record says what was exported, where to, and how well it agrees with torch."""
    [record] = msgspec.json.decode(exports.outcome.out, type=list[_Exported])

    assert (exports.outcome.code, exports.outcome.messages) == (ExitCode.DONE, [])
    assert (record.model, record.weights) == ("squeezenet1_1", "IMAGENET1K_V1")
    assert (record.status, record.embedding_dim) == ("exported", 512)
    assert 0.9999 <= record.parity_cosine <= 1
    assert Path(record.path).is_file()


def test_what_the_store_has_is_not_exported_again(simx: Simx, exports: Exports) -> None:
    """The second time the same record says that it was there."""
    outcome = simx("export", *BACKBONE, "--store", exports.store, "--format", "json")

    [first] = msgspec.json.decode(exports.outcome.out, type=list[_Exported])
    [second] = msgspec.json.decode(outcome.out, type=list[_Exported])
    assert outcome.code == ExitCode.DONE
    assert second == msgspec.structs.replace(first, status="present")


@pytest.mark.parametrize("form", ["table", "markdown", "csv"])
def test_an_export_is_listed_in_every_form(simx: Simx, exports: Exports, form: str) -> None:
    """People and programs that want a table get one."""
    outcome = simx("export", *BACKBONE, "--store", exports.store, "--format", form)

    assert outcome.code == ExitCode.DONE
    assert "squeezenet1_1" in outcome.out
    assert "present" in outcome.out


def test_the_list_of_models_knows_the_export(simx: Simx, exports: Exports) -> None:
    """``models`` gives the path that ``export`` gave."""
    outcome = simx("models", "squeezenet1_1", "--store", exports.store, "--format", "json")

    [record] = msgspec.json.decode(exports.outcome.out, type=list[_Exported])
    [listed] = msgspec.json.decode(outcome.out, type=list[dict[str, object]])
    assert listed["path"] == record.path


def test_no_stored_file_tells_whose_machine_made_it(exports: Exports) -> None:
    """Exports can be given away: no path of this machine is in them."""
    paths = [str(ROOT), sys.prefix, sys.base_prefix, str(exports.store.parent), str(Path.home())]
    files = [path for path in exports.store.rglob("*") if path.is_file()]

    told = [
        (file.name, path)
        for file in files
        for path in paths
        if path != "/" and path.encode() in file.read_bytes()
    ]

    assert {file.name for file in files} >= {"model.onnx", "manifest.json"}
    assert told == []


def test_the_graph_has_the_documented_interface(exports: Exports) -> None:
    """One input, one output, float32, any number of pictures."""
    [record] = msgspec.json.decode(exports.outcome.out, type=list[_Exported])
    graph = onnx.load(record.path, load_external_data=False).graph
    [image], [embedding] = graph.input, graph.output

    assert (image.name, embedding.name) == ("image", "embedding")
    assert {value.type.tensor_type.elem_type for value in (image, embedding)} == {
        onnx.TensorProto.FLOAT
    }
    batch, *picture = image.type.tensor_type.shape.dim
    same_batch, dimensions = embedding.type.tensor_type.shape.dim
    assert [size.dim_value for size in picture] == [3, 224, 224]
    assert dimensions.dim_value == 512
    assert batch.dim_param == same_batch.dim_param == "batch"


def test_a_benchmark_writes_its_report_and_prints_it(benchmark: tuple[Outcome, Path]) -> None:
    """The report is where ``-o`` says and on stdout; a message on stderr names the file."""
    outcome, path = benchmark

    assert outcome.code == ExitCode.DONE, outcome.err
    assert outcome.out == path.read_text(encoding="utf-8")
    assert outcome.messages == ["simx: report saved as report.json"]
    assert [file.name for file in path.parent.iterdir() if file.is_file()] == ["report.json"]


def test_both_backends_compute_the_same_similarities(benchmark: tuple[Outcome, Path]) -> None:
    """With trained weights cats resemble each other more than a cup, whichever backend says it."""
    cells = _measured(read(benchmark[1]))

    assert {cell.identity.backend for cell in cells} == {"torch", "ort"}
    for cell in cells:
        similarity = cell.similarity
        assert similarity.positive is not None
        assert similarity.negative is not None
        assert similarity.negative_resized is not None
        assert similarity.positive > max(similarity.negative, similarity.negative_resized)
        assert cell.weights_origin == "file"
    torch, ort = (msgspec.structs.astuple(cell.similarity) for cell in cells)
    assert ort == pytest.approx(torch, abs=0.01)


@pytest.mark.parametrize("form", ["table", "markdown", "csv", "json"])
@pytest.mark.parametrize("layout", ["models", "origin"])
def test_a_benchmarks_report_can_be_rendered_again(
    simx: Simx, benchmark: tuple[Outcome, Path], form: str, layout: str
) -> None:
    """What ``bench`` wrote, ``report`` reads, in every form and layout."""
    outcome = simx("report", benchmark[1], "--format", form, "--layout", layout)

    assert (outcome.code, outcome.err) == (ExitCode.DONE, "")
    assert "squeezenet1_1" in outcome.out
    assert "torch" in outcome.out
    assert "ort" in outcome.out


def test_a_report_has_what_surrounds_its_times(benchmark: tuple[Outcome, Path]) -> None:
    """Memory, thread pools, settings, warm-ups, the canary, and how the launches ended."""
    report = read(benchmark[1])

    for cell in _measured(report):
        assert cell.memory is not None
        assert cell.memory.peak > cell.memory.before > 0
        assert cell.thread_pools
        assert cell.settings["intra_op_threads"] == "1"
        (forward,) = (timing for timing in cell.timings if timing.scope == "forward")
        assert all(launch.warmup is not None for launch in forward.launches)
        assert all(block.noise.wall_ns for launch in forward.launches for block in launch.blocks)
    # ONNX Runtime's own pool is none that threadpoolctl knows; its size is among the settings.
    [torch] = (cell for cell in _measured(report) if cell.identity.backend == "torch")
    assert {pool.threads for pool in torch.thread_pools if pool.api == "openmp"} == {1}
    assert {canary.backend for canary in report.canary} == {"torch", "ort"}
    [stop] = report.stops
    assert (stop.model, stop.launches, stop.ended_by) == ("squeezenet1_1", 1, "launches")


def test_the_same_benchmark_replaces_its_report(
    simx: Simx, exports: Exports, benchmark: tuple[Outcome, Path]
) -> None:
    """Of the same weights' file; with a notice before it measures."""
    outcome = simx("bench", *BACKBONE, *SHORT, "--store", exports.store, "-o", benchmark[1])

    assert (outcome.code, len(outcome.messages)) == (ExitCode.DONE, 2)
    assert outcome.messages[0].endswith("report.json: will be replaced when this run ends")


def test_a_variant_labels_its_cell(exports: Exports, folder: Path) -> None:
    """The usual backend and a variant of it are two cells, in one table, of one network."""
    measuring = ("bench", *BACKBONE, *SHORT, "--store", exports.store, "-o", "report.json")
    backends = ("--backend", "torch", "--backend", "torch:channels-last+passive")

    outcome = run_simx(*measuring, *backends, cwd=folder)
    usual, variant = _measured(read(folder / "report.json"))

    assert outcome.code == ExitCode.DONE, outcome.err
    assert (usual.identity.backend, usual.settings["openmp_wait_policy"]) == ("torch", "default")
    assert variant.identity.backend == "torch:channels-last+passive"
    assert variant.settings["openmp_wait_policy"] == "PASSIVE"
    assert variant.settings["memory_format"] == "channels_last"
    assert variant.similarity.positive == pytest.approx(usual.similarity.positive, abs=0.01)
    assert "torch:channels-last+passive cpu" in outcome.out


def test_exports_are_measured_where_there_is_no_torch(exports: Exports, folder: Path) -> None:
    """With the backend ``ort`` and an export, torch need not be installed."""
    (folder / "without" / "torch").mkdir(parents=True)
    (folder / "without" / "torch" / "__init__.py").write_text('raise ImportError("no torch")\n')
    variables = {"PYTHONPATH": str(folder / "without")}
    measuring = ("bench", *BACKBONE, *SHORT, "--store", exports.store, "-o", "report.json")

    alone = run_simx(*measuring, "--backend", "ort", cwd=folder, variables=variables)
    [cell] = _measured(read(folder / "report.json"))
    both = run_simx(*measuring, "-o", "both.json", cwd=folder, variables=variables)

    assert alone.code == ExitCode.DONE, alone.err
    assert cell.identity.backend == "ort"
    assert (both.code, len(both.messages)) == (ExitCode.PROVIDER_UNAVAILABLE, 1)
    assert "torch" in both.err


def test_workers_of_both_backends_keep_freed_memory(benchmark: tuple[Outcome, Path]) -> None:
    """Their settings say so, and their calls have no page faults that matter."""
    cells = [cell for cell in read(benchmark[1]).cells if isinstance(cell, MeasuredCell)]
    faults = [page_faults(forward_of(cell)) for cell in cells]

    assert {cell.settings["allocator"] for cell in cells} == {"glibc, keeps freed memory"}
    assert len(cells) == 2
    assert all(each is not None and each < 100 for each in faults)


def test_a_passed_variable_labels_the_cells(
    simx: Simx, exports: Exports, benchmark: tuple[Outcome, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are never compared with others; what is set besides is removed, and that is said."""
    monkeypatch.setenv("OMP_THREAD_LIMIT", "1")
    options = ("--backend", "torch", *PASSED, "--store", exports.store, "-o", "passed.json")
    outcome = simx("bench", *BACKBONE, *SHORT, *options)
    compared = simx("diff", benchmark[1], "passed.json")
    report = read(Path("passed.json"))
    (cell,) = report.cells

    assert outcome.code == ExitCode.DONE, outcome.err
    assert cell.identity.backend == "torch:OMP_DYNAMIC=true"
    assert [note for note in report.notes if "OMP_THREAD_LIMIT" in note] == list(report.notes)
    assert f"simx: {report.notes[0]}" in outcome.messages
    assert report.config is not None
    assert report.config.env == ("OMP_DYNAMIC=true",)
    assert compared.code == ExitCode.INCONCLUSIVE


@pytest.fixture
def interrupted(
    simx: Simx, exports: Exports, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Outcome:
    """Measure for two launches, the second of which is interrupted."""

    def run_one(
        bench: Bench, cells: Sequence[PlannedCell], index: int, seconds: float | None
    ) -> LaunchResult:
        if index:
            raise KeyboardInterrupt
        return run_launch(bench, cells, index, seconds)

    options = ("--launches", "2", "--backend", "ort", "--worker-memory", "64GB", *PASSED)
    with monkeypatch.context() as patched:
        patched.setattr("simx.runner.bench.bench.run_launch", run_one)
        return simx(
            *("bench", *BACKBONE, *SHORT, *options),
            *("--store", exports.store, "-o", folder / "a report.json"),
        )


def test_an_interrupted_benchmark_is_resumed(
    simx: Simx, interrupted: Outcome, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what goes on with it; that alone measures the rest, wherever it is typed."""
    report = folder / "a report.json"
    ended_early, said = interrupted.messages
    partial = read(report)
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    resumed = simx("bench", "--resume", report, "--format", "csv")
    again = simx("bench", "--resume", report, "--format", "csv")

    assert (interrupted.code, said) == (ExitCode.INTERRUPTED, "simx: interrupted")
    assert ended_early.endswith(f"simx bench --resume '{report}'")
    assert [_launches(partial), _launches(read(report))] == [{1}, {2}]
    assert resumed.code == ExitCode.DONE
    assert not journal_path(report).exists()
    assert any("taken up again" in note for note in read(report).notes)
    assert (again.code, again.out) == (ExitCode.DONE, resumed.out)
    assert (config := read(report).config) is not None
    assert config.worker_memory == 64_000_000_000
    assert {cell.identity.backend for cell in read(report).cells} == {"ort:OMP_DYNAMIC=true"}
    assert "nothing of it is open" in again.err


def test_a_report_that_alone_is_lacking_needs_nothing_else(
    simx: Simx, exports: Exports, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All is measured: that a picture and the exports are gone meanwhile does not matter."""
    picture, store = folder / "own.jpg", folder / "store"
    shutil.copy(bundled().anchor, picture)
    shutil.copytree(exports.store, store)
    options = ("--backend", "ort", "--anchor", picture, "--store", store)

    def full(_journal: object, path: Path) -> None:
        raise SystemFailureError(f"{path}: no space left")

    with monkeypatch.context() as patched:
        patched.setattr("simx.runner.bench.bench.finish", full)
        ended = simx("bench", *BACKBONE, *SHORT, *options, "-o", folder / "report.json")
    picture.unlink()
    shutil.rmtree(store)
    resumed = simx("bench", "--resume", folder / "report.json")

    assert ended.code == ExitCode.SYSTEM
    assert resumed.code == ExitCode.DONE
    assert len(_measured(read(folder / "report.json"))) == 1
    assert not journal_path(folder / "report.json").exists()


def test_what_has_changed_is_not_resumed(simx: Simx, interrupted: Outcome, folder: Path) -> None:
    """Every option that differs is named, with what it was and is; nor are two at it at once."""
    report = folder / "a report.json"
    journal = journal_path(report).read_bytes()
    refusals = [
        simx("bench", "--resume", report, *typed)
        for typed in (
            ("--launches", "3", "--backend", "torch"),
            ("resnet18",),
            ("-o", "other.json"),
            ("--env", "OMP_DYNAMIC=false"),
        )
    ]
    anew = simx("bench", "squeezenet1_1", "-o", report)
    with Journal.resume(journal_path(report)):
        second = simx("bench", "--resume", report)

    options, selection, output, variable = (outcome.err for outcome in refusals)
    assert interrupted.code == ExitCode.INTERRUPTED
    assert {outcome.code for outcome in refusals} == {ExitCode.USAGE}
    assert "--launches was 2 and is 3" in options
    assert "--backend was ort and is torch" in options
    assert "SELECT was squeezenet1_1 and is resnet18" in selection
    assert "a report stays in place" in output
    assert "--env was OMP_DYNAMIC=true and is OMP_DYNAMIC=false" in variable
    assert "left from another run" in anew.err
    assert "another simx is writing it" in second.err
    assert second.code == ExitCode.USAGE
    assert anew.code == ExitCode.USAGE
    assert journal_path(report).read_bytes() == journal


def test_the_journal_is_there_before_any_worker(
    simx: Simx, exports: Exports, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first line is complete when the first worker is started; without a launch it goes."""
    found = []

    def refuse(*_: object) -> None:
        found.append(read_journal(journal_path(folder / "report.json")).header.report.config)
        raise ProviderUnavailableError("not today")

    monkeypatch.setattr("simx.runner.bench.targets.launcher", refuse)
    measuring = ("bench", *BACKBONE, *SHORT, "--backend", "ort", "--store", exports.store)
    outcome = simx(*measuring, "-o", folder / "report.json")

    assert outcome.code == ExitCode.PROVIDER_UNAVAILABLE
    assert [config.backbones for config in found if config] == [("squeezenet1_1",)]
    assert list(folder.glob("report.json*")) == []


def _launches(report: Report) -> set[int]:
    return {len(timing.launches) for cell in _measured(report) for timing in cell.timings}


def test_a_damaged_export_is_noticed_and_made_again(exports: Exports, folder: Path) -> None:
    """One wrong byte, which ONNX Runtime would load, is found before anything is measured."""
    store = folder / "store"
    shutil.copytree(exports.store, store)
    [model] = store.rglob("model.onnx")
    _damage(model)
    measuring = ("bench", *BACKBONE, *SHORT, "--backend", "ort", "--store", store)

    outcome = run_simx(*measuring, "-o", "report.json", cwd=folder)

    damage, _saved = outcome.messages
    assert outcome.code == ExitCode.DONE, outcome.err
    assert str(model) in damage
    assert "exporting squeezenet1_1 again" in damage
    [entry] = Store(store).entries()
    assert entry.damage() is None


def _damage(path: Path) -> None:
    """Flip one byte in the middle of the weights."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


def _measured(report: Report) -> list[MeasuredCell]:
    """Return the cells, none of which may have failed."""
    cells = [cell for cell in report.cells if isinstance(cell, MeasuredCell)]

    assert len(cells) == len(report.cells)
    return cells
