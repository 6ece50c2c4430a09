"""Read a weights file that others wrote into plain tensors, running nothing of what it holds.

Knows no model: whether the tensors fit one is ``fit``'s question.
"""

import io
import pickle
import struct
import warnings
from pathlib import Path

import safetensors
import safetensors.torch
import torch

from simx.errors import InputError
from simx.exporter.weights.cache import check_hash

_WRAPPERS = ("state_dict", "model")
"""Keys under which training scripts keep the state dict beside their own bookkeeping."""

_ZIP_MAGIC = b"PK\x03\x04"
_PICKLE_MAGIC = b"\x80"


def read_checkpoint(path: Path) -> dict[str, torch.Tensor]:
    """Read a checkpoint from torch's cache, after checking it against the hash in its name.

    Checked and loaded are one open file, so nothing can be put in its place between the two.

    Raises:
        InputError: unreadable, not what its name promises, or no state dict.
    """
    try:
        with path.open("rb") as file:
            check_hash(file, path)
            return _tensors(_torch_load(file, path), path)
    except OSError as error:
        raise _refused(path, str(error.strerror)) from error


def read_file(path: Path) -> dict[str, torch.Tensor]:
    """Read a user's state dict: safetensors, or whatever ``torch.load(weights_only=True)`` takes.

    The content decides which, not the suffix.

    Raises:
        InputError: unreadable, neither format, or no state dict of plain tensors.
    """
    try:
        with path.open("rb") as file:
            head = file.read(9)
            file.seek(0)
            if _looks_like_safetensors(head):
                return _safetensors_load(path)
            if head.startswith((_ZIP_MAGIC, _PICKLE_MAGIC)):
                return _tensors(_torch_load(file, path), path)
    except OSError as error:
        raise _refused(path, str(error.strerror)) from error
    raise _refused(path, "neither safetensors nor a file written by torch.save")


def _looks_like_safetensors(head: bytes) -> bool:
    """A safetensors file is a little-endian uint64 header length, then a JSON object."""
    return len(head) == struct.calcsize("<Qc") and head.endswith(b"{")


def _safetensors_load(path: Path) -> dict[str, torch.Tensor]:
    try:
        return safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, ValueError, RuntimeError, KeyError) as error:
        raise _refused(path, "damaged or cut short: no valid safetensors") from error


def _torch_load(file: io.BufferedReader, path: Path) -> object:
    try:
        with warnings.catch_warnings():
            # torch warns of pickle protocols other than its own; what cannot be read is refused.
            warnings.simplefilter("ignore")
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _refused(
            path, "it holds more than tensors (or is damaged), so it is not loaded"
        ) from error
    except Exception as error:  # a damaged file can raise anything from the reader
        raise _refused(
            path, "torch cannot read it (damaged, cut short, or a TorchScript archive)"
        ) from error


def _tensors(loaded: object, path: Path) -> dict[str, torch.Tensor]:
    """Return the state dict, unwrapped; anything else is refused."""
    if isinstance(loaded, dict):
        inner = [loaded[key] for key in _WRAPPERS if isinstance(loaded.get(key), dict)]
        candidate = inner[0] if inner else loaded
        if candidate and all(_is_entry(key, value) for key, value in candidate.items()):
            return dict(candidate)
    raise _refused(path, "not a state dict, which is a mapping of names to tensors")


def _is_entry(key: object, value: object) -> bool:
    """Whether this is a name with an ordinary tensor in memory: not sparse, quantised or meta."""
    return (
        isinstance(key, str)
        and type(value) in {torch.Tensor, torch.nn.Parameter}
        and isinstance(value, torch.Tensor)
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and not value.is_quantized
    )


def _refused(path: Path, reason: str) -> InputError:
    return InputError(
        f"weights file {path}: {reason}; save a state dict as safetensors, "
        "or with torch.save(model.state_dict(), ...)"
    )
