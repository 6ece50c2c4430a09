"""The batch that graphs are traced with is told from every other size of every network."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import onnx_ir
import pytest
import torch
from torch.overrides import TorchFunctionMode

from simx.exporter.network.architecture import build_empty
from simx.exporter.network.graph import _SCOPES, EXPORTED_BATCH, name_nodes
from simx.exporter.network.heads import remove_head
from simx.exporter.verification.inspection import CLASSES
from simx.models.backbone import Backbone, EmbeddingKind
from simx.models.catalogue import of_torchvision

ONE_OF_EACH_SIZE = {(each.model, each.preset.crop): each for each in of_torchvision()}.values()


class Sizes(TorchFunctionMode):
    """Notes the dimensions of every tensor that is computed."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[int] = set()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for value in result if isinstance(result, list | tuple) else (result,):
            if isinstance(value, torch.Tensor):
                self.seen.update(value.shape)
        return result


def sizes(backbone: Backbone, kind: EmbeddingKind) -> set[int]:
    """Return every dimension of every tensor of a headless network, for one picture."""
    body = remove_head(build_empty(backbone), kind)
    crop, noted = backbone.preset.crop, Sizes()
    with torch.no_grad(), noted:
        body(torch.empty(1, 3, crop, crop, device="meta"))
    for tensor in body.state_dict().values():
        noted.seen.update(tensor.shape)
    return noted.seen


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pooled", "penultimate", "flat"])
@pytest.mark.parametrize(
    "backbone", ONE_OF_EACH_SIZE, ids=lambda each: f"{each.model}-{each.preset.crop}"
)
def test_no_size_is_a_multiple_of_the_traced_batch(backbone: Backbone, kind: EmbeddingKind) -> None:
    """Nor is any the number of classes, by which a head is known."""
    found = sizes(backbone, kind)

    assert backbone.embedding_dims.of(kind) in found
    assert [size for size in found if size and size % EXPORTED_BATCH == 0] == []
    assert CLASSES not in found


def test_nodes_are_named_by_their_modules() -> None:
    """What the network's own function computes has no module, and each name is there once."""
    scopes = (
        "['', 'layer1', 'layer1.0', 'conv2d']",
        "['', 'layer1', 'layer1.0', 'conv2d_1']",
        "['', 'flatten']",
        None,
    )
    nodes = [
        onnx_ir.node("Conv", [], metadata_props={} if each is None else {_SCOPES: each})
        for each in scopes
    ]
    graph = onnx_ir.Graph([], [], nodes=nodes, opset_imports={"": 20})
    name_nodes(onnx_ir.Model(graph, ir_version=10))

    assert [each.name for each in nodes] == ["layer1.0/Conv", "layer1.0/Conv_2", "Conv", "Conv_2"]
