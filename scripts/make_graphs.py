"""Write the two small ONNX graphs that ship inside the package.

``similarity.onnx`` is the cosine of two embeddings, float32 [N, D] and [N, D] -> [N], with each
norm kept from zero as torch's ``cosine_similarity`` does it. ``canary.onnx`` is a matrix product.

Run: python scripts/make_graphs.py
"""

from pathlib import Path

import onnx
from onnx import TensorProto, checker, helper

FOLDER = Path(__file__).resolve().parent.parent / "simx" / "runner" / "measure" / "graphs"
OPSET = 18
IR_VERSION = 10
EPSILON = 1e-8


def similarity() -> onnx.ModelProto:
    """Build the cosine graph."""
    shape = ["batch", "dim"]
    nodes = [
        helper.make_node("Mul", ["left", "right"], ["product"]),
        helper.make_node("ReduceSum", ["product", "last_axis"], ["dot"], keepdims=0),
        helper.make_node("ReduceL2", ["left", "last_axis"], ["left_length"], keepdims=0),
        helper.make_node("ReduceL2", ["right", "last_axis"], ["right_length"], keepdims=0),
        helper.make_node("Max", ["left_length", "epsilon"], ["left_norm"]),
        helper.make_node("Max", ["right_length", "epsilon"], ["right_norm"]),
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
            ],
        )
    )


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
