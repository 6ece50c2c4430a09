"""The code to paste makes the settings that were measured: it is run."""

import importlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from simx.exporter.store.entry import Entry
from simx.models.backbone import Backbone
from simx.runner.backends.contract import Task
from simx.runner.backends.ort.backend import OrtBackend
from simx.runner.backends.registry import BACKENDS, backend_named
from simx.runner.bench.targets import Target
from simx.runner.tuning.candidates import Candidate, defaults, first_candidates
from simx.runner.tuning.code import _WRITERS, code_of
from tests.runner.tuning.simulated import CPU, ORT

CHANGED = (
    *first_candidates(defaults([ORT], 2), [ORT], (1, 4)),
    Candidate(ORT, "fp32", 4, 2, frozenset({"spinning", "static-batch", "graph-basic"})),
    Candidate(ORT, "fp32", 4, 2, frozenset({"offline-optimised", "static-batch"})),
)

TORCH = Target(backend_named("torch"), CPU)

STATE = """
smallest = torch.tensor(torch.finfo(torch.float32).tiny)
last = pictures.contiguous(memory_format=last_format).stride()[1] == 1
print(torch.get_num_threads(), float(smallest / 2) == 0.0, last, tuple(embeddings.shape))
"""


@pytest.mark.usefixtures("kept_code")
@pytest.mark.parametrize(
    "candidate", CHANGED, ids=lambda of: f"{of.target.backend.label}-{of.batch}-{of.threads}"
)
def test_the_session_is_the_measured_one(
    candidate: Candidate,
    task: Task,
    entry: Entry,
    backbone: Backbone,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every option and entry of the session has the value of the backend's own session."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(entry.model_path, tmp_path / "squeezenet1_1.onnx")
    code = code_of(candidate, backbone, "pooled")
    pasted: dict[str, Any] = {}
    exec(code, pasted)  # noqa: S102 - it is what is tested
    target = candidate.target
    measured = OrtBackend(
        Task(
            backbone=backbone,
            embedding="pooled",
            provider=CPU,
            threads=candidate.threads,
            model_path=task.model_path,
            weights_path=task.weights_path,
            batch=candidate.batch,
            variants=target.backend.variants,
        )
    )
    sessions = pasted["session"], measured._loaded._session
    settings = [each.get_session_options() for each in sessions]
    entries = measured._settings.session

    assert pasted["embeddings"].shape == (candidate.batch, 512)
    for name in measured._settings.attributes:
        assert getattr(settings[0], name) == getattr(settings[1], name), name
    assert [{name: of.get_session_config_entry(name) for name in entries} for of in settings] == [
        entries,
        entries,
    ]
    assert sessions[0].get_inputs()[0].shape == sessions[1].get_inputs()[0].shape
    assert sessions[0].get_providers() == sessions[1].get_providers()


@pytest.mark.parametrize(
    "variants", [frozenset[str](), frozenset({"channels-last", "flush-denormals"})]
)
def test_torch_has_the_measured_state(variants: frozenset[str], backbone: Backbone) -> None:
    """Threads, denormals and the order of the channels, in a process of its own."""
    code = code_of(Candidate(TORCH, "fp32", 2, 3, variants), backbone, "pooled")
    model = "model = torch.nn.Conv2d(3, 8, 3)\n"
    shown = "last_format = torch.preserve_format\n"
    program = code.replace("# model:", f"{model}# model:") + shown + STATE
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    changed = bool(variants)

    assert ran.stdout.strip() == f"3 {changed} False (2, 8, 222, 222)"
    assert f"memory_format=torch.{'channels_last' if changed else 'contiguous_format'}" in code


def test_batch_norms_are_fused_as_measured(backbone: Backbone) -> None:
    """In the caller's own model."""
    one = Candidate(TORCH, "fp32", 1, 1, frozenset({"fused-batch-norms"}))
    code = code_of(one, backbone, "pooled")
    own = "model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8))"
    names: dict[str, Any] = {}
    exec(code.replace("# model:", f"{own}  # model:"), names)  # noqa: S102 - it is what is tested

    assert [type(each).__name__ for each in names["model"]] == ["Conv2d", "Identity"]


def test_a_compiled_network_is_compiled_as_measured(
    backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the variant's own options, and as a whole."""
    chosen: list[dict[str, Any]] = []

    def compiled(model: Any, **options: Any) -> Any:
        chosen.append(options)
        return model

    monkeypatch.setattr("torch.compile", compiled)
    code = code_of(Candidate(TORCH, "fp32", 1, 1, frozenset({"freezing"})), backbone, "pooled")
    exec(code.replace("# model:", "model = torch.nn.Conv2d(3, 8, 3)  # model:"), {})  # noqa: S102 - it is what is tested

    assert chosen == [{"fullgraph": True, "options": {"freezing": True}}]


@pytest.mark.parametrize("variants", [frozenset[str](), frozenset({"static-batch", "throughput"})])
def test_openvino_has_the_measured_settings(
    variants: frozenset[str],
    entry: Entry,
    backbone: Backbone,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The compiled network has each of them, and not ONNX Runtime's."""
    # Otherwise it would ask the network.
    monkeypatch.setitem(sys.modules, "openvino_telemetry", None)
    pytest.importorskip("openvino", reason="openvino is not installed here; run make test-engines")
    monkeypatch.chdir(tmp_path)
    shutil.copy(entry.model_path, tmp_path / "squeezenet1_1.onnx")
    target = Target(backend_named("openvino"), CPU)
    code = code_of(Candidate(target, "fp32", 2, 1, variants), backbone, "pooled")
    pasted: dict[str, Any] = {}
    exec(code, pasted)  # noqa: S102 - it is what is tested
    network = pasted["network"]

    assert pasted["embeddings"].shape == (2, 512)
    assert network.get_property("INFERENCE_NUM_THREADS") == 1
    hint = str(network.get_property("PERFORMANCE_HINT"))
    assert ("THROUGHPUT" in hint) is bool(variants)
    assert network.input(0).partial_shape.is_static is bool(variants)


@pytest.mark.filterwarnings("ignore")  # of ExecuTorch's own code
def test_executorch_has_the_measured_threads(backbone: Backbone) -> None:
    """The program that is made is run by so many, for so many pictures."""
    pytest.importorskip("executorch", reason="executorch is not installed; run make test-engines")
    library = importlib.import_module("executorch.extension.pybindings.portable_lib")
    target = Target(backend_named("executorch"), CPU)
    code = code_of(Candidate(target, "fp32", 2, 1), backbone, "pooled")
    pasted: dict[str, Any] = {}
    exec(code.replace("# model:", "model = torch.nn.Conv2d(3, 8, 3)  # model:"), pasted)  # noqa: S102 - it is what is tested

    assert pasted["embeddings"].shape == (2, 8, 222, 222)
    assert library._threadpool_get_thread_count() == 1


def test_every_backend_has_code() -> None:
    """A new one is not written as if it were another."""
    assert set(_WRITERS) == {each.name for each in BACKENDS}


@pytest.mark.parametrize(
    ("candidate", "lines"),
    [
        (
            Candidate(TORCH, "fp32", 1, 1, frozenset({"passive", "fresh-heap"})),
            ["OMP_WAIT_POLICY=PASSIVE"],
        ),
        (Candidate(ORT, "fp32", 1, 1), ["MALLOC_MMAP_MAX_=0", f"MALLOC_TRIM_THRESHOLD_={2**40}"]),
    ],
)
def test_variables_are_named_first(
    candidate: Candidate, lines: list[str], backbone: Backbone
) -> None:
    """A running process cannot set them for itself any more."""
    code = code_of(candidate, backbone, "pooled").splitlines()

    assert code[: len(lines)] == [f"# start Python with the variable {line}" for line in lines]
    assert code[len(lines)].startswith("import ")
