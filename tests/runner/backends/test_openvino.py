"""OpenVINO's own API: what the contract suite does not ask of every backend."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest

if find_spec("openvino") is None:
    pytest.skip("openvino is not installed here; run make test-engines", allow_module_level=True)

from simx.exporter.store.entry import Entry, record_of
from simx.runner.backends.contract import BackendError, Task
from simx.runner.backends.openvino import OpenVinoRuntime
from simx.runner.measure.worker import verified_task


def test_it_computes_in_float32_and_says_so(task: Task) -> None:
    """On a processor with bfloat16, too; the compiled network itself is asked."""
    facts = OpenVinoRuntime().create(task).facts
    (nodes,) = facts.placement.values()

    assert facts.settings["node_precisions"] == f"{nodes} f32"
    assert facts.settings["INFERENCE_PRECISION_HINT"] == "f32"
    assert facts.settings["ENABLE_CPU_PINNING"] == "False"


def test_external_data_is_found(task: Task, entry: Entry, tmp_path: Path) -> None:
    """A network above 1.9 GB has two files, which a worker reaches by links."""
    onnx.save_model(
        onnx.load(entry.model_path),
        tmp_path / "model.onnx",
        save_as_external_data=True,
        location="model.onnx.data",
    )
    files = {path.name: record_of(path) for path in tmp_path.iterdir()}
    own = msgspec.structs.replace(task, model_path=str(tmp_path / "model.onnx"), files=files)
    image = np.zeros((1, 3, 224, 224), dtype=np.float32)
    right = OpenVinoRuntime().create(task).forward(image)
    with verified_task(own) as lent:
        assert np.array_equal(OpenVinoRuntime().create(lent).forward(image), right)

    assert len(files) == 2


def test_what_cannot_be_compiled_is_one_line_without_a_folder(task: Task, tmp_path: Path) -> None:
    """OpenVINO's own message begins with places in its source."""
    broken = tmp_path / "model.onnx"
    broken.write_bytes(b"no graph")
    with pytest.raises(BackendError) as refused:
        OpenVinoRuntime().create(msgspec.structs.replace(task, model_path=str(broken)))

    assert str(refused.value).startswith("OpenVINO cannot compile the network: ")
    assert "\n" not in str(refused.value)
    assert str(tmp_path) not in str(refused.value)


_WATCHED = """
import os, sys
def refuse(event, _):
    if event in {"socket.getaddrinfo", "socket.connect"}:
        os.write(1, b"asked the network")
sys.addaudithook(refuse)
from simx.runner.backends.openvino import OpenVinoRuntime
OpenVinoRuntime().probe("CPUExecutionProvider")
"""


def test_it_tells_nobody_that_it_is_used(tmp_path: Path) -> None:
    """Neither a server of its maker's, nor by an identifier in the home folder."""
    ended = subprocess.run(
        [sys.executable, "-c", _WATCHED],
        env={"HOME": str(tmp_path)},
        capture_output=True,
        check=True,
    )

    assert ended.stdout == b""
    assert list(tmp_path.iterdir()) == []


def test_another_provider_is_refused(task: Task) -> None:
    """It has no GPU here, and does not fall back to the processor by another name."""
    other = msgspec.structs.replace(task, provider="OpenVINOExecutionProvider")

    with pytest.raises(BackendError, match="measured on CPUExecutionProvider only"):
        OpenVinoRuntime().create(other)
