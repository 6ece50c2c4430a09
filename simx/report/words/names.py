"""The names that tables print: short, and safe to print."""

from collections.abc import Sequence

from simx.common.safe_text import clean
from simx.models.pictures import Image
from simx.results.summaries.summary import BackboneSummary, Executor

TIMES = "\N{MULTIPLICATION SIGN}"
FASTEST = "◂"
RANDOM = "°"
FEW_CALLS = "†"
NOISY = "‡"
TIED = "≈"
FAILED = "✗"

THE_IMAGES: dict[Image, str] = {
    "anchor": "the anchor",
    "positive": "the positive",
    "negative": "the negative",
    "negative_resized": "the resized negative",
}
"""Within a sentence."""


def executor_name(executor: Executor) -> str:
    """Return for example ``ort cuda``, and ``ort cuda int8`` for another precision than fp32."""
    name = f"{clean(executor.backend)} {provider_name(executor.provider)}"
    return f"{name} {clean(executor.precision)}" if executor.is_reduced else name


def provider_name(provider: str) -> str:
    """Return for example ``cuda`` for ONNX Runtime's ``CUDAExecutionProvider``."""
    return clean(provider.removesuffix("ExecutionProvider").lower())


def weights_name(weights: str) -> str:
    """Return the weights without the name of the data set that they all share."""
    return clean(weights.removeprefix("IMAGENET1K_"))


def backbone_name(backbone: BackboneSummary) -> str:
    """Return model and weights, as the command line takes them."""
    return f"{clean(backbone.model)}:{weights_name(backbone.weights)}"


def listed(names: Sequence[str]) -> str:
    """Return names as a sentence lists them: ``a``, ``a and b``, ``a, b and c``."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
