"""A network that leaves float16's range is refused, with the name of the layer that leaves it."""

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest

from simx.exporter.store.manifest import DATA_FILE, INPUT_NAME
from simx.exporter.verification.half_precision import verify_in_float16
from simx.exporter.verification.outputs import VerificationError
from tests.exporter.verification.inspection.support import Constants, graph

Array = npt.NDArray[np.float32]

KERNEL = np.random.default_rng(3).normal(size=(5, 3, 3, 3)).astype(np.float32)
INPUTS: Array = np.random.default_rng(5).normal(size=(4, 3, 8, 8)).astype(np.float32)
HIDDEN = (
    "{ map = Conv (image, <kernel>) still = ReduceMean <keepdims = 0> (map, axes) "
    "up = Mul (still, factor) embedding = Div (up, factor) }"
)
"""What a factor makes of the embedding is undone before the end, in float32 without a trace."""


def saved(folder: Path, factor: float, kernel: Array = KERNEL, *, beside: bool = False) -> Path:
    """Write the graph above; its weights lie beside it if that is wanted."""
    constants: Constants = {"kernel": kernel, "factor": np.float32(factor)}
    model = graph(HIDDEN.replace("<kernel>", "kernel"), constants)
    for tensor in model.graph.initializer:
        if tensor.name == "kernel":
            tensor.name = "features.0.weight"
    model.graph.node[0].input[1] = "features.0.weight"
    path = folder / "model.onnx"
    onnx.save(model, path, save_as_external_data=beside, location=DATA_FILE, size_threshold=200)
    return path


def refusal(path: Path) -> str:
    """Check a graph against its own answers in float32; return nothing if it passes."""
    reference = onnxruntime.InferenceSession(path).run(None, {INPUT_NAME: INPUTS})[0]
    try:
        verify_in_float16(path, INPUTS, reference, threads=1)
    except VerificationError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("factor", [1.0, 1e3, 1e-3])
@pytest.mark.parametrize("beside", [False, True])
def test_what_stays_in_the_range_is_verified(
    factor: float, *, beside: bool, tmp_path: Path
) -> None:
    """Also where the weights lie in another file."""
    assert refusal(saved(tmp_path, factor, beside=beside)) == ""


@pytest.mark.parametrize(
    ("factor", "kernel", "reason"),
    [
        (6e4, KERNEL, r"the Mul node up after features\.0 reaches [\d,]+ on the .*ends at 65,504"),
        (1.0, KERNEL * 9e3, r"features\.0 \(Conv node map\) reaches [\d,]+ on the .*1/2 is for"),
        (1e5, KERNEL, "^factor reaches 100,000: float16 ends at 65,504; use fp32"),
        (1.0, KERNEL * 1e30, r"^features\.0\.weight reaches [\d.]+e\+30: float16 ends"),
        (1e-9, KERNEL, "where all of factor becomes 0, the embedding differs from torch's"),
        (1.0, KERNEL * 1e-9, r"where all of features\.0\.weight becomes 0, the embedding differs"),
    ],
    ids=["result", "layer", "constant", "weight", "small constant", "small weight"],
)
@pytest.mark.parametrize("beside", [False, True])
def test_what_leaves_the_range_is_named(
    factor: float, kernel: Array, reason: str, *, beside: bool, tmp_path: Path
) -> None:
    """Layer, node or weight, with its largest value; in float32 all of these are right."""
    path = saved(tmp_path, factor, kernel, beside=beside)

    assert re.search(reason, refusal(path))


def test_half_of_the_range_is_for_other_pictures(tmp_path: Path) -> None:
    """An activation near the end of the range is refused before it is infinite."""
    largest = np.abs(
        onnxruntime.InferenceSession(saved(tmp_path, 1.0)).run(None, {"image": INPUTS})
    )
    peak = 3.0 * float(np.max(largest))

    assert refusal(saved(tmp_path, 32000 / peak)) == ""
    assert "up after" in refusal(saved(tmp_path, 3.0 * 33500 / peak))


def test_results_are_rounded_one_after_the_other(tmp_path: Path) -> None:
    """A difference that float16 cannot hold is lost, as on a device that computes in it."""
    body = (
        "{ map = Conv (image, weight) still = ReduceMean <keepdims = 0> (map, axes) "
        "up = Add (still, thousands) embedding = Sub (up, thousands) }"
    )
    path = tmp_path / "model.onnx"
    onnx.save(graph(body, {"weight": KERNEL, "thousands": np.float32(8192)}), path)

    assert refusal(path).startswith("with every result in float16, the embedding")
