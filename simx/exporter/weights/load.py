"""Read a backbone's weights into memory, from the source that ``locate`` found.

A state dict is accepted as in torchvision: names from older releases are translated, parts that
torchvision removes after loading are dropped, and everything else must match exactly.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from simx.common.errors import InputError
from simx.exporter.network import architecture
from simx.exporter.weights.checkpoint import read_checkpoint, read_file
from simx.exporter.weights.initialised import random_state
from simx.exporter.weights.locate import Source
from simx.models.backbone import Backbone

_OLD_NAMES = (
    # densenet's checkpoints were saved when module names could hold dots.
    (re.compile(r"(\.denselayer\d+\.(?:norm|conv))\.([12])\."), r"\1\2."),
    # ViT's feed-forward block named its layers before it became a sequence with GELU in between.
    (re.compile(r"\.mlp\.linear_1\."), ".mlp.0."),
    (re.compile(r"\.mlp\.linear_2\."), ".mlp.3."),
)

_TRAINING_ONLY = {"googlenet": ("aux1.", "aux2.")}
"""Auxiliary classifiers that torchvision's builder removes after loading its checkpoint."""

_State = Mapping[str, torch.Tensor]

_NAMED_AT_MOST = 3
_LENGTH_AT_MOST = 120


def load(backbone: Backbone, source: Source) -> dict[str, torch.Tensor]:
    """Read, check and fit the weights of a backbone's source.

    Returns:
        A state dict for ``state.fill``: the names, shapes and dtypes (float32, int64) of
        ``architecture.build``'s own, on the CPU.

    Raises:
        InputError: the file is unreadable, damaged or changed since it was located, or it is no
            state dict of plain tensors for this model.
    """
    if source.path is None or source.sha256 is None:
        return random_state(backbone, source.seed)
    read = read_checkpoint if source.origin == "pretrained" else read_file
    return fit(read(source.path, source.sha256), backbone, source.path)


def fit(raw: _State, backbone: Backbone, path: Path) -> dict[str, torch.Tensor]:
    """Return the backbone's state dict, filled from the tensors that were read from a file.

    Returns:
        Every name of the model's own state dict in its order, each a contiguous tensor of the
        model's shape and dtype that shares no memory.

    Raises:
        InputError: a tensor is missing, unknown, of another shape, or of another kind of number.
    """
    with torch.device("meta"):
        expected = architecture.build(backbone).state_dict()
    # Batch-norm counters came with torch 0.4.1; torch fills in zeros for older files.
    given = {
        name: torch.zeros_like(like, device="cpu")
        for name, like in expected.items()
        if name.endswith(".num_batches_tracked")
    } | _translated(raw, backbone.model)
    _require_match(given, expected, backbone, path)
    return {
        name: torch.empty_like(like, device="cpu").copy_(given[name].detach())
        for name, like in expected.items()
    }


def _translated(raw: _State, model: str) -> dict[str, torch.Tensor]:
    dropped = _TRAINING_ONLY.get(model, ())
    kept = {name: tensor for name, tensor in raw.items() if not name.startswith(dropped)}
    for name in list(kept):
        new = name
        for pattern, replacement in _OLD_NAMES:
            new = pattern.sub(replacement, new)
        if new not in kept:
            kept[new] = kept.pop(name)
    return kept


def _require_match(given: _State, expected: _State, backbone: Backbone, path: Path) -> None:
    """Compare before anything is copied: a small file can claim a tensor of any size."""
    found = {
        "missing": [name for name in expected if name not in given],
        "unexpected": [name for name in given if name not in expected],
        "of another shape or type": [
            f"{name} {difference}"
            for name, like in expected.items()
            if name in given and (difference := _difference(given[name], like))
        ],
    }
    problems = [f"{len(names)} {what} ({_few(names)})" for what, names in found.items() if names]
    if problems:
        raise InputError(
            f"weights file {path} does not fit {backbone.name}: of its tensors, "
            f"{'; '.join(problems)}; select the model it was saved from"
        )


def _difference(given: torch.Tensor, like: torch.Tensor) -> str:
    """Say why one tensor cannot take another's place; precision and layout do not matter."""
    if given.shape != like.shape:
        shapes = ["x".join(map(str, each.shape)) or "a scalar" for each in (given, like)]
        return f"is {shapes[0]}, not {shapes[1]}"
    if _number(given) != _number(like):
        return f"holds {_number(given)}, not {_number(like)}"
    return ""


def _number(tensor: torch.Tensor) -> str:
    if tensor.is_complex():
        return "complex numbers"
    return "floats" if tensor.is_floating_point() else "integers"


def _few(names: Sequence[str]) -> str:
    """Name the first few, escaped, because a file's names can be any text."""
    few = [ascii(name)[1:-1][:_LENGTH_AT_MOST] for name in names[:_NAMED_AT_MOST]]
    rest = ["..."] if len(names) > _NAMED_AT_MOST else []
    return ", ".join(few + rest)
