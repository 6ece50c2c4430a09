"""Read a backbone's weights into memory, from the source that ``locate`` found.

A network in a file is accepted if it has every tensor that the embedding is computed from, and no
others in the same modules. Its classifier, and what the file holds besides, does not matter. The
error of a file without such a network has the likeliest cause first, and says what to do.
"""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import torch

from simx.common.errors import InputError
from simx.common.input_files import shown
from simx.exporter.store.cache_key import library_versions
from simx.exporter.weights.cache import Source
from simx.exporter.weights.checkpoint import read
from simx.exporter.weights.file_reading import Entries, FileReading
from simx.exporter.weights.initialised import random_state
from simx.exporter.weights.selection import Container, Network, containers, needs_of, networks
from simx.models import catalogue
from simx.models.backbone import Backbone, EmbeddingKind

_State = Mapping[str, torch.Tensor]

_VARIANCE = ".running_var"

_SMALLEST_NORMAL = torch.finfo(torch.float32).tiny

_NAMED_AT_MOST = 3

_SHARD = re.compile(r"-0*(\d+)-of-0*(\d+)\.")
"""In ``model-00001-of-00003.safetensors``."""

_POSITIONS, _PATCHES = "encoder.pos_embedding", "conv_proj.weight"
"""A vision transformer's: [1, patches + 1, width], and [width, 3, side, side] of one patch."""


def load(
    backbone: Backbone, embedding: EmbeddingKind, source: Source
) -> tuple[dict[str, torch.Tensor], FileReading]:
    """Read, check and fit the weights of a backbone's source.

    Returns:
        A state dict for ``state.fill``: the names, shapes and dtypes (float32, int64) of
        ``architecture.build``'s own, on the CPU; and how the file was read.

    Raises:
        InputError: the file is unreadable, damaged or changed since it was located, or it holds
            no weights of plain tensors for this model.
    """
    if source.path is None or source.sha256 is None:
        return random_state(backbone, source.seed), FileReading()
    path = Path(source.path)
    loaded = read(path, source.sha256, is_cached=source.origin == "pretrained")
    return fit(loaded, backbone, embedding, path, source.key)


def fit(
    loaded: object, backbone: Backbone, embedding: EmbeddingKind, path: Path, key: str | None = None
) -> tuple[dict[str, torch.Tensor], FileReading]:
    """Return the backbone's state dict, filled from what was read from a file.

    Args:
        loaded: a mapping of names to tensors, possibly below the keys of other mappings.
        backbone: whose weights they are.
        embedding: it decides which tensors are needed.
        path: of the file, for messages.
        key: which network of several to take.

    Returns:
        Every name of the model's own state dict in its order, each a contiguous tensor of the
        model's shape and dtype that shares no memory; and how the file was read.

    Raises:
        InputError: a tensor is missing, unknown, of another shape, or of another kind of number;
            it holds NaN, an infinity, or a negative variance; or several networks fit.
    """
    needs = needs_of(backbone, embedding)
    held = containers(loaded)
    found = networks(held, needs)
    fitting = [each for each in found if each.fits]
    if not fitting:
        cause, mend = _cause(held, found[0], backbone, embedding, path)
        problems = [
            f"{len(names)} {what} ({Entries.of(names).listed()})"
            for what, names in found[0].problems.items()
            if names
        ]
        raise InputError(
            f"weights file {shown(path)} does not fit {backbone.name}: {cause}of its tensors, "
            f"{'; '.join(problems)}; {mend}"
        )
    chosen = _chosen(fitting, path, key)
    state = {
        name: torch.empty_like(like, device="cpu").copy_(chosen.usable[name].detach())
        if name in chosen.usable
        else torch.zeros_like(like, device="cpu")
        for name, like in needs.expected.items()
    }
    _require_numbers(state, chosen.usable, path)
    others = Entries.of([_name_of(each) for each in fitting if each is not chosen])
    # Products with such numbers are computed for every picture.
    sizes = ((name, state[name].abs()) for name in needs.required if name.endswith(".weight"))
    tiny = [name for name, of in sizes if ((of > 0) & (of < _SMALLEST_NORMAL)).any()]
    denormal = Entries.of(tiny)
    return state, msgspec.structs.replace(chosen.reading, others=others, denormal=denormal)


def _chosen(fitting: Sequence[Network], path: Path, key: str | None) -> Network:
    # In full, or by some of its parts.
    named = [each for each in fitting if key is None or f".{key}." in f".{each.name}."]
    named = [each for each in named if each.name == key] or named
    names = Entries.of([_name_of(each) for each in named or fitting]).listed()
    if not named:
        raise InputError(
            f"weights file {shown(path)}: no network that fits is named {key!a}; those that fit "
            f"are: {names}"
        )
    is_unclear = len(named) > 1 and (key is not None or named[0].rank == named[1].rank)
    if is_unclear:
        raise InputError(
            f"weights file {shown(path)}: several networks in it fit: {names}; choose one with "
            "--weights-key"
        )
    return named[0]


def _name_of(network: Network) -> str:
    return network.name or "the whole file"


def _require_numbers(state: _State, given: _State, path: Path) -> None:
    wrong = [
        f"{name} holds {problem}"
        for name, tensor in given.items()
        if (problem := _impossible(name, state[name], tensor))
    ]
    if wrong:
        more = f" and {len(wrong) - _NAMED_AT_MOST} more" if len(wrong) > _NAMED_AT_MOST else ""
        raise InputError(
            f"weights file {shown(path)}: {', '.join(wrong[:_NAMED_AT_MOST])}{more}; no embedding "
            "can be computed with it; give an earlier checkpoint of this training"
        )


def _impossible(name: str, tensor: torch.Tensor, given: torch.Tensor) -> str:
    """Say which value of a tensor is impossible, after and before its conversion to float32."""
    if not tensor.is_floating_point():
        return ""
    least, largest = (float(each) for each in tensor.aminmax())
    if math.isnan(least):
        return "NaN"
    if math.inf in {-least, largest}:
        is_converted = bool(given.double().isfinite().all())
        return "numbers beyond float32's range" if is_converted else "an infinity"
    is_variance = name.endswith(_VARIANCE)
    return f"a negative variance ({least:.3g})" if is_variance and least < 0 else ""


def _cause(
    held: Sequence[Container],
    closest: Network,
    backbone: Backbone,
    embedding: EmbeddingKind,
    path: Path,
) -> tuple[str, str]:
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
    """Return the entry that a file fits: torchvision's before timm's, which has to be installed."""
    tried: set[tuple[str, int]] = set()
    usable = {"torchvision", *({"timm"} & library_versions().keys())}
    known = [each for each in catalogue.load() if each.source in usable]
    for backbone in sorted(known, key=lambda each: (each.source == "timm", not each.default)):
        # Only a vision transformer's tensors depend on the size of the pictures.
        size = backbone.preset.crop if backbone.family == "vit" else 0
        if (backbone.model, size) in tried:
            continue
        tried.add((backbone.model, size))
        if networks(held, needs_of(backbone, embedding))[0].fits:
            return backbone
    return None
