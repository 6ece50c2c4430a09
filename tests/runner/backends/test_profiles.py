"""Profiles of the backends: every kernel has the modules that it came from."""

from pathlib import Path

import msgspec
import onnx
import pytest
from onnx import NodeProto, TensorProto, helper

from simx.exporter.store.entry import Entry
from simx.exporter.store.manifest import VERIFICATION_FILE
from simx.exporter.verification.reference import load_reference
from simx.models.backbone import Backbone
from simx.results.schema.kernels import Kernel, Kernels
from simx.runner.backends.contract import Array, BackendError, Task
from simx.runner.backends.kinds import convolution_kind, kind_of
from simx.runner.backends.ort.profiling import module_of, profile_of
from tests.runner.runtimes import runtime_of

PROFILED = ("torch", "ort")


@pytest.fixture
def image(entry: Entry, backbone: Backbone) -> Array:
    stored = entry.manifest.files[VERIFICATION_FILE]
    found: Array = load_reference(entry.verification_path, stored).inputs(backbone.preset)[:1]
    return found


@pytest.mark.parametrize("name", PROFILED)
def test_kernels_are_of_modules(name: str, task: Task, image: Array) -> None:
    """As the network names them; each of its convolutions is a kernel, and takes time."""
    found = runtime_of(name).profile(task, image, 4)
    convolutions = [each for each in found if "convolutions" in each.kind]
    modules = {module for each in convolutions for module in each.modules}

    assert sum(each.count for each in convolutions) == 25
    assert {"features.0", "features.3.squeeze", "features.12.expand3x3"} <= modules
    assert all(module.startswith("features.") for module in modules)
    assert all(each.ns > 0 for each in found)
    pointwise = [each for each in convolutions if each.kind == "pointwise convolutions"]
    assert sum(each.count for each in pointwise) == 16


@pytest.mark.usefixtures("kept_code")
def test_a_graph_that_was_optimised_before_has_the_same_kernels(task: Task, image: Array) -> None:
    """They are traced back to the exported graph; branches may have changed their order."""
    offline = msgspec.structs.replace(task, variants=("offline-optimised",))
    saved, usual = (runtime_of("ort").profile(each, image, 4) for each in (offline, task))

    assert sorted((each.kind, each.modules) for each in saved) == sorted(
        (each.kind, each.modules) for each in usual
    )


@pytest.mark.parametrize("name", PROFILED)
def test_only_processors_are_profiled(name: str, task: Task, image: Array) -> None:
    """Times between a processor's calls to a device say nothing of its kernels."""
    elsewhere = msgspec.structs.replace(task, provider="CUDAExecutionProvider")

    with pytest.raises(BackendError, match="only calls on the processor are profiled"):
        runtime_of(name).profile(elsewhere, image, 1)


def test_compiled_networks_are_not_profiled(task: Task, image: Array) -> None:
    """They have no modules left."""
    compiled = msgspec.structs.replace(task, variants=("compile",))

    with pytest.raises(BackendError, match="cannot be traced back to modules"):
        runtime_of("torch").profile(compiled, image, 1)


def node(operator: str, name: str, reads: str, makes: str, groups: int = 1) -> NodeProto:
    made = helper.make_node(operator, reads.split(), makes.split(), name=name)
    made.attribute.append(helper.make_attribute("group", groups))
    return made


STORED = (
    node("Conv", "layer.0/Conv", "image w0", "conv_0"),
    node("Relu", "layer.1/Relu", "conv_0", "relu"),
    node("Conv", "layer.2/Conv", "relu w1", "conv_1", groups=4),
    node("Conv", "side/Conv", "image w2", "conv_2"),
    node("Add", "Add", "conv_1 conv_2", "sum"),
    node("Gelu", "act/Gelu", "sum", "gelu"),
    node("Flatten", "node_flatten", "gelu", "embedding"),
)
OPTIMISED = (
    node("Conv", "InsertedPrecisionFreeCast_relu_nchwc", "image w0", "token_0"),
    node("ReorderOutput", "ReorderOutput", "token_0", "relu"),
    node("Conv", "side/Conv_token_4", "image w2", "token_2"),
    node("Conv", "conv_1_nchwc", "token_0 w1 token_2", "token_3", groups=4),
    node("Cast", "added", "token_3", "half"),
    node("Gelu", "act/Gelu/SomeFusion/", "half", "gelu"),
    node("Flatten", "node_flatten", "gelu", "embedding"),
)


def profiled(folder: Path) -> Kernels:
    """Return the profile of four calls, each kernel a microsecond longer than the one before."""
    for name, nodes in (("stored", STORED), ("optimised", OPTIMISED)):
        graph = helper.make_graph(
            nodes,
            "graph",
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, None)],
            [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, None)],
        )
        onnx.save(helper.make_model(graph), str(folder / f"{name}.onnx"))
    shapes = [{"float": [1, 8, 7, 7]}, {"float": [8, 1, 3, 3]}]
    events: list[dict[str, object]] = []
    for _ in range(4):
        events += [
            {
                "cat": "Node",
                "name": f"{each.name}_kernel_time",
                "dur": number,
                "args": {"op_name": each.op_type, "input_type_shape": shapes},
            }
            for number, each in enumerate(OPTIMISED, 1)
        ]
        events.append({"cat": "Session", "name": "model_run", "dur": 40})
    encoded = msgspec.json.encode(events)
    return profile_of(encoded, folder / "stored.onnx", folder / "optimised.onnx")


def test_fused_kernels_belong_to_all_they_came_from(tmp_path: Path) -> None:
    """What has no kernel of its own is part of one that it reads, or that uses it."""
    found = {each.ns / 1e3: each for each in profiled(tmp_path)}

    assert found[1].modules == ("layer.0", "layer.1")
    assert found[3].modules == ("side",)
    # The sum's other operand has to be there, so that it is computed with the later convolution.
    assert found[4].modules == ("", "layer.2")
    assert found[4].kind == "depthwise convolutions"
    assert found[6].modules == ("act",)


def test_what_is_added_belongs_to_its_reader(tmp_path: Path) -> None:
    """And says that the runtime added it."""
    (cast,) = (each for each in profiled(tmp_path) if each.operator == "Cast")

    assert (cast.modules, cast.is_added, cast.kind) == (("act",), True, "casts")


def test_what_is_not_of_a_module_is_not_attributed(tmp_path: Path) -> None:
    """Neither a node whose name is no module's, nor the time between kernels."""
    *_, flatten, between = profiled(tmp_path)

    assert (flatten.operator, flatten.modules) == ("Flatten", ())
    assert between == Kernel(operator="", kind="between kernels", ns=12e3)


def test_modules_are_read_from_names() -> None:
    """Those of simx's exports, and paths as torch's older exporter has them."""
    names = ("layer1.0.conv1/Conv", "Conv", "Conv_2", "/layer1/conv1/Conv", "node_Conv_3", "")
    modules = [module_of(node("Conv", name, "a", "b")) for name in names]

    assert modules == ["layer1.0.conv1", "", "", "layer1.conv1", None, None]


def test_operators_have_kinds() -> None:
    """By the names of all runtimes."""
    assert kind_of("aten::relu_") == kind_of("Relu") == kind_of("BiasGelu") == "activations"
    assert kind_of("QLinearAdd") == kind_of("aten::add_") == "additions and products"
    assert kind_of("Conv") is kind_of("SomethingNew") is None
    assert convolution_kind([8, 1, 3, 3], 8) == "depthwise convolutions"
    assert convolution_kind([8, 2, 3, 3], 4) == "grouped convolutions"
    assert convolution_kind([8, 4, 1, 1], 1) == "pointwise convolutions"
    assert convolution_kind([8, 4, 3, 1], 1) == "convolutions"
