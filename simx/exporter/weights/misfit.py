"""Why a weights file does not fit a backbone: the likeliest cause first, and what to do."""

import math
import re
from collections.abc import Sequence
from pathlib import Path

from simx.common.errors import InputError
from simx.common.input_files import shown
from simx.exporter.weights.file_reading import Entries
from simx.exporter.weights.selection import Container, Network, needs_of, networks
from simx.models.backbone import Backbone, EmbeddingKind
from simx.models.catalogue import of_torchvision

_SHARD = re.compile(r"-0*(\d+)-of-0*(\d+)\.")
"""In ``model-00001-of-00003.safetensors``."""

_POSITIONS, _PATCHES = "encoder.pos_embedding", "conv_proj.weight"
"""A vision transformer's: [1, patches + 1, width], and [width, 3, side, side] of one patch."""


def misfit(
    held: Sequence[Container],
    closest: Network,
    backbone: Backbone,
    embedding: EmbeddingKind,
    path: Path,
) -> InputError:
    """Return the error of a file without a network that fits.

    Args:
        held: what the file holds.
        closest: the network in it with the most of the backbone's names.
        backbone: the backbone that was selected.
        embedding: the embedding that is wanted.
        path: of the file.
    """
    problems = [
        f"{len(names)} {what} ({Entries.of(names).listed()})"
        for what, names in closest.problems.items()
        if names
    ]
    cause, mend = _cause(held, closest, backbone, embedding, path)
    return InputError(
        f"weights file {shown(path)} does not fit {backbone.name}: {cause}of its tensors, "
        f"{'; '.join(problems)}; {mend}"
    )


def _cause(
    held: Sequence[Container],
    closest: Network,
    backbone: Backbone,
    embedding: EmbeddingKind,
    path: Path,
) -> tuple[str, str]:
    """Return the likeliest cause, if one is known, and what to do."""
    if shard := _SHARD.search(path.name):
        return f"it is file {shard[1]} of {shard[2]}; ", "join them in one file first"
    other = _other_backbone(held, embedding)
    if pixels := _pixels(closest):
        cause = f"it is for pictures of {pixels} pixels, not {backbone.preset.crop}; "
        if other is None:
            return cause, "torchvision's interpolate_embeddings converts its position embedding"
        return cause, f"select {other.name}"
    if other is not None:
        return f"it fits {other.name}; ", "select that"
    if not closest.found:
        return (
            f"it has none of the names that {backbone.source} gives to this network's tensors; ",
            f"save it from {backbone.source}'s model",
        )
    return "", "select the model it was saved from"


def _pixels(closest: Network) -> int | None:
    """Return the side of the pictures for a vision transformer that differs in nothing else."""
    missing, unexpected, different = closest.problems.values()
    if missing or unexpected or [name.split()[0] for name in different] != [_POSITIONS]:
        return None
    patches = closest.found[_POSITIONS].shape[1] - 1
    return math.isqrt(patches) * closest.found[_PATCHES].shape[-1]


def _other_backbone(held: Sequence[Container], embedding: EmbeddingKind) -> Backbone | None:
    """Return torchvision's entry that a file fits, the default one of its architecture."""
    tried: set[tuple[str, int]] = set()
    for backbone in sorted(of_torchvision(), key=lambda each: not each.default):
        # Only a vision transformer's tensors depend on the size of the pictures.
        size = backbone.preset.crop if backbone.family == "vit" else 0
        if (backbone.model, size) in tried:
            continue
        tried.add((backbone.model, size))
        if networks(held, needs_of(backbone, embedding))[0].fits:
            return backbone
    return None
