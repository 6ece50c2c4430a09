"""Whatever a user gets wrong is one line that names it, and never a traceback."""

from pathlib import Path

import onnxruntime
import pytest

from simx.errors import ExitCode
from simx.results.file import write
from tests.cli.support import TRAINED_WEIGHTS, Outcome, Simx
from tests.results.builders import measured, report

BENCH = ("bench", "squeezenet1_1")
EXPORT = ("export", "squeezenet1_1")

WRONG: dict[str, tuple[tuple[str, ...], str]] = {
    "unknown command": (("measure",), "measure"),
    "unknown option": (("models", "--colour"), "--colour"),
    "option without its value": (("models", "--format"), "--format"),
    "value that is no choice": (("models", "--format", "xml"), "xml"),
    "unknown model": (("models", "resnet19"), "resnet18"),
    "unknown weights": (("models", "resnet18:V7"), "IMAGENET1K_V1"),
    "glob that fits nothing": (("models", "lenet*"), "lenet*"),
    "no range of GFLOPS": (("models", "--gflops", "4..6"), "4..6"),
    "empty range of GFLOPS": (("models", "--gflops", "6-4"), "6-4"),
    "unknown family": (("models", "--family", "resnets"), "resnet"),
    "ranges that do not increase": (("models", "--ranges", "0,4,4"), "0,4,4"),
    "folder of the output missing": (("models", "-o", "nowhere/list.txt"), "nowhere"),
    "folder of the export's list missing": ((*EXPORT, "-o", "nowhere/list.txt"), "nowhere"),
    "folder of the report missing": ((*BENCH, "-o", "nowhere/report.json"), "nowhere"),
    "folder of the output a file": (("models", "-o", "notes.txt/list.txt"), "notes.txt"),
    "output a folder": ((*BENCH, "-o", "pictures"), "pictures"),
    "output without a name": (("models", "-o", ""), "--output"),
    "export of nothing": (("export",), "--all"),
    "bench of an empty store": (("bench", "--store", "empty"), "simx export"),
    "store a file": (("models", "--store", "notes.txt"), "notes.txt"),
    "store a file, when exporting": ((*EXPORT, "--store", "notes.txt"), "notes.txt"),
    "no threads": ((*BENCH, "--threads", "0"), "--threads"),
    "no launches": ((*BENCH, "--launches", "0"), "--launches"),
    "no rounds": ((*BENCH, "--rounds", "0"), "--rounds"),
    "seed no number": ((*BENCH, "--seed", "random"), "random"),
    "launches and a precision": (
        (*BENCH, "--launches", "3", "--half-width", "1%"),
        "--launches 3 with --half-width",
    ),
    "half-width without its sign": ((*BENCH, "--half-width", "1.5"), "1.5%"),
    "budget no duration": ((*BENCH, "--budget", "soon"), "60s"),
    "variant without a meaning": ((*BENCH, "--backend", "torch:tf32"), "means something on CUDA"),
    "unknown variant": ((*BENCH, "--backend", "torch:fast"), "channels-last"),
    "self-check of one comparison": (("selfcheck", "--comparisons", "1"), "--comparisons"),
    "self-check as CSV": (("selfcheck", "--format", "csv"), "csv"),
    "unknown profile": ((*BENCH, "--profile", "slow"), "slow"),
    "unknown backend": ((*BENCH, "--backend", "tensorflow"), "torch, ort"),
    "provider option without a value": (
        (*BENCH, "--provider-option", "use_tf32"),
        "KEY=VALUE",
    ),
    "misspelt provider": ((*BENCH, "--provider", "CUDAExecutionProvidr"), "CUDAExecutionProvider"),
    "picture that is none": ((*BENCH, "--anchor", "notes.txt"), "notes.txt"),
    "picture missing": ((*BENCH, "--positive", "cat.jpg"), "cat.jpg"),
    "picture a folder": ((*BENCH, "--negative", "pictures"), "pictures"),
    "weights file missing": ((*EXPORT, "--weights", "gone.pth"), "gone.pth"),
    "weights file a folder": ((*EXPORT, "--weights", "pictures"), "pictures"),
    "weights empty": ((*EXPORT, "--weights", ""), "--weights"),
    "one weights file for two backbones": (
        (*EXPORT, "resnet18", "--weights", str(TRAINED_WEIGHTS)),
        "name one",
    ),
    "no report named": (("report",), "report"),
    "executor chosen for no decision": (("report", "r.json", "--backend", "ort"), "--pareto"),
    "executor that a report has not": (
        ("report", "sound.json", "--pareto", "--backend", "tensorflow"),
        "torch CPUExecutionProvider",
    ),
    "latency no duration": (("report", "r.json", "--max-latency", "fast"), "5ms"),
    "accuracy no percentage": (("report", "r.json", "--min-acc1", "101"), "write it as 75"),
    "report missing": (("report", "gone.json"), "gone.json"),
    "report that is none": (("report", "notes.txt"), "notes.txt"),
    "report a folder": (("report", "pictures"), "pictures"),
    "report of a future version": (("report", "future.json"), "version 99"),
    "difference from nothing": (("diff", "future.json"), "NEW"),
    "difference from what is missing": (("diff", "gone.json", "notes.txt"), "gone.json"),
    "difference from no report": (("diff", "notes.txt", "notes.txt"), "notes.txt"),
    "difference from a future report": (("diff", "future.json", "notes.txt"), "version 99"),
    "difference that is none": (("diff", "a.json", "b.json", "--allow", "weather"), "weather"),
    "threshold without its sign": (("diff", "a.json", "b.json", "--threshold", "3"), "1.5%"),
    "repeat that is missing": (
        ("diff", "future.json", "future.json", "--repeat", "gone.json"),
        "future.json",
    ),
}
"""Arguments, and what the message has to name."""


@pytest.fixture(autouse=True)
def _files(folder: Path) -> None:
    (folder / "notes.txt").write_text("neither a picture nor a report\n")
    (folder / "pictures").mkdir()
    write(folder / "sound.json", report(measured()))
    (folder / "future.json").write_text('{"schema": {"name": "simx-report", "version": 99}}')


@pytest.mark.parametrize(("arguments", "named"), WRONG.values(), ids=WRONG.keys())
def test_wrong_input_is_refused_in_one_line(
    simx: Simx, arguments: tuple[str, ...], named: str
) -> None:
    """The exit code is 2, stdout stays empty, and the one message names what is wrong."""
    outcome = simx(*arguments)

    _assert_one_line(outcome, ExitCode.USAGE, named)


def test_a_weights_file_that_is_no_state_dict_is_refused(simx: Simx, folder: Path) -> None:
    """What the export worker finds out is still the user's one line, and the store stays empty."""
    (folder / "zeros.pth").write_bytes(bytes(1000))

    outcome = simx(*EXPORT, "--weights", "zeros.pth", "--store", "store")

    _assert_one_line(outcome, ExitCode.USAGE, "zeros.pth")
    assert [path.name for path in (folder / "store").rglob("*")] == ["unfinished"]


def test_a_weights_file_of_another_model_is_refused(simx: Simx) -> None:
    """Weights that do not fit the architecture are not loaded as far as they do."""
    outcome = simx("export", "resnet18", "--weights", TRAINED_WEIGHTS)

    _assert_one_line(outcome, ExitCode.USAGE, "does not fit resnet18")


@pytest.mark.parametrize("store", ["notes.txt/store", "/proc/store"])
def test_a_store_that_cannot_be_made_is_a_failure_of_the_system(simx: Simx, store: str) -> None:
    """A store that the system refuses is told before anything is exported."""
    if store.startswith("/proc") and not Path("/proc").is_dir():
        pytest.skip("there is no folder here that takes no files from anybody")

    outcome = simx(*EXPORT, "--store", store)

    _assert_one_line(outcome, ExitCode.SYSTEM, store)


def test_a_provider_that_is_not_built_in_is_unavailable(simx: Simx, folder: Path) -> None:
    """Asking for CUDA where there is none is no silent run on the CPU; the message helps."""
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has CUDA")

    outcome = simx(*BENCH, "--backend", "ort", "--provider", "CUDAExecutionProvider")

    _assert_one_line(outcome, ExitCode.PROVIDER_UNAVAILABLE, "CPUExecutionProvider")
    assert "pip install 'onnxruntime-gpu[cuda,cudnn]'" in outcome.err
    assert not (folder / "cache" / "simx").exists()


def test_a_provider_that_no_backend_has_a_device_for_is_unavailable(simx: Simx) -> None:
    """A benchmark of which nothing would be left is refused."""
    outcome = simx(*BENCH, "--backend", "torch", "--provider", "openvino")

    _assert_one_line(outcome, ExitCode.PROVIDER_UNAVAILABLE, "OpenVINOExecutionProvider")


def _assert_one_line(outcome: Outcome, code: ExitCode, named: str) -> None:
    assert outcome.code == code
    assert outcome.out == ""
    assert len(outcome.messages) == 1
    assert outcome.messages[0].startswith("simx: ")
    assert named in outcome.messages[0]
    assert "Traceback" not in outcome.err
