"""A backbone's state dict as one file: the canonical form that is stored and loaded again.

The form is safetensors. It is written here and not by its library, so that equal weights are equal
bytes under every release of it: no metadata, tensors ordered by width (widest first, which keeps
all of them aligned) and then by name, header padded to 8 bytes.
"""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import nn

from simx.common.errors import SystemFailureError

_DTYPE_NAMES = {torch.float32: "F32", torch.int64: "I64"}
"""Every dtype that torchvision's classification models keep in their state dicts."""


def save_state(state: Mapping[str, torch.Tensor], path: Path) -> None:
    """Write a state dict, and see it onto the disk.

    Tensors that share memory are each written out in full.

    Args:
        state: names to float32 or int64 tensors on the CPU.
        path: file to write.

    Raises:
        SystemFailureError: the file cannot be written.
    """
    try:
        with path.open("wb") as file:
            file.writelines(_canonical_pieces(state))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise SystemFailureError(
            f"cannot write weights to {path}: {error.strerror}; make room there or choose "
            "another --store"
        ) from error


def load_state(path: Path) -> dict[str, torch.Tensor]:
    """Read what ``save_state`` wrote.

    The tensors are copies in ordinary memory: as pages of the mapped file they would lie
    unaligned, and a model that runs on them could be slower than one that torch allocated.

    Raises:
        SystemFailureError: the file is absent or damaged.
    """
    try:
        mapped = safetensors.torch.load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise SystemFailureError(
            f"stored weights {path} cannot be read ({error}); run simx export again"
        ) from error
    return {name: tensor.clone() for name, tensor in mapped.items()}


def fill(model: nn.Module, state: Mapping[str, torch.Tensor]) -> None:
    """Put a fitted state dict into a model, which uses the tensors without copying them.

    The model may have been built on the meta device, which saves initialising weights that are not
    used.

    Args:
        model: as ``architecture.build`` makes it.
        state: of the same backbone, from ``load`` or ``load_state``.

    Raises:
        RuntimeError: the state dict is another model's.
    """
    # The model's own dict carries layout versions, without which mnasnet refuses to load.
    versioned = model.state_dict()
    versioned.clear()
    versioned.update(state)
    model.load_state_dict(versioned, strict=True, assign=True)


def _canonical_pieces(state: Mapping[str, torch.Tensor]) -> Iterator[bytes | memoryview]:
    """Yield the header, then each tensor's bytes, in the format's order."""
    ordered = sorted(state.items(), key=lambda entry: (-entry[1].element_size(), entry[0]))
    header: dict[str, dict[str, object]] = {}
    offset = 0
    for name, tensor in ordered:
        end = offset + tensor.nbytes
        header[name] = {
            "dtype": _DTYPE_NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [offset, end],
        }
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little")
    yield text
    for _, tensor in ordered:
        yield tensor.detach().contiguous().reshape(-1).numpy().data
