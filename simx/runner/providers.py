"""Execution providers by name, and whether one can really be used: asked before any measuring."""

import difflib
from collections.abc import Sequence

from simx.errors import InputError, ProviderUnavailableError
from simx.runner.messages import PROBED, Failed, Probe, Usable
from simx.runner.ort_log import cause_in
from simx.runner.registry import BackendSpec, Choice
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
"""What ONNX Runtime has besides; a name that is on no list is taken for a misspelling."""

_REMEDIES = {
    "CUDAExecutionProvider": (
        "for CUDA, on a machine with an NVIDIA GPU and its driver: "
        "pip uninstall onnxruntime, then pip install 'onnxruntime-gpu[cuda,cudnn]'"
    ),
    "TensorrtExecutionProvider": (
        "for TensorRT, on a machine with an NVIDIA GPU and its driver: pip uninstall onnxruntime, "
        "then pip install onnxruntime-gpu tensorrt"
    ),
    "OpenVINOExecutionProvider": (
        "for OpenVINO: pip uninstall onnxruntime, then pip install onnxruntime-openvino"
    ),
    "DmlExecutionProvider": (
        "for DirectML, on Windows: pip uninstall onnxruntime, then pip install onnxruntime-directml"
    ),
}


def provider_named(text: str) -> str:
    """Return ONNX Runtime's name for what was typed: a short form, or the name itself.

    Raises:
        InputError: no provider is called so; close names are offered.
    """
    known = {name.lower(): name for name in (*SHORT_NAMES.values(), *_OTHER_NAMES)} | SHORT_NAMES
    found = known.get(text.lower())
    if found is None:
        close = difflib.get_close_matches(text.lower(), known, n=3)
        offer = " or ".join(known[name] for name in close) or ", ".join(SHORT_NAMES)
        raise InputError(f"provider {text!r}: ONNX Runtime has none of that name; try {offer}")
    return found


def short_name(provider: str) -> str:
    """Return the short form of a provider's name where it has one."""
    by_name = {name: short for short, name in SHORT_NAMES.items()}
    return by_name.get(provider, provider.removesuffix("ExecutionProvider").lower())


def probe(provider: str, launcher: Launcher, options: Sequence[str] = ()) -> Usable | Failed:
    """Run something tiny on the provider in a worker, and return the proof of where it ran."""
    try:
        with launcher.launch() as worker:
            reply: Usable | Failed = worker.request(
                Probe(provider, tuple(options)), PROBED, _PROBE_SECONDS
            )
            cause = cause_in(worker.stderr)
    except WorkerError as error:
        return Failed("probe", f"the worker {error}")
    if isinstance(reply, Failed) and cause is not None:
        return Failed(reply.stage, f"{reply.reason} ({cause})")
    return reply


def require_usable(choice: Choice, provider: str, launcher: Launcher) -> None:
    """Run something tiny on the provider, with proof of where it ran.

    Raises:
        ProviderUnavailableError: it cannot be used here; says why and what to install.
    """
    reply = probe(provider, launcher, choice.options)
    if isinstance(reply, Failed):
        raise ProviderUnavailableError(
            f"provider {provider} cannot be used with backend {choice.name} here: "
            f"{reply.reason}; {remedy(choice.spec, provider)}"
        )


def remedy(spec: BackendSpec, provider: str) -> str:
    """Return what has to be installed, or be there, for a backend to run on a provider."""
    if spec.name == "torch":
        return "it needs a GPU with its driver, and a build of torch for it; or say --backend ort"
    return _REMEDIES.get(provider, "see ONNX Runtime's documentation for what it needs")


_PROBE_SECONDS = 120.0
"""Loading a GPU's libraries for the first time can take most of a minute."""
