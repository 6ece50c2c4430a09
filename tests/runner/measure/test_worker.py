"""A worker loads what was checked: the graph, its external data, and nothing else beside them."""

from pathlib import Path

import msgspec
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from simx.exporter.store.entry import record_of
from simx.runner.backends.contract import BackendError, Task
from simx.runner.measure.worker import verified_task
from tests.runner.fakes import BACKBONE


def save(folder: Path, factor: float) -> None:
    """Write a graph that multiplies by a factor, which lies in a file beside it."""
    factors = numpy_helper.from_array(np.full((64,), factor, dtype=np.float32), "factor")
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [64]) for name in "xy"]
    node = helper.make_node("Mul", ["x", "factor"], ["y"])
    graph = helper.make_graph([node], "product", values[:1], values[1:], [factors])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save_model(
        model,
        folder / "model.onnx",
        save_as_external_data=True,
        location="model.onnx.data",
        size_threshold=0,
    )


@pytest.fixture
def task(tmp_path: Path) -> Task:
    save(tmp_path, 3.0)
    files = {path.name: record_of(path) for path in tmp_path.iterdir()}
    return Task(
        backbone=BACKBONE,
        embedding="pooled",
        provider="CPUExecutionProvider",
        threads=1,
        model_path=str(tmp_path / "model.onnx"),
        weights_path=str(tmp_path / "absent.safetensors"),
        files=files,
    )


def product(path: str) -> float:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return float(session.run(None, {"x": np.ones(64, dtype=np.float32)})[0][0])


def test_external_data_is_found(task: Task) -> None:
    """Beside the graph, as ONNX Runtime looks for it."""
    with verified_task(task) as lent:
        assert product(lent.model_path) == 3.0


def test_what_takes_the_place_of_a_checked_file_is_not_loaded(task: Task, tmp_path: Path) -> None:
    """ONNX Runtime asks where a file with external data is, and refuses one that has no place."""
    with verified_task(task) as lent:
        (tmp_path / "other").mkdir()
        save(tmp_path / "other", 7.0)
        for name in task.files:
            (tmp_path / "other" / name).replace(tmp_path / name)

        assert product(task.model_path) == 7.0
        with pytest.raises(Exception, match="canonical"):
            product(lent.model_path)
        assert record_of(Path(lent.model_path)) == task.files["model.onnx"]


def test_external_data_of_another_hash_is_refused(task: Task, tmp_path: Path) -> None:
    """It counts like the graph."""
    data = tmp_path / "model.onnx.data"
    data.write_bytes(data.read_bytes()[::-1])

    with pytest.raises(BackendError, match=r"hash.*run simx export again"), verified_task(task):
        pass


@pytest.mark.parametrize("name", ["model.onnx", "model.onnx.data"])
def test_a_link_is_refused(task: Task, tmp_path: Path, name: str) -> None:
    """ONNX Runtime would follow one of either kind."""
    moved = (tmp_path / name).rename(tmp_path / "moved")
    (tmp_path / name).symlink_to(moved)
    with pytest.raises(BackendError, match="is a link"), verified_task(task):
        pass
    (tmp_path / name).unlink()
    (tmp_path / name).hardlink_to(moved)
    with pytest.raises(BackendError, match="has 2 names"), verified_task(task):
        pass


def test_data_that_the_manifest_does_not_name_is_not_found(task: Task) -> None:
    """A graph cannot be made to read further files."""
    alone = msgspec.structs.replace(task, files={"model.onnx": task.files["model.onnx"]})
    with verified_task(alone) as lent, pytest.raises(Exception, match=r"model\.onnx\.data"):
        product(lent.model_path)


def test_weights_are_lent_in_the_same_way(task: Task, tmp_path: Path) -> None:
    """A backend that executes the state dict gets that one's path changed, and no other."""
    weights = tmp_path / "0123.safetensors"
    weights.write_bytes(b"weights")
    other = msgspec.structs.replace(
        task, weights_path=str(weights), files={weights.name: record_of(weights)}
    )
    with verified_task(other) as lent:
        assert Path(lent.weights_path).read_bytes() == b"weights"
        assert lent.weights_path != other.weights_path
        assert lent.model_path == other.model_path
