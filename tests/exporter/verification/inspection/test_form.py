"""What only some engines read, and what tells of a machine, is refused."""

import onnx
import pytest
from onnx import helper

from tests.exporter.verification.inspection.support import CONV, SOUND, found, graph

OTHER = "is of com.example, which is no domain of ONNX's own"


def test_operators_of_other_domains_are_refused() -> None:
    """Both the import and the node."""
    header = '<ir_version: 10, opset_import: ["" : 20, "com.example" : 1]>'
    fused = f"{CONV} other = com.example.Fused (map)"
    model = graph(
        f"{{ {fused} embedding = ReduceMean <keepdims = 0> (other, axes) }}", header=header
    )

    assert found(model) == [
        "it imports operators of com.example, which is no domain of ONNX's own",
        f"Fused node other {OTHER}",
    ]


def test_a_graph_without_a_version_of_its_operators_is_refused() -> None:
    """The same operator means something else in another version."""
    model = graph()
    del model.opset_import[:]

    assert found(model) == ["it states no version of ONNX's operators"]


def test_a_local_function_is_refused() -> None:
    """What torch's exporter calls is inlined."""
    model = graph()
    model.functions.append(helper.make_function("", "gelu", ["x"], ["y"], [], []))

    assert found(model) == ["local function gelu is left"]


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (lambda model: model, "the model"),
        (lambda model: model.graph, "graph tested"),
        (lambda model: model.graph.node[0], "Conv node map"),
        (lambda model: model.graph.input[0], "image"),
        (lambda model: model.graph.initializer[0], "weight"),
    ],
)
def test_metadata_is_refused_wherever_it_is(part: object, name: str) -> None:
    """Stack traces and remarks hold paths, and change from run to run."""
    assert callable(part)
    remarked, told = graph(), graph()
    part(remarked).doc_string = "File /some/model.py"
    part(told).metadata_props.add(key="pkg.torch.onnx.stack_trace", value="line 3")

    assert found(remarked) == [f"{name} has metadata: 'File /some/model.py'"]
    assert found(told) == [f"{name} has metadata: 'pkg.torch.onnx.stack_trace=line 3'"]


@pytest.mark.parametrize(
    "name",
    [
        *(f"/{root}/folder/map" for root in ("home", "root", "tmp", "usr", "Users", "var")),
        "C:\\models\\map",
        "network.py:17",
        "lib/site-packages/x",
    ],
)
def test_names_that_are_paths_are_refused(name: str) -> None:
    """A name is kept for good."""
    model = graph()
    model.graph.node[0].name = name

    assert found(model) == [f"the name {name!r} is that of a file"]


def test_names_of_modules_are_none() -> None:
    """Some exporters begin them with a slash."""
    model = graph()
    model.graph.node[0].name = "/features/0/Conv"

    assert found(model) == []


@pytest.mark.parametrize(
    "location", ["/one/model.onnx.data", "../model.onnx.data", "weights/model.onnx.data", "other"]
)
def test_weights_anywhere_but_beside_the_model_are_refused(location: str) -> None:
    """They are found again wherever the two files go together."""
    sound, model = external("model.onnx.data"), external(location)

    assert found(sound) == []
    assert found(model) == [
        f"weight lies in {location!r}, not in 'model.onnx.data' beside the model"
    ]


def external(location: str) -> onnx.ModelProto:
    model = graph(SOUND)
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.add(key="location", value=location)
    return model
