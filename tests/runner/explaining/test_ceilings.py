"""The work of a graph, and the bandwidth of memory, in a worker."""

from pathlib import Path

import msgspec
import onnx
from onnx import TensorProto, helper

from simx.runner.explaining import ceilings
from simx.runner.explaining.explain import _CEILINGS
from simx.runner.measure.messages import Count, Counted
from simx.workers.forking import launcher


def graph(folder: Path) -> Path:
    """A grouped convolution of 4 channels, a product of matrices, and a view between them."""
    nodes = [
        helper.make_node("Conv", ["image", "filters"], ["found"], "body/Conv", group=2),
        helper.make_node("Flatten", ["found"], ["flat"], "Flatten"),
        helper.make_node("Gemm", ["flat", "weight"], ["embedding"], "head/Gemm"),
    ]
    weights = [
        helper.make_tensor(name, TensorProto.FLOAT, shape, bytes(4 * size), raw=True)
        for name, shape, size in (("filters", [4, 2, 3, 3], 72), ("weight", [36, 5], 180))
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 4, 5, 5])
    embedding = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", 5])
    made = helper.make_graph(nodes, "g", [image], [embedding], weights)
    onnx.save(helper.make_model(made), folder / "model.onnx")
    return folder / "model.onnx"


def test_the_work_of_a_graph_is_counted(tmp_path: Path) -> None:
    """For the batch that is asked for; a view is no work."""
    conv, product = ceilings.steps_of(onnx.load(graph(tmp_path)), batch=2)

    assert (conv.kind, conv.modules) == ("grouped convolutions", ("body",))
    assert conv.flops == 2 * (2 * 4 * 9) * (2 * 9)
    assert conv.reads == {"image": 4 * 2 * 100, "filters": 4 * 72}
    assert conv.writes == {"found": 4 * 2 * 36}
    assert (product.kind, product.modules) == ("matrix products", ("head",))
    assert product.flops == 2 * (2 * 5) * 36


def test_a_worker_answers(tmp_path: Path) -> None:
    """With the bandwidth of copies, which no machine has below a megabyte a second."""
    request = Count(str(graph(tmp_path)), batch=1, threads=2)
    with launcher(_CEILINGS) as server, server.launch() as worker:
        found = worker.request(request, msgspec.msgpack.Decoder(Counted), 60.0)

    assert len(found.steps) == 2
    assert found.bytes_per_second > 1e6
