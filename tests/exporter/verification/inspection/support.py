"""Small graphs in ONNX's own notation, and what they are expected to be."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import onnx.parser
from onnx import numpy_helper

from simx.exporter.verification.inspection import Expectation, complaints

EXPECTED = Expectation(batch=101, crop=8, dim=5, weights=((5, 3, 3, 3),))

HEADER = '<ir_version: 10, opset_import: ["" : 20]>'
SIGNATURE = "tested (float[batch, 3, 8, 8] image) => (float[batch, 5] embedding)"

CONV = "map = Conv (image, weight)"
POOL = "embedding = ReduceMean <keepdims = 0> (map, axes)"
SOUND = f"{{ {CONV} {POOL} }}"

WEIGHT = np.ones((5, 3, 3, 3), np.float32)
AXES = np.array([2, 3])

Constants = Mapping[str, Any]


def graph(
    body: str = SOUND,
    constants: Constants | None = None,
    *,
    signature: str = SIGNATURE,
    header: str = HEADER,
) -> onnx.ModelProto:
    """Return a model of nodes in ONNX's notation and of named arrays.

    ``weight`` and ``axes`` are there if they are read.
    """
    model = onnx.parser.parse_model(f"{header} {signature} {body}")
    arrays = {"weight": WEIGHT, "axes": AXES} | dict(constants or {})
    for name, values in arrays.items():
        if name in body or name in (constants or {}):
            model.graph.initializer.append(numpy_helper.from_array(np.asarray(values), name))
    return model


def found(model: onnx.ModelProto, **changes: Any) -> list[str]:
    """Return all complaints about a model."""
    return list(complaints(model, replace(EXPECTED, **changes)))
