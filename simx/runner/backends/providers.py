"""Execution providers by name, and the test whether one can be used, before any measurement."""

import difflib
from collections.abc import Iterable, Sequence

from simx.common.errors import InputError
from simx.results.schema.report import Failure
from simx.runner.backends.ort.log import cause_in
from simx.runner.backends.ort.placement import CPU
from simx.runner.backends.ort.plugins import installed_plugins, plugin_for
from simx.runner.backends.registry import BackendSpec
from simx.runner.measure.messages import Probe, Usable, decoder
from simx.workers.worker import Launcher, WorkerError

SHORT_NAMES = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
}

_OTHER_NAMES = (
    "ACLExecutionProvider",
    "ArmNNExecutionProvider",
    "AzureExecutionProvider",
    "CANNExecutionProvider",
    "DnnlExecutionProvider",
    "JsExecutionProvider",
    "MIGraphXExecutionProvider",
    "NnapiExecutionProvider",
    "NvTensorRTRTXExecutionProvider",
    "QNNExecutionProvider",
    "ROCMExecutionProvider",
    "RknpuExecutionProvider",
    "TvmExecutionProvider",
    "VSINPUExecutionProvider",
    "VitisAIExecutionProvider",
    "WebGpuExecutionProvider",
    "WebNNExecutionProvider",
    "XnnpackExecutionProvider",
)
"""Further providers of ONNX Runtime, so that a misspelling is found."""

_REPLACE = "pip uninstall onnxruntime, then pip install"
_NVIDIA = "on a machine with an NVIDIA GPU and its driver"

_REMEDIES = {
    "CUDAExecutionProvider": f"for CUDA, {_NVIDIA}: {_REPLACE} 'onnxruntime-gpu[cuda,cudnn]'",
    "TensorrtExecutionProvider": f"for TensorRT, {_NVIDIA}: {_REPLACE} onnxruntime-gpu tensorrt",
    "OpenVINOExecutionProvider": (
        "for OpenVINO: pip install onnxruntime-ep-openvino, on Intel's hardware; elsewhere "
        f"{_REPLACE} onnxruntime-openvino"
    ),
    "CoreMLExecutionProvider": "onnxruntime has CoreML where it is installed on macOS",
    "MIGraphXExecutionProvider": (
        f"for MIGraphX, on a machine with an AMD GPU and ROCm: {_REPLACE} onnxruntime-migraphx"
    ),
    "NvTensorRTRTXExecutionProvider": (
        "for TensorRT RTX, on a machine with an NVIDIA RTX GPU and its driver: "
        "pip install onnxruntime-ep-nv-tensorrt-rtx"
    ),
    "QNNExecutionProvider": "for QNN, with a Qualcomm NPU: pip install onnxruntime-qnn",
    "WebGpuExecutionProvider": "for WebGPU, with a GPU: pip install onnxruntime-ep-webgpu",
}

_DEVICES = {
    "OpenVINOExecutionProvider": (
        "it runs on processors, GPUs and NPUs of Intel only; the build onnxruntime-openvino also "
        "runs on other processors"
    ),
    "NvTensorRTRTXExecutionProvider": "it needs an NVIDIA RTX GPU with its driver",
    "QNNExecutionProvider": "it needs a Qualcomm NPU; backend_type selects a part of it",
    "WebGpuExecutionProvider": "it needs a GPU, and on Linux libvulkan.so.1",
}
"""The hardware that plug-ins need."""

_PROBE_SECONDS = 120.0
"""The first load of a GPU's libraries can take almost a minute."""


def provider_named(text: str) -> str:
    """Return ONNX Runtime's name of a provider, given by this name or by a short form.

    Raises:
        InputError: there is no such provider; the message offers similar names.
    """
    known = _by_every_name((*SHORT_NAMES.values(), *_OTHER_NAMES))
    if text.lower() not in known:
        # Only now, because reading the packages is slow.
        known |= _by_every_name(name for each in installed_plugins() for name in each.providers)
    if text.lower() not in known:
        close = difflib.get_close_matches(text.lower(), known, n=3)
        offer = " or ".join(known[name] for name in close) or ", ".join(SHORT_NAMES)
        raise InputError(
            f"provider {text!r}: neither ONNX Runtime nor an installed plug-in has this provider; "
            f"try {offer}"
        )
    return known[text.lower()]


def _by_every_name(providers: Iterable[str]) -> dict[str, str]:
    return {key: name for name in providers for key in (name.lower(), short_name(name))}


def short_name(provider: str) -> str:
    """Return the short form of a provider's name."""
    by_name = {name: short for short, name in SHORT_NAMES.items()}
    return by_name.get(provider, provider.removesuffix("ExecutionProvider").lower())


def probe(provider: str, launcher: Launcher, options: Sequence[str] = ()) -> Usable | Failure:
    """Run a tiny graph on the provider in a worker, and return the proof of where it ran."""
    try:
        with launcher.launch() as worker:
            request = Probe(provider, tuple(options))
            reply = worker.request(request, decoder(Usable), _PROBE_SECONDS)
            cause = cause_in(worker.stderr)
    except WorkerError as error:
        return Failure(stage="probe", reason=f"the worker {error}")
    if isinstance(reply, Failure) and cause is not None:
        return Failure(stage=reply.stage, reason=f"{reply.reason} ({cause})")
    return reply


def remedy(backend: BackendSpec, provider: str) -> str:
    """Return what a backend needs to run on a provider; empty for the processor: nothing more."""
    if provider == CPU:
        return ""
    if backend.name == "torch":
        return "it needs a GPU with its driver, and a build of torch for it; or use --backend ort"
    plugin = plugin_for(provider)
    if plugin is not None:
        return _DEVICES.get(provider, f"see the documentation of {plugin.distribution}")
    return _REMEDIES.get(provider, "see ONNX Runtime's documentation for what it needs")
