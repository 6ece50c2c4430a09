"""Names for tables and sentences: short, and safe to print."""

from collections.abc import Sequence

from simx.common import grouped
from simx.common.safe_text import clean, counted
from simx.models.backbone import OWN_WEIGHTS, full_name
from simx.models.pictures import Image
from simx.results.summaries.summary import BackboneSummary, CellLabel, TargetId

TIMES = "\N{MULTIPLICATION SIGN}"
FASTEST = "◂"
RANDOM = "°"
NO_INTERVAL = "†"
NOISY = "‡"
IMPRECISE = "?"
TIED = "≈"
FAILED = "✗"

MOST_NAMED = 3
"""Backbones that share a property and that a sentence names; it counts the others."""

IMAGE_WORDS: dict[Image, str] = {
    "anchor": "anchor",
    "positive": "positive",
    "negative": "negative",
    "negative_resized": "resized negative",
}

THE_IMAGES = {image: f"the {words}" for image, words in IMAGE_WORDS.items()}

IMAGE_NAMES = {image: words.removesuffix(" negative") for image, words in IMAGE_WORDS.items()}


def target_name(target: TargetId) -> str:
    """Return a target's name, safe to print."""
    return clean(target.name)


def provider_name(provider: str) -> str:
    """Return for example ``cuda`` for ONNX Runtime's ``CUDAExecutionProvider``."""
    return clean(provider.removesuffix("ExecutionProvider").lower())


def weights_name(weights: str) -> str:
    """Return the weights without the name of the data set that they all share."""
    return clean(weights.removeprefix("IMAGENET1K_"))


def backbone_name(of: BackboneSummary | CellLabel) -> str:
    """Return model and weights, as the command line takes them; ``file`` for weights of a file."""
    weights = "file" if of.weights_origin == "file" else weights_name(of.weights)
    return full_name(clean(of.model), weights)


def differing_settings(backbones: Sequence[BackboneSummary]) -> tuple[str, ...]:
    """Return the settings that are different, and therefore belong to the backbones' names."""
    return tuple(
        name
        for name in ("preprocessing", "embedding", "batch", "instances", "threads")
        if len({setting_text(backbone, name) for backbone in backbones}) > 1
    )


def setting_text(backbone: BackboneSummary | CellLabel, name: str) -> str:
    """Return a setting that ``differing_settings`` names, in words.

    The preprocessing is that of the pretrained weights, which name it where the name of the
    backbone does not.
    """
    if name == "preprocessing":
        if backbone.weights == OWN_WEIGHTS:
            return "its own"
        return f"as {weights_name(backbone.weights)}" if backbone.weights_origin == "file" else ""
    if name == "embedding":
        return clean(backbone.embedding)
    if name == "batch":
        return f"batch {backbone.batch}"
    if name == "instances":
        return counted(backbone.instances, "instance")
    return "? threads" if backbone.threads is None else counted(backbone.threads, "thread")


def setting_name(
    of: BackboneSummary | CellLabel, settings: Sequence[str], between: str = ", "
) -> str:
    """Return for example ``resnet18:V1, batch 8``, with the settings that differ."""
    return between.join((backbone_name(of), *(setting_text(of, name) for name in settings)))


def distinct_names(backbones: Sequence[BackboneSummary], between: str = " ") -> dict[int, str]:
    """Return a different name for each backbone, by its ``id``.

    Args:
        backbones: of which several may be the same one in other settings, which their names get.
        between: the parts of a name.
    """
    return {
        id(backbone): setting_name(backbone, differing_settings(twins), between)
        for twins in grouped(backbones, backbone_name).values()
        for backbone in twins
    }


def listed(names: Sequence[str], most: int | None = None) -> str:
    """Return at least one name as a list: ``a``, ``a and b``, or ``a, b and 4 more``."""
    if most is not None and len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most:,} more"
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
