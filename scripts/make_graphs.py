"""Write the two small ONNX graphs that ship inside the package.

``similarity.onnx`` is the cosine of two embeddings, float32 [N, D] and [N, D] -> [N]. Each row is
first divided by its largest magnitude, so that squares stay in float32's range. That divisor
and the norms are kept from zero, the latter as torch's ``cosine_similarity`` does it.
``canary.onnx`` is a matrix product.

Run: python scripts/make_graphs.py
"""

from pathlib import Path

import onnx
from onnx import TensorProto, checker, helper

FOLDER = Path(__file__).resolve().parent.parent / "simx" / "runner" / "measure" / "graphs"
OPSET = 18
IR_VERSION = 8  # ONNX 1.13 has it, and opset 18
EPSILON = 1e-8
SMALLEST = 2.0**-126
"""float32's smallest normal number: some devices take smaller ones for zero."""


def similarity() -> onnx.ModelProto:
    """Build the cosine graph."""
    shape = ["batch", "dim"]
    nodes = [
        *_scaled("left"),
        *_scaled("right"),
        helper.make_node("Mul", ["left_scaled", "right_scaled"], ["product"]),
        helper.make_node("ReduceSum", ["product", "last_axis"], ["dot"], keepdims=0),
        helper.make_node("Mul", ["left_norm", "right_norm"], ["norms"]),
        helper.make_node("Div", ["dot", "norms"], ["cosine"]),
    ]
    return _model(
        helper.make_graph(
            nodes,
            "similarity",
            [
                helper.make_tensor_value_info("left", TensorProto.FLOAT, shape),
                helper.make_tensor_value_info("right", TensorProto.FLOAT, shape),
            ],
            [helper.make_tensor_value_info("cosine", TensorProto.FLOAT, ["batch"])],
            [
                helper.make_tensor("last_axis", TensorProto.INT64, [1], [1]),
                helper.make_tensor("epsilon", TensorProto.FLOAT, [], [EPSILON]),
                helper.make_tensor("smallest", TensorProto.FLOAT, [], [SMALLEST]),
            ],
        )
    )


def _scaled(name: str) -> list[onnx.NodeProto]:
    """Return the nodes that divide rows by their largest magnitudes, and take the rows' norms."""
    return [
        helper.make_node("Abs", [name], [f"{name}_sizes"]),
        helper.make_node("ReduceMax", [f"{name}_sizes", "last_axis"], [f"{name}_largest"]),
        helper.make_node("Max", [f"{name}_largest", "smallest"], [f"{name}_scale"]),
        helper.make_node("Div", [name, f"{name}_scale"], [f"{name}_scaled"]),
        helper.make_node(
            "ReduceL2", [f"{name}_scaled", "last_axis"], [f"{name}_length"], keepdims=0
        ),
        helper.make_node("Max", [f"{name}_length", "epsilon"], [f"{name}_norm"]),
    ]


def canary() -> onnx.ModelProto:
    """Build the matrix product."""
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", "n"])
        for name in ("left", "right")
    ]
    output = helper.make_tensor_value_info("product", TensorProto.FLOAT, ["n", "n"])
    nodes = [helper.make_node("MatMul", ["left", "right"], ["product"])]
    return _model(helper.make_graph(nodes, "canary", inputs, [output]))


def _model(graph: onnx.GraphProto) -> onnx.ModelProto:
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
    model.producer_name = "simx"
    checker.check_model(model, full_check=True)
    return model


def main() -> None:
    """Write both."""
    FOLDER.mkdir(exist_ok=True)
    for name, model in (("similarity", similarity()), ("canary", canary())):
        path = FOLDER / f"{name}.onnx"
        path.write_bytes(model.SerializeToString(deterministic=True))
        print(f"wrote {path.name}")


if __name__ == "__main__":
    main()
