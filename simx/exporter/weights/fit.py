"""Make a state dict fit its backbone exactly as torchvision would load it, or say why it cannot.

Nothing is guessed: names from older torchvision releases are translated, parts that torchvision
removes after loading are dropped, and everything else must match exactly.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch

from simx.common.errors import InputError
from simx.exporter.network import architecture
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

_COUNTER = ".num_batches_tracked"
_NAMED_AT_MOST = 3
_LENGTH_AT_MOST = 120


def fit(raw: Mapping[str, torch.Tensor], backbone: Backbone, path: Path) -> dict[str, torch.Tensor]:
    """Return the backbone's state dict, filled from ``raw``.

    Args:
        raw: names to tensors as read from a file.
        backbone: whose state dict they should be.
        path: the file, for messages.

    Returns:
        Every name of the model's own state dict in its order, each a contiguous tensor of the
        model's shape and dtype that shares memory with nothing.

    Raises:
        InputError: a tensor is missing, unknown, of another shape, or of another kind of number.
    """
    expected = _expected(backbone)
    given = _translated(raw, backbone.model)
    # Batch-norm counters came with torch 0.4.1; torch fills in zeros for older files.
    counters = {
        name: torch.zeros_like(like, device="cpu")
        for name, like in expected.items()
        if name.endswith(_COUNTER) and name not in given
    }
    given |= counters
    _require_match(given, expected, backbone, path)
    return {
        name: torch.empty_like(like, device="cpu").copy_(given[name].detach())
        for name, like in expected.items()
    }


def _expected(backbone: Backbone) -> dict[str, torch.Tensor]:
    with torch.device("meta"):
        return dict(architecture.build(backbone).state_dict())


def _translated(raw: Mapping[str, torch.Tensor], model: str) -> dict[str, torch.Tensor]:
    kept = {
        name: tensor
        for name, tensor in raw.items()
        if not name.startswith(_TRAINING_ONLY.get(model, ()))
    }
    for name in list(kept):
        new = name
        for pattern, replacement in _OLD_NAMES:
            new = pattern.sub(replacement, new)
        if new not in kept:
            kept[new] = kept.pop(name)
    return kept


def _require_match(
    given: Mapping[str, torch.Tensor],
    expected: Mapping[str, torch.Tensor],
    backbone: Backbone,
    path: Path,
) -> None:
    """Compare before anything is copied: a small file can claim a tensor of any size."""
    missing = [name for name in expected if name not in given]
    unexpected = [name for name in given if name not in expected]
    changed = [
        f"{name} {difference}"
        for name, like in expected.items()
        if name in given and (difference := _difference(given[name], like))
    ]
    problems = "; ".join(
        f"{len(names)} {what} ({_few(names)})"
        for what, names in (
            ("missing", missing),
            ("unexpected", unexpected),
            ("of another shape or type", changed),
        )
        if names
    )
    if problems:
        raise InputError(
            f"weights file {path} does not fit {backbone.name}: of its tensors, {problems}; "
            "select the model it was saved from"
        )


def _difference(given: torch.Tensor, like: torch.Tensor) -> str:
    """Say why one tensor cannot take another's place; precision and layout do not matter."""
    if given.shape != like.shape:
        return f"is {_shape(given)}, not {_shape(like)}"
    if _number(given) != _number(like):
        return f"holds {_number(given)}, not {_number(like)}"
    return ""


def _shape(tensor: torch.Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a scalar"


def _number(tensor: torch.Tensor) -> str:
    if tensor.is_complex():
        return "complex numbers"
    return "floats" if tensor.is_floating_point() else "integers"


def _few(names: Iterable[str]) -> str:
    """Name the first few, escaped, because a file's names can be any text."""
    listed = [ascii(name)[1:-1][:_LENGTH_AT_MOST] for name in names]
    rest = ["..."] if len(listed) > _NAMED_AT_MOST else []
    return ", ".join(listed[:_NAMED_AT_MOST] + rest)
