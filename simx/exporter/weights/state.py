"""A backbone's state dict as one safetensors file in the store.

It is written here and not by the library, so that equal weights give equal bytes under every
release: no metadata, tensors ordered by width (widest first, so that all are aligned) and then by
name, header padded to 8 bytes.
"""

import json
import os
from collections.abc import Iterator, Mapping
from itertools import accumulate, pairwise
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import nn

from simx.common.errors import SystemFailureError

_DTYPE_NAMES = {torch.float32: "F32", torch.int64: "I64"}
"""The dtypes in the state dicts of torchvision's classification models."""


def save_state(state: Mapping[str, torch.Tensor], path: Path) -> None:
    """Write a state dict of float32 and int64 tensors on the CPU, and sync it to the disk.

    Tensors that share memory are each written in full.

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

    The tensors are copies in ordinary memory: in the mapped file they would be unaligned, which
    could make a model slower.

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
    """Put a state dict into its backbone's model, also one on the meta device, without a copy.

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
    ends = list(accumulate((tensor.nbytes for _, tensor in ordered), initial=0))
    header = {
        name: {
            "dtype": _DTYPE_NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": offsets,
        }
        for (name, tensor), offsets in zip(ordered, pairwise(ends), strict=True)
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little")
    yield text
    for _, tensor in ordered:
        yield tensor.detach().contiguous().reshape(-1).numpy().data
