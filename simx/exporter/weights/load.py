"""Read a backbone's weights into memory, from the source that ``locate`` found."""

import torch

from simx.exporter.weights.checkpoint import read_checkpoint, read_file
from simx.exporter.weights.fit import fit
from simx.exporter.weights.initialised import random_state
from simx.exporter.weights.locate import Source
from simx.models.backbone import Backbone


def load(backbone: Backbone, source: Source) -> dict[str, torch.Tensor]:
    """Read, check and fit the weights of one source.

    Args:
        backbone: whose weights.
        source: from ``locate``, for the same backbone.

    Returns:
        A state dict, ready for ``state.fill``: the names, shapes and dtypes (float32, int64) of
        ``architecture.build``'s own, on the CPU.

    Raises:
        InputError: the file is unreadable, damaged, another one than was located, no state dict
            of plain tensors, or another model's.
    """
    if source.path is None or source.sha256 is None:
        return random_state(backbone, source.seed)
    read = read_checkpoint if source.origin == "pretrained" else read_file
    return fit(read(source.path, source.sha256), backbone, source.path)
