"""ONNX files of any origin: what is found in usable ones, and the one line that refuses another."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from tests.exporter.own_models.files import (
    SIDE,
    network,
    of_nhwc,
    saved,
    saved_with_data,
    value,
    weight,
)
from tests.exporter.own_models.inspecting import accepted, file_of, inspect

OF_THE_CONVOLUTION = SIDE * SIDE * 8 * 3 * 9
"""Its multiply-accumulates: each of the results is a sum of 27 products."""


def with_function() -> onnx.ModelProto:
    """Return the network with a function of its own, as torch's exporter writes some."""
    node = helper.make_node("Halved", ["pooled"], ["half"], domain="mine")
    model = network(extra=[node], result="half", domain="mine")
    half = helper.make_node("Constant", [], ["c"], value_float=0.5)
    body = [half, helper.make_node("Mul", ["x", "c"], ["y"])]
    versions = [helper.make_opsetid("", 17)]
    model.functions.append(helper.make_function("mine", "Halved", ["x"], ["y"], body, versions))
    return model


def with_weights_as_inputs() -> onnx.ModelProto:
    pixels, filters = value("pixels", ["n", 3, SIDE, SIDE]), value("filters", [8, 3, 3, 3])
    return network(inputs=[pixels, filters], ir_version=3, opset=8)


def test_a_network_of_another_shape_is_described(tmp_path: Path) -> None:
    """Its figures are counted; the hash is that of the file."""
    path = saved(network(), tmp_path / "net.onnx")
    found = accepted(path)

    assert file_of(found).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (found.embedding_dims.pooled, found.params) == (8, 216)
    assert found.file_size == path.stat().st_size / 2**20
    assert (found.gflops, file_of(found).is_counted) == (OF_THE_CONVOLUTION / 1e9, True)
    assert not file_of(found).single_picture


def test_a_batch_that_is_fixed_to_one_is_noticed(tmp_path: Path) -> None:
    """Such a file gets its pictures one by one."""
    model = network(
        inputs=[value("pixels", [1, 3, SIDE, SIDE])], outputs=[value("pooled", [1, 8, 1, 1])]
    )

    found = accepted(saved(model, tmp_path / "net.onnx"))

    assert file_of(found).single_picture


@pytest.mark.parametrize("make", [with_function, with_weights_as_inputs])
def test_other_forms_of_a_file_are_usable(
    make: Callable[[], onnx.ModelProto], tmp_path: Path
) -> None:
    """Functions are put in place of their calls, and weights are no inputs."""
    found = accepted(saved(make(), tmp_path / "net.onnx"))

    assert (found.embedding_dims.pooled, found.gflops) == (8, OF_THE_CONVOLUTION / 1e9)


def test_an_nhwc_input_is_honoured_where_it_is_stated(tmp_path: Path) -> None:
    """The figures are those of the same network in NCHW."""
    found = accepted(saved(of_nhwc(), tmp_path / "net.onnx"), layout="NHWC")

    assert (found.embedding_dims.pooled, found.gflops) == (8, OF_THE_CONVOLUTION / 1e9)


def test_external_data_beside_the_file_are_read_and_hashed(tmp_path: Path) -> None:
    """A change of the data alone gives another hash."""
    path = saved_with_data(tmp_path / "net.onnx")
    found = accepted(path)
    data = tmp_path / "weights.bin"
    data.write_bytes(data.read_bytes()[::-1])

    assert (found.params, found.embedding_dims.pooled) == (216, 8)
    assert file_of(accepted(path)).sha256 != file_of(found).sha256


@pytest.mark.parametrize(
    ("nodes", "weights", "result", "added"),
    [
        (
            [
                helper.make_node("Flatten", ["pooled"], ["flat"]),
                helper.make_node("Gemm", ["flat", "w"], ["y"], transB=1),
            ],
            [weight("w", 5, 8)],
            value("y", ["n", 5]),
            5 * 8,
        ),
        (
            [
                helper.make_node("Flatten", ["pooled"], ["flat"]),
                helper.make_node("MatMul", ["flat", "w"], ["y"]),
            ],
            [weight("w", 8, 6)],
            value("y", ["n", 6]),
            6 * 8,
        ),
        (
            [helper.make_node("Conv", ["maps", "w"], ["y"], group=8, strides=[2, 2])],
            [weight("w", 8, 1, 2, 2)],
            value("y", ["n", 8, 16, 16]),
            16 * 16 * 8 * 4,
        ),
        (
            [helper.make_node("ConvTranspose", ["maps", "w"], ["y"], strides=[2, 2])],
            [weight("w", 8, 2, 2, 2)],
            value("y", ["n", 2, 64, 64]),
            64 * 64 * 2 * 8,
        ),
    ],
    ids=["Gemm", "MatMul", "grouped Conv", "ConvTranspose"],
)
def test_multiply_accumulates_are_those_of_the_formula(
    nodes: list[onnx.NodeProto],
    weights: list[onnx.TensorProto],
    result: onnx.ValueInfoProto,
    added: int,
    tmp_path: Path,
) -> None:
    """Each result is a sum of as many products as it has weights and inputs.

    Where the stride is the size of the filter, each result of a transposed convolution has one
    place of the filter for each of 8 channels.
    """
    model = network(extra=nodes, weights=weights, outputs=[result])

    found = accepted(saved(model, tmp_path / "net.onnx"))
    assert round(found.gflops * 1e9) == OF_THE_CONVOLUTION + added


def test_work_that_is_not_counted_is_said(tmp_path: Path) -> None:
    """The figure of such a graph would be too small."""
    node = helper.make_node("Einsum", ["pooled", "w"], ["y"], equation="nchw,cd->nd")
    model = network(extra=[node], weights=[weight("w", 8, 4)], outputs=[value("y", ["n", 4])])
    found = accepted(saved(model, tmp_path / "net.onnx"))

    assert (found.embedding_dims.pooled, file_of(found).is_counted) == (4, False)


def pictures(*dims: int | str, kind: int = TensorProto.FLOAT) -> onnx.ModelProto:
    return network(inputs=[value("pixels", dims, kind)])


def quantised() -> onnx.ModelProto:
    scale = helper.make_tensor("scale", TensorProto.FLOAT, [], [0.1])
    node = helper.make_node("QuantizeLinear", ["pooled", "scale"], ["y"])
    return network(extra=[node], weights=[scale])


def in_half() -> onnx.ModelProto:
    return network(weights=[helper.make_tensor("h", TensorProto.FLOAT16, [1], [1.0])])


REFUSED = {
    "two inputs": (
        network(inputs=[value("pixels", ["n", 3, SIDE, SIDE]), value("mask", ["n"])]),
        "has 2 inputs (pixels, mask), not one",
    ),
    "two outputs": (
        network(outputs=[value("pooled", ["n", 8, 1, 1]), value("maps", ["n", 8, SIDE, SIDE])]),
        "has 2 outputs (pooled, maps), not one",
    ),
    "bytes": (pictures("n", 3, SIDE, SIDE, kind=TensorProto.UINT8), "pixels is not float32"),
    "three dimensions": (pictures(3, SIDE, SIDE), "[3, 32, 32], not of four dimensions"),
    "free sides": (
        pictures("n", 3, "h", "w"),
        "is [?, 3, ?, ?], whose height, width or channels are free; fix them to [3, 32, 32]",
    ),
    "other side": (pictures("n", 3, 64, 64), "--preprocess gives [N, 3, 32, 32]"),
    "not square": (pictures("n", 3, SIDE, 64), "--preprocess gives [N, 3, 32, 32]"),
    "grey": (pictures("n", 1, SIDE, SIDE), "--preprocess gives [N, 3, 32, 32]"),
    "batch of 8": (pictures(8, 3, SIDE, SIDE), "a batch fixed to 8; export it with a free batch"),
    "NHWC": (of_nhwc(), "which is NHWC; export it as NCHW, or use --preprocess FILE.toml"),
    "opset": (network(opset=999), "opset 999; onnx"),
    "format": (network(ir_version=99), "IR version 99 and opset 17; onnx"),
    "other operators": (
        network(
            extra=[helper.make_node("FusedGelu", ["pooled"], ["y"], domain="com.microsoft")],
            domain="com.microsoft",
        ),
        "is of com.microsoft, not of ONNX's own operators",
    ),
    "quantised": (quantised(), "is quantised (QuantizeLinear node y); give the float32 file"),
    "half": (in_half(), "computes in float16; give the float32 file"),
    "unknown operator": (
        network(extra=[helper.make_node("NoSuchOperator", ["pooled"], ["y"])]),
        "is no valid ONNX model (",
    ),
    "wrong shapes": (
        network(
            extra=[
                helper.make_node("Flatten", ["pooled"], ["flat"]),
                helper.make_node("MatMul", ["flat", "w"], ["y"]),
            ],
            weights=[weight("w", 7, 4)],
            outputs=[value("y", ["n", 4])],
        ),
        "ONNX Runtime cannot ",
    ),
    "no vector": (
        network(
            extra=[helper.make_node("Transpose", ["pooled"], ["y"], perm=[1, 0, 2, 3])],
            outputs=[value("y", [8, "n", 1, 1])],
        ),
        "gives [8, 1] for one picture, not [1, D]",
    ),
    "empty": (onnx.ModelProto(), "has no graph"),
}


@pytest.mark.parametrize(("model", "problem"), REFUSED.values(), ids=REFUSED)
def test_an_unusable_file_is_refused_in_one_line(
    model: onnx.ModelProto, problem: str, tmp_path: Path
) -> None:
    """It names what is wrong, and what to do."""
    found = inspect(saved(model, tmp_path / "net.onnx"))

    assert found.backbone is None
    assert problem in found.problem
    assert "; " in found.problem or ": " in found.problem
    assert "\n" not in found.problem


@pytest.mark.parametrize(
    "content", [b"hello", b"\x89PNG\r\n\x1a\n", network().SerializeToString()[:-100]]
)
def test_a_damaged_file_is_refused(content: bytes, tmp_path: Path) -> None:
    """So is a file of another kind."""
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    found = inspect(path)

    assert found.backbone is None
    assert "is no ONNX model" in found.problem


@pytest.mark.parametrize("location", ["../weights.bin", "/etc/hostname", "", "link.bin"])
def test_external_data_must_not_lead_out_of_the_folder(location: str, tmp_path: Path) -> None:
    """Neither by their name nor by a link; the file may be anybody's."""
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "weights.bin").write_bytes(bytes(1000))
    (folder / "link.bin").symlink_to(tmp_path / "weights.bin")
    found = inspect(saved_with_data(folder / "net.onnx", location))

    assert found.backbone is None
    assert f"its external data {location!r} are not in its own folder" in found.problem


def test_missing_external_data_are_named(tmp_path: Path) -> None:
    """A model is often copied without them."""
    found = inspect(saved_with_data(tmp_path / "net.onnx", "gone.bin"))

    assert found.backbone is None
    assert f"its data {tmp_path / 'gone.bin'}: no such file; copy all its files" in found.problem


@pytest.mark.parametrize("length", [10_000, -1])
def test_external_data_that_end_early_are_refused(length: int, tmp_path: Path) -> None:
    """The length is the model's statement."""
    found = inspect(saved_with_data(tmp_path / "net.onnx", length=length))

    assert found.backbone is None
    assert "do not have all of 'filters'" in found.problem
