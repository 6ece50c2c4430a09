"""The names that tables print: short, and safe to print."""

from simx.report.clean import clean
from simx.results.summary import BackboneSummary, Executor

TIMES = "\N{MULTIPLICATION SIGN}"
FASTEST = "◂"
RANDOM = "°"
FEW_CALLS = "†"
NOISY = "‡"
TIED = "≈"
FAILED = "✗"


def executor_name(executor: Executor) -> str:
    """Return for example ``ort cuda`` for ONNX Runtime's ``CUDAExecutionProvider``."""
    return f"{clean(executor.backend)} {provider_name(executor.provider)}"


def provider_name(provider: str) -> str:
    """Return for example ``cuda`` for ONNX Runtime's ``CUDAExecutionProvider``."""
    return clean(provider.removesuffix("ExecutionProvider").lower())


def weights_name(weights: str) -> str:
    """Return the weights without the name of the data set that they all share."""
    return clean(weights.removeprefix("IMAGENET1K_"))


def backbone_name(backbone: BackboneSummary) -> str:
    """Return model and weights, as the command line takes them."""
    return f"{clean(backbone.model)}:{weights_name(backbone.weights)}"
