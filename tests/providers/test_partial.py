"""A network of which OpenVINO really takes a part: refused, and measured under its share's name."""

import hashlib
import os
import shutil
from pathlib import Path

import msgspec
import onnx
import pytest
from onnx import helper

from simx.common.errors import ExitCode
from simx.exporter.store.manifest import MANIFEST_FILE, FileRecord, read_manifest, sealed
from simx.results.files.report import read
from simx.results.schema.partial_placement import partial_placement_in
from simx.results.schema.report import FailedCell, MeasuredCell
from tests.providers.conftest import Elsewhere

MODEL = "squeezenet1_1"
ON_OPENVINO = ("--backend", "ort", "--provider", "openvino", "--launches", "1", "--rounds", "1")


@pytest.fixture(name="split_store")
def _split_store(openvino: Elsewhere, tmp_path: Path) -> Path:
    """Return a store with one export that computes the same by way of what OpenVINO has not.

    Some feature maps go through a sequence of one tensor each, and come out of it unchanged.
    """
    assert openvino is not None
    store = tmp_path / "store"
    source = Path(os.environ["SIMX_TEST_STORE"])
    shutil.copytree(source / "exports" / MODEL, store / "exports" / MODEL)
    (store / "weights").symlink_to(source / "weights")
    for path in store.rglob("model.onnx"):
        _detour(path)
        content = path.read_bytes()
        record = FileRecord(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
        manifest = read_manifest(path.parent / MANIFEST_FILE)
        changed = msgspec.structs.replace(manifest, files={**manifest.files, path.name: record})
        (path.parent / MANIFEST_FILE).write_bytes(sealed(changed))
    return store


def _detour(path: Path) -> None:
    model = onnx.load(path)
    nodes = []
    for node in model.graph.node:
        nodes.append(node)
        if node.op_type == "MaxPool":
            (output,) = node.output
            node.output[0] = f"{output}_before"
            nodes += [
                helper.make_node("SequenceConstruct", [node.output[0]], [f"{output}_sequence"]),
                helper.make_node("ConcatFromSequence", [f"{output}_sequence"], [output], axis=0),
            ]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save(model, path)


def test_a_part_is_refused(openvino: Elsewhere, split_store: Path, tmp_path: Path) -> None:
    """Although its embedding is right: with the operators, and the option that lets it pass."""
    outcome = openvino("bench", MODEL, *ON_OPENVINO, "-o", "report.json", its_store=split_store)
    (cell,) = read(tmp_path / "report.json").cells
    assert isinstance(cell, FailedCell)

    assert outcome.code == ExitCode.CELLS_FAILED
    assert "nodes ran elsewhere than on OpenVINOExecutionProvider" in cell.reason
    assert "3 SequenceConstruct" in cell.reason
    assert "--allow-partial" in cell.reason


def test_a_part_is_measured_under_the_name_of_its_share(
    openvino: Elsewhere, split_store: Path, tmp_path: Path
) -> None:
    """In the report and in the tables, and right to the last digit that counts."""
    outcome = openvino(
        *("bench", MODEL, *ON_OPENVINO, "--allow-partial", "-o", "report.json"),
        its_store=split_store,
    )
    (cell,) = read(tmp_path / "report.json").cells
    assert isinstance(cell, MeasuredCell)
    there = cell.placement["OpenVINOExecutionProvider"]

    assert outcome.code == ExitCode.DONE
    assert cell.placement["CPUExecutionProvider"] == 6
    assert partial_placement_in(cell.identity.backend) == f"{there}/{there + 6}"
    assert f"ort:partial={there}/{there + 6}" in outcome.out
    assert "ort openvino" not in outcome.out
    assert cell.parity.relative_l2 <= 1e-4
