"""Why a provider did not come up, from what ONNX Runtime logged."""

from pathlib import Path

import pytest
from onnx import TensorProto, helper

from simx.runner.backends.contract import BackendError
from simx.runner.backends.ort.log import cause_in, cause_of
from simx.runner.backends.ort.placement import CPU
from simx.runner.backends.ort.session import SessionPlan, open_session
from simx.runner.backends.ort.settings import settings_of

LIBRARY = (
    "\x1b[1;31m2026-11-24 12:41:17.330392660 [E:onnxruntime:Default, provider_bridge_ort.cc:2458 "
    "operator()] /onnxruntime_src/core/session/provider_bridge_ort.cc:2043 Provider& "
    "ProviderLibrary::Get() [ONNXRuntimeError] : 1 : FAIL : Failed to load library "
    "/home/ada/env/lib/onnxruntime/capi/libonnxruntime_providers_cuda.so with error: "
    "libcublasLt.so.13: cannot open shared object file: No such file or directory\n\x1b[m"
)
DRIVER = (
    "2026-11-24 12:41:17.3 [E:onnxruntime:Default, cuda_call.cc:118 CudaCall] CUDA failure 35: "
    "driver version is insufficient ; GPU=-1 ; hostname=ada-desktop\n"
)


@pytest.mark.parametrize(
    ("stderr", "cause"),
    [
        (
            "something else\n" + LIBRARY + DRIVER,
            "libcublasLt.so.13: cannot open shared object file: No such file or directory",
        ),
        (
            DRIVER,
            "CUDA failure 35: driver version is insufficient ; GPU=-1",
        ),
        ("2026-11-24 [W:onnxruntime:Default, x.cc:1 f] a warning\n", None),
        ("", None),
    ],
)
def test_the_first_error_is_the_cause(stderr: str, cause: str | None) -> None:
    """Without colours, prologue and hosts; a warning is none."""
    assert cause_in(stderr) == cause


@pytest.mark.parametrize(
    ("raised", "cause"),
    [
        (
            (
                "[ONNXRuntimeError] : 1 : FAIL : /src/plugin_ep/interfaces.cc:393 virtual "
                "std::unique_ptr<Provider> Factory::Create(const Options&, const Logger&) "
                "[ONNXRuntimeError] : 1 : FAIL : Could not determine a backend path\n"
            ),
            "Could not determine a backend path",
        ),
        (
            (
                "/onnxruntime/python/state.cc:1053 std::shared_ptr<Factory> Create(const Options&) "
                "Invalid OpenVINO EP option: colour\n"
            ),
            "Invalid OpenVINO EP option: colour",
        ),
        (
            "[ONNXRuntimeError] : 1 : FAIL : Failed to load library /home/ada/libx.so with error",
            "Failed to load library libx.so with error",
        ),
        ("", "RuntimeError"),
    ],
)
def test_an_error_is_told_without_the_way_it_came(raised: str, cause: str) -> None:
    """Codes, places in the source and folders say nothing to whoever has to mend it."""
    assert cause_of(RuntimeError(raised)) == cause


@pytest.mark.parametrize(
    ("opset", "ir_version", "named"),
    [
        (18, 99, r"IR version 99, and onnxruntime \S+ supports \d+ at most; install a newer one"),
        (99, 8, r"opset 99, and onnxruntime \S+ supports \d+ at most; install a newer one"),
    ],
)
def test_a_graph_of_a_newer_format_is_named_with_both_versions(
    tmp_path: Path, opset: int, ir_version: int, named: str
) -> None:
    """ONNX Runtime itself refuses the graph; its message is recognised."""
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    graph = helper.make_graph([], "empty", [value], [value])
    opsets = [helper.make_opsetid("", opset)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=ir_version)
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    settings = settings_of(CPU, (), (), 1)
    with pytest.raises(BackendError, match=named):
        open_session(SessionPlan(path=path, provider=CPU, settings=settings))


def test_nobody_s_folders_are_told() -> None:
    """A path keeps its file's name alone."""
    line = "[E:onnxruntime:Default, x.cc:1 f] cannot read /home/ada/secret/libfoo.so: denied"

    assert cause_in(line) == "cannot read libfoo.so: denied"
