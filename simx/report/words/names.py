"""The names that tables print: short, and safe to print."""

from collections.abc import Sequence

from simx.common.safe_text import clean
from simx.models.pictures import Image
from simx.results.summaries.summary import BackboneSummary, TargetId

TIMES = "\N{MULTIPLICATION SIGN}"
FASTEST = "◂"
RANDOM = "°"
FEW_CALLS = "†"
NOISY = "‡"
TIED = "≈"
FAILED = "✗"

MOST_NAMED = 3
"""So many backbones that share something a sentence names; more are counted."""

IMAGE_WORDS: dict[Image, str] = {
    "anchor": "anchor",
    "positive": "positive",
    "negative": "negative",
    "negative_resized": "resized negative",
}

THE_IMAGES = {image: f"the {words}" for image, words in IMAGE_WORDS.items()}
"""Within a sentence."""

IMAGE_NAMES = {image: words.removesuffix(" negative") for image, words in IMAGE_WORDS.items()}
"""Headings of columns; the legend says what they mean."""


def target_name(target: TargetId) -> str:
    """Return for example ``ort cuda``, and ``ort cuda int8`` for another precision than fp32."""
    name = f"{clean(target.backend)} {provider_name(target.provider)}"
    return f"{name} {clean(target.precision)}" if target.is_reduced else name


def provider_name(provider: str) -> str:
    """Return for example ``cuda`` for ONNX Runtime's ``CUDAExecutionProvider``."""
    return clean(provider.removesuffix("ExecutionProvider").lower())


def weights_name(weights: str) -> str:
    """Return the weights without the name of the data set that they all share."""
    return clean(weights.removeprefix("IMAGENET1K_"))


def backbone_name(backbone: BackboneSummary) -> str:
    """Return model and weights, as the command line takes them."""
    return f"{clean(backbone.model)}:{weights_name(backbone.weights)}"


def differing_settings(backbones: Sequence[BackboneSummary]) -> tuple[str, ...]:
    """Return the settings that are not the same for all backbones, and so belong to their names."""
    return tuple(
        name
        for name in ("embedding", "batch", "threads")
        if len({setting_text(backbone, name) for backbone in backbones}) > 1
    )


def setting_text(backbone: BackboneSummary, name: str) -> str:
    """Return one of the settings that ``differing_settings`` names, in words."""
    settings = {
        "embedding": clean(backbone.embedding),
        "batch": f"batch {backbone.batch}",
        "threads": f"{'?' if backbone.threads is None else backbone.threads} threads",
    }
    return settings[name]


def listed(names: Sequence[str], most: int | None = None) -> str:
    """Return names as a sentence lists them: ``a``, ``a and b``, ``a, b and 4 more``.

    Args:
        names: At least one.
        most: How many are named; the others are counted.
    """
    if most is not None and len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most:,} more"
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def counted(count: int, noun: str) -> str:
    """Return for example ``1 cell`` or ``2,000 cells``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
