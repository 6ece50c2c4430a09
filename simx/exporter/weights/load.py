"""Read a backbone's weights into memory, from the source that ``locate`` found.

A network in a file is accepted if it has every tensor that the embedding is computed from, and no
others in the same modules. Its classifier, and what the file holds besides, does not matter.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import torch

from simx.common.errors import InputError
from simx.common.input_files import shown
from simx.exporter.weights.checkpoint import read_checkpoint, read_file
from simx.exporter.weights.file_reading import Entries, FileReading
from simx.exporter.weights.initialised import random_state
from simx.exporter.weights.locate import Source
from simx.exporter.weights.misfit import misfit
from simx.exporter.weights.selection import Network, containers, needs_of, networks
from simx.models.backbone import Backbone, EmbeddingKind

_State = Mapping[str, torch.Tensor]

_VARIANCE = ".running_var"

_SMALLEST_NORMAL = torch.finfo(torch.float32).tiny

_NAMED_AT_MOST = 3


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
    read = read_checkpoint if source.origin == "pretrained" else read_file
    loaded = read(source.path, source.sha256)
    return fit(loaded, backbone, embedding, source.path, source.key)


def fit(
    loaded: object,
    backbone: Backbone,
    embedding: EmbeddingKind,
    path: Path,
    key: str | None = None,
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
        raise misfit(held, found[0], backbone, embedding, path)
    chosen = _chosen(fitting, path, key)
    state = {
        name: torch.empty_like(like, device="cpu").copy_(chosen.usable[name].detach())
        if name in chosen.usable
        else torch.zeros_like(like, device="cpu")
        for name, like in needs.expected.items()
    }
    _require_numbers(state, chosen.usable, path)
    others = Entries.of([_name_of(each) for each in fitting if each is not chosen])
    denormal = Entries.of([name for name in needs.required if _is_denormal(name, state[name])])
    return state, msgspec.structs.replace(chosen.reading, others=others, denormal=denormal)


def _chosen(fitting: Sequence[Network], path: Path, key: str | None) -> Network:
    """Return the network with the key, or else the one in the most usual place."""
    named = [each for each in fitting if key is None or each.answers_to(key)]
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


def _is_denormal(name: str, tensor: torch.Tensor) -> bool:
    """Whether products with denormal numbers are computed for every picture."""
    return name.endswith(".weight") and bool(
        ((tensor != 0) & (tensor.abs() < _SMALLEST_NORMAL)).any()
    )


def _require_numbers(state: _State, given: _State, path: Path) -> None:
    """Refuse values with which a network has no embedding, each by its tensor's name."""
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
