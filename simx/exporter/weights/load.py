"""Read a backbone's weights into memory, from the source that ``locate`` found.

A state dict is accepted as in torchvision: names from older releases are translated, parts that
torchvision removes after loading are dropped, and everything else must match exactly.
"""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from simx.common.errors import InputError
from simx.common.input_files import shown
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

_SHARD = re.compile(r"-0*(\d+)-of-0*(\d+)\.")
"""In ``model-00001-of-00003.safetensors``."""

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
        InputError: a tensor is missing, unknown, of another shape, or of another kind of number;
            or it holds NaN, an infinity, or a negative variance.
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
    state = {
        name: torch.empty_like(like, device="cpu").copy_(given[name].detach())
        for name, like in expected.items()
    }
    _require_numbers(state, given, path)
    return state


def _require_numbers(state: _State, given: _State, path: Path) -> None:
    """Refuse values with which a network has no embedding, each by its tensor's name."""
    wrong = [
        f"{ascii(name)[1:-1]} holds {problem}"
        for name, tensor in state.items()
        if (problem := _impossible(name, tensor, given[name]))
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
    is_variance = name.endswith(".running_var")
    return f"a negative variance ({least:.3g})" if is_variance and least < 0 else ""


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
            f"weights file {shown(path)} does not fit {backbone.name}: of its tensors, "
            f"{'; '.join(problems)}; {_mend(given, expected, path)}"
        )


def _mend(given: _State, expected: _State, path: Path) -> str:
    """Say what to do about names that do not match."""
    if shard := _SHARD.search(path.name):
        return f"it is file {shard.group(1)} of {shard.group(2)}: join them in one file first"
    last = next(iter(expected))
    ends = (name.removesuffix(last) for name in given if name.endswith(f".{last}"))
    for prefix in ends:
        if all(prefix + name in given for name in expected):
            return f"save it without {prefix!a} before the names"
    return "select the model it was saved from"


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
