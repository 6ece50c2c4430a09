"""The variant ``offline-optimised``: what the contract suite does not ask of every backend."""

import shutil
import tempfile
from pathlib import Path

import msgspec
import numpy as np
import onnxruntime
import pytest

from simx.exporter.store.manifest import FileRecord
from simx.runner.backends.contract import BackendError, Task
from simx.runner.backends.ort.backend import OrtBackend

IMAGE = np.ones((1, 3, 224, 224), dtype=np.float32)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep graphs in the test's folder, where no earlier test has left one."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture
def offline(task: Task) -> Task:
    return msgspec.structs.replace(task, variants=("offline-optimised",))


def graphs(folder: Path) -> list[Path]:
    return list(folder.rglob("*.onnx"))


def test_a_later_launch_loads_the_graph_of_its_cell(
    task: Task, offline: Task, tmp_path: Path
) -> None:
    """Its nodes are fewer, as they are fused, and the embedding is the same to the last bit."""
    copied = msgspec.structs.replace(offline, model_path=f"{tmp_path}/model.onnx")
    shutil.copy(offline.model_path, copied.model_path)
    in_int8 = {"model.onnx": FileRecord(sha256="0" * 64, bytes=1)}
    others = (msgspec.structs.replace(offline, **it) for it in ({"batch": 2}, {"files": in_int8}))
    cells = [task, offline, copied, *others]
    backends = [OrtBackend(each) for each in cells]
    embeddings = [each.fetch(each.forward(each.place(IMAGE))) for each in backends]

    assert [each.facts.is_cached for each in backends] == [False, False, True, False, False]
    nodes = [each.facts.placement["CPUExecutionProvider"] for each in backends]
    assert all(len(each.facts.placement) == 1 for each in backends)
    assert len(set(nodes[1:])) == 1
    assert nodes[1] < nodes[0]
    assert all(np.array_equal(embeddings[0], each) for each in embeddings)
    assert len(graphs(tmp_path)) == 4


def test_the_saved_graph_is_not_optimised_again(offline: Task, tmp_path: Path) -> None:
    """It has ONNX Runtime's own operators, and its session leaves it as it is."""
    options = OrtBackend(offline)._loaded._session.get_session_options()
    (saved,) = graphs(tmp_path)

    assert options.graph_optimization_level == onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    assert b"com.microsoft" in saved.read_bytes()
    assert saved.with_name(f"{saved.name}.data").stat().st_size > 1e6


def test_a_graph_that_cannot_be_loaded_is_not_kept(offline: Task, tmp_path: Path) -> None:
    """The next launch tries again."""
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no graph")
    cell = msgspec.structs.replace(offline, model_path=str(broken))
    for _ in range(2):
        with pytest.raises(BackendError, match="no session on CPUExecutionProvider"):
            OrtBackend(cell)

    assert graphs(tmp_path) == [broken]
