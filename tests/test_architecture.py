"""The layout is the architecture: which room may import which, and who may load a runtime."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "simx"

_ORDER = (
    *("common", "models", "images", "results", "workers", "exporter", "runner", "evaluation"),
    *("selfcheck", "cluster"),
)

ROOMS: dict[str, set[str]] = {
    **{room: set(_ORDER[:position]) for position, room in enumerate(_ORDER)},
    "models": {"common"},
    "report": {"common", "models", "results"},
    "api": {*_ORDER, "report"},
    "cli": {*_ORDER, "report", "api"},
}
"""Every room, and the rooms it may import besides itself."""

TORCH = {"torch", "torchvision", "timm", "onnxscript", "onnx_ir"}
RUNTIMES = TORCH | {"onnx", "onnxruntime", "openvino", "executorch", "ray"}

MAY_IMPORT: dict[str, set[str]] = {
    "cluster/connection.py": {"ray"},
    "exporter/network/architecture.py": TORCH,
    "exporter/network/heads.py": TORCH,
    "exporter/network/graph.py": TORCH,
    "exporter/network/timm_networks.py": TORCH,
    "exporter/jobs/from_weights.py": TORCH,
    "exporter/network/lowering.py": TORCH,
    "exporter/verification/inspection.py": {"onnx"},
    "exporter/verification/walk.py": {"onnx"},
    "exporter/jobs/from_fp32.py": {"onnx", "onnxruntime"},
    "exporter/jobs/quantisation.py": {"onnx", "onnxruntime"},
    "exporter/jobs/from_onnx.py": {"onnx"},
    "exporter/own_models/graph.py": {"onnx"},
    "exporter/own_models/inspection.py": {"onnx", "onnxruntime"},
    "exporter/weights/checkpoint.py": TORCH,
    "exporter/weights/initialised.py": TORCH,
    "exporter/weights/load.py": TORCH,
    "exporter/weights/selection.py": TORCH,
    "exporter/weights/state.py": TORCH,
    "exporter/store/relocation.py": {"onnx"},
    "exporter/verification/half_precision.py": {"onnx", "onnxruntime"},
    "exporter/verification/outputs.py": {"onnx", "onnxruntime"},
    "exporter/verification/rounding.py": {"torch"},
    "runner/explaining/ceilings.py": {"onnx"},
    "runner/backends/openvino.py": {"openvino"},
    "runner/backends/executorch.py": {"executorch", "torch"},
    "runner/backends/torch/backend.py": TORCH,
    "runner/backends/torch/profiling.py": TORCH,
    "runner/backends/torch/compilation.py": TORCH,
    "runner/backends/torch/device.py": TORCH,
    "runner/backends/ort/backend.py": {"onnxruntime"},
    "runner/backends/ort/profiling.py": {"onnx"},
    "runner/backends/ort/cuda_libraries.py": {"onnxruntime"},
    "runner/backends/ort/session.py": {"onnxruntime"},
    "runner/backends/ort/device.py": {"onnxruntime"},
}
"""The only files that import a runtime, lazily or not; they run inside workers, but for Ray's."""

FILES = sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Yield the full name of every module a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the arrows"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path) -> None:
    """A file imports its own room and the rooms to its left, and nothing else of simx."""
    room = room_of(path)
    if room in {"__init__", "__main__"}:
        return
    imported = {name.split(".")[1] for name in imports(path) if name.startswith("simx.")}
    imported = {name for name in imported if name in ROOMS}

    assert imported <= ROOMS[room] | {room}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_workers_import_runtimes(path: Path) -> None:
    """torch, onnx and onnxruntime are imported by the files that run in workers alone."""
    allowed = MAY_IMPORT.get(path.relative_to(PACKAGE).as_posix(), set())
    imported = {name.split(".")[0] for name in imports(path)} & RUNTIMES

    assert imported <= allowed


def test_no_folder_holds_more_than_one_looks_through() -> None:
    """A folder has at most 15 files of code, and a file at most 350 lines."""
    crowded = {path.parent for path in FILES if len(list(path.parent.glob("[!_]*.py"))) > 15}
    long = {path for path in FILES if len(path.read_text(encoding="utf-8").splitlines()) > 350}

    assert (crowded, long) == (set(), set())


def test_every_file_is_in_a_known_room() -> None:
    """A new room is a decision to be written down here."""
    rooms = {room_of(path) for path in FILES} - {"__init__", "__main__"}

    assert rooms == set(ROOMS)


def test_the_list_of_runtime_files_is_current() -> None:
    """Every file that may import a runtime exists and does."""
    stale = {
        name
        for name, allowed in MAY_IMPORT.items()
        if not {found.split(".")[0] for found in imports(PACKAGE / name)} & allowed
    }

    assert stale == set()
