"""Whatever a user gets wrong is one line that names it, and never a traceback.

A table of named faults against every command that can meet them: the documented exit code, one
line on stderr, nothing on stdout.
"""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import onnxruntime
import pytest

from simx.common.errors import ExitCode
from simx.results.files.report import write
from tests.cli.support import TRAINED_WEIGHTS, Outcome, Simx, run_simx
from tests.faults.files import MANIFESTS, NO_FILES, PICTURES, REPORTS, SETTINGS, Faults, Make
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
    "folder for models a file": ((*EXPORT, "-o", "notes.txt"), "notes.txt"),
    "folder for models without a name": ((*EXPORT, "-o", ""), "--output"),
    "dry run of an export": ((*EXPORT, "--dry-run"), "--dry-run"),
    "pruning a selection": (("export", "resnet18", "--prune"), "--prune"),
    "folder of the report missing": ((*BENCH, "-o", "nowhere/report.json"), "nowhere"),
    "folder of the output a file": (("models", "-o", "notes.txt/list.txt"), "notes.txt"),
    "output a folder": ((*BENCH, "-o", "pictures"), "pictures"),
    "output without a name": (("models", "-o", ""), "--output"),
    "export of nothing": (("export",), "--all"),
    "bench of an empty store": (("bench", "--store", "empty"), "simx export"),
    "store a file": (("models", "--store", "notes.txt"), "notes.txt"),
    "store a file, when exporting": ((*EXPORT, "--store", "notes.txt"), "notes.txt"),
    "no threads": ((*BENCH, "--threads", "0"), "--threads"),
    "threads beyond measure": ((*BENCH, "--threads", "9" * 30), "--threads"),
    "launches beyond measure": ((*BENCH, "--launches", "9" * 30), "--launches"),
    "rounds beyond measure": ((*BENCH, "--rounds", "9" * 30), "--rounds"),
    "seed beyond 64 bits": ((*BENCH, "--seed", "9" * 30), "--seed"),
    "seed below zero": ((*BENCH, "--seed", "-1"), "--seed"),
    "budget beyond measure": ((*BENCH, "--budget", "9" * 400), "--budget"),
    "comparisons beyond measure": (("selfcheck", "--comparisons", "9" * 30), "--comparisons"),
    "threads of the self-check beyond measure": (("selfcheck", "--threads", "9" * 30), "--threads"),
    "store whose name is no text": ((*BENCH, "--store", "st\udcff"), "rename it"),
    "store whose name is no text, when exporting": ((*EXPORT, "--store", "st\udcff"), "rename it"),
    "picture whose name is no text": ((*BENCH, "--anchor", "p\udcff.jpg"), "rename it"),
    "weights whose name is no text": ((*EXPORT, "--weights", "w\udcff.pth"), "no UTF-8 text"),
    "provider that drives a terminal": (("doctor", "--provider", "\x1b[31mcpu"), "'\\x1b[31mcpu'"),
    "unknown provider of doctor": (("doctor", "--provider", "gpu9"), "gpu9"),
    "store of doctor a file": (("doctor", "--store", "notes.txt"), "notes.txt"),
    "doctor as CSV": (("doctor", "--format", "csv"), "csv"),
    "report whose name is no text": (("report", "r\udcff.json"), "no such file"),
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
    "a key without a weights file": ((*EXPORT, "--weights-key", "ema"), "--weights-key"),
    "a key without a weights file to measure": ((*BENCH, "--weights-key", "ema"), "--weights-key"),
    "one weights file for two backbones": (
        (*EXPORT, "resnet18", "--weights", str(TRAINED_WEIGHTS)),
        "name one",
    ),
    "no report named": (("report",), "report"),
    "target chosen for no decision": (("report", "r.json", "--backend", "ort"), "--pareto"),
    "target that a report has not": (
        ("report", "sound.json", "--pareto", "--backend", "tensorflow"),
        "torch CPUExecutionProvider",
    ),
    "latency no duration": (("report", "r.json", "--max-latency", "fast"), "5ms"),
    "accuracy no percentage": (("report", "r.json", "--min-acc1", "101"), "write it as 75"),
    "report missing": (("report", "gone.json"), "gone.json"),
    "report that is none": (("report", "notes.txt"), "notes.txt"),
    "report a folder": (("report", "pictures"), "pictures"),
    "report of a future version": (("report", "future.json"), "version 99"),
    "difference from nothing": (("diff", "future.json"), "--between"),
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


READS_A_REPORT: dict[str, tuple[str, ...]] = {
    "report": ("report", "FILE"),
    "report of several": ("report", "sound.json", "FILE"),
    "diff from it": ("diff", "FILE", "sound.json"),
    "diff to it": ("diff", "sound.json", "FILE"),
    "diff with it again": ("diff", "sound.json", "sound.json", "--repeat", "FILE"),
}

READS_A_PICTURE: dict[str, tuple[str, ...]] = {
    "anchor": (*BENCH, "--anchor", "FILE"),
    "positive": (*BENCH, "--positive", "FILE"),
    "negative": (*BENCH, "--negative", "FILE"),
}

READS_WEIGHTS: dict[str, tuple[str, ...]] = {
    "export": (*EXPORT, "--weights", "FILE"),
    "bench": (*BENCH, "--weights", "FILE"),
}

READS_SETTINGS: dict[str, tuple[str, ...]] = {
    "models": ("models", "resnet18"),
    "export": EXPORT,
    "bench": BENCH,
    "report": ("report", "sound.json"),
    "diff": ("diff", "sound.json", "sound.json"),
    "doctor": ("doctor",),
    "selfcheck": ("selfcheck", "--quick"),
}

FILES: dict[str, tuple[Make, tuple[str, ...]]] = {
    f"{kind} {fault}, {command}": (make, arguments)
    for kind, faults, commands in (
        ("report", REPORTS, READS_A_REPORT),
        ("picture", PICTURES, READS_A_PICTURE),
        ("weights", NO_FILES, READS_WEIGHTS),
    )
    for (fault, make), (command, arguments) in product(faults.items(), commands.items())
}
"""How to make the file, and what meets it."""


@pytest.fixture(autouse=True)
def _files(folder: Path) -> None:
    (folder / "notes.txt").write_text("neither a picture nor a report\n")
    (folder / "pictures").mkdir()
    write(folder / "sound.json", report(measured()))
    (folder / "future.json").write_text('{"schema": {"name": "simx-report", "version": 99}}')


@pytest.mark.parametrize(("make", "arguments"), FILES.values(), ids=FILES.keys())
def test_a_file_that_is_not_what_it_should_be_is_refused(
    simx: Simx, folder: Path, make: Make, arguments: tuple[str, ...]
) -> None:
    """The line names the file, and ends with what to do."""
    make(folder / "wrong.file")

    outcome = simx(*("wrong.file" if each == "FILE" else each for each in arguments))

    code, message = _one_line(outcome)
    assert code == ExitCode.USAGE
    assert "wrong.file" in message
    # Of a command line that is wrong, click says in its own words where help is.
    assert "; " in outcome.messages[0]


@pytest.mark.parametrize("fault", SETTINGS)
@pytest.mark.parametrize("command", READS_SETTINGS)
def test_settings_that_mean_nothing_are_refused(
    simx: Simx, folder: Path, fault: str, command: str
) -> None:
    """Every command reads simx.toml, whatever lies there, before it does anything."""
    SETTINGS[fault](folder / "simx.toml")

    code, message = _one_line(simx(*READS_SETTINGS[command]))
    assert code == ExitCode.USAGE
    assert "simx.toml" in message


@pytest.mark.parametrize("fault", MANIFESTS)
def test_a_damaged_manifest_is_told_of_and_costs_its_entry_alone(
    simx: Simx, folder: Path, fault: str
) -> None:
    """The list is there, without what cannot be read; one line tells of it."""
    entry = folder / "store/exports/resnet18/IMAGENET1K_V1/pooled-fp32-0"
    entry.mkdir(parents=True)
    with _in(entry):
        MANIFESTS[fault](entry / "manifest.json")

    outcome = simx("models", "resnet18", "resnet34", "--store", "store", "--format", "csv")

    assert outcome.code == ExitCode.DONE
    assert len(outcome.out.splitlines()) == 3
    assert len(outcome.messages) == 1
    assert all("manifest.json: " in message for message in outcome.messages)
    _assert_printable(outcome)


@pytest.mark.parametrize("fault", MANIFESTS)
def test_a_store_of_damaged_manifests_holds_nothing(simx: Simx, folder: Path, fault: str) -> None:
    """A benchmark of what is there ends with the line that says so, after the one on the file."""
    entry = folder / "store/exports/resnet18/IMAGENET1K_V1/pooled-fp32-0"
    entry.mkdir(parents=True)
    with _in(entry):
        MANIFESTS[fault](entry / "manifest.json")

    outcome = simx("bench", "--store", "store")

    assert outcome.code == ExitCode.USAGE
    assert outcome.out == ""
    assert "holds nothing to measure" in outcome.messages[-1]
    assert all("manifest.json: " in message for message in outcome.messages[:-1])
    _assert_printable(outcome)


@pytest.mark.parametrize(("arguments", "named"), WRONG.values(), ids=WRONG.keys())
def test_wrong_input_is_refused_in_one_line(
    simx: Simx, arguments: tuple[str, ...], named: str
) -> None:
    """The exit code is 2, stdout stays empty, and the one message names what is wrong."""
    outcome = simx(*arguments)

    code, message = _one_line(outcome)
    assert code == ExitCode.USAGE
    assert named in message


def test_a_weights_file_that_is_no_state_dict_is_refused(simx: Simx, folder: Path) -> None:
    """What the export worker finds out is still the user's one line, and the store stays empty."""
    (folder / "zeros.pth").write_bytes(bytes(1000))

    outcome = simx(*EXPORT, "--weights", "zeros.pth", "--store", "store")

    code, message = _one_line(outcome)
    assert code == ExitCode.USAGE
    assert "zeros.pth" in message
    assert {path.name for path in (folder / "store").iterdir()} == {"locks", "unfinished"}
    assert not list((folder / "store" / "unfinished").iterdir())


def test_a_weights_file_of_another_model_is_refused(simx: Simx) -> None:
    """Weights that do not fit the architecture are not loaded as far as they do."""
    outcome = simx("export", "resnet18", "--weights", TRAINED_WEIGHTS)

    code, message = _one_line(outcome)
    assert code == ExitCode.USAGE
    assert "does not fit resnet18" in message


@pytest.mark.parametrize("store", ["notes.txt/store", "/proc/store"])
def test_a_store_that_cannot_be_made_is_a_failure_of_the_system(simx: Simx, store: str) -> None:
    """A store that the system refuses is told before anything is exported."""
    if store.startswith("/proc") and not Path("/proc").is_dir():
        pytest.skip("there is no folder here that takes no files from anybody")

    outcome = simx(*EXPORT, "--store", store)

    code, message = _one_line(outcome)
    assert code == ExitCode.SYSTEM
    assert store in message


def test_a_provider_that_is_not_built_in_is_unavailable(simx: Simx, folder: Path) -> None:
    """Asking for CUDA where there is none is no silent run on the CPU; the message helps."""
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has CUDA")

    outcome = simx(*BENCH, "--backend", "ort", "--provider", "CUDAExecutionProvider")

    code, message = _one_line(outcome)
    assert code == ExitCode.PROVIDER_UNAVAILABLE
    assert "CPUExecutionProvider" in message
    assert "pip install 'onnxruntime-gpu[cuda,cudnn]'" in outcome.err
    assert not (folder / "cache" / "simx").exists()


def test_a_provider_that_no_backend_has_a_device_for_is_unavailable(simx: Simx) -> None:
    """A benchmark of which nothing would be left is refused."""
    outcome = simx(*BENCH, "--backend", "torch", "--provider", "openvino")

    code, message = _one_line(outcome)
    assert code == ExitCode.PROVIDER_UNAVAILABLE
    assert "OpenVINOExecutionProvider" in message


@pytest.mark.parametrize(
    ("kind", "fault", "arguments"),
    [
        (REPORTS, "not UTF-8", ("report", "wrong.file")),
        (REPORTS, "a terabyte of nothing", ("diff", "sound.json", "wrong.file")),
        (SETTINGS, "nested without end", ("models",)),
        (PICTURES, "with a tile of gigabytes", (*BENCH, "--anchor", "wrong.file")),
    ],
    ids=["report", "diff", "models", "bench"],
)
def test_a_process_of_its_own_says_the_same(
    folder: Path, kind: Faults, fault: str, arguments: tuple[str, ...]
) -> None:
    """Neither Python nor a library adds a line when the process ends."""
    name = "simx.toml" if kind is SETTINGS else "wrong.file"
    kind[fault](folder / name)

    code, message = _one_line(run_simx(*arguments, cwd=folder))
    assert code == ExitCode.USAGE
    assert name in message


def test_memory_that_does_not_suffice_is_one_line(
    simx: Simx, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system has no more memory, that is said, and it is no bug of simx."""

    def exhaust(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("simx.results.files.report.read_whole", exhaust)

    code, message = _one_line(simx("report", "sound.json"))
    assert code == ExitCode.SYSTEM
    assert "memory" in message


@pytest.mark.parametrize("megabytes", [200, 250, 300])
def test_an_address_space_that_is_too_small_is_one_line(folder: Path, megabytes: int) -> None:
    """Libraries that cannot start their threads neither hang nor interrupt the command."""
    most = megabytes * 10**6
    ended = subprocess.run(
        [sys.executable, "-m", "simx", "report", "sound.json"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (most, most)),
    )

    assert ended.returncode == ExitCode.SYSTEM
    assert ended.stderr.startswith("simx: out of memory; its address space is limited to")
    assert ended.stderr.count("\n") == 1


@contextmanager
def _in(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _assert_printable(outcome: Outcome) -> None:
    assert "Traceback" not in outcome.err
    assert all(line.isprintable() for line in outcome.err.splitlines())


def _one_line(outcome: Outcome) -> tuple[int, str]:
    """Return the exit code and the message of a refusal, which has one line and prints nothing."""
    assert outcome.out == ""
    assert len(outcome.messages) == 1
    (message,) = outcome.messages
    assert message.startswith("simx: ")
    before, help_is, _ = message.partition(" See 'simx ")
    assert not help_is or before.endswith((".", "?"))
    _assert_printable(outcome)
    return outcome.code, message
