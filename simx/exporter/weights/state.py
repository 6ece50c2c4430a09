"""A backbone's state dict as one file in the store: equal weights are equal bytes."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import nn

from simx.common.errors import SystemFailureError
from simx.exporter.store.tensors import arrays_of, write_arrays


def save_state(state: Mapping[str, torch.Tensor], path: Path) -> None:
    """Write a state dict of float32 and int64 tensors on the CPU.

    Tensors that share memory are each written in full.

    Raises:
        SystemFailureError: the file cannot be written.
    """
    try:
        write_arrays({name: each.detach().numpy() for name, each in state.items()}, path)
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
        # A private mapping: torch takes no array that cannot be written.
        arrays = arrays_of(np.memmap(path, mode="c"))
    except (OSError, ValueError) as error:
        raise SystemFailureError(
            f"stored weights {path} cannot be read ({error}); run simx export again"
        ) from error
    return {name: torch.from_numpy(array).clone() for name, array in arrays.items()}


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
