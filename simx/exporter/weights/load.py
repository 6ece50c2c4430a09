"""Read a backbone's weights into memory, from the source that ``locate`` found."""

from dataclasses import dataclass

import torch

from simx.exporter.weights.checkpoint import read_checkpoint, read_file
from simx.exporter.weights.fit import fit
from simx.exporter.weights.initialised import random_state
from simx.exporter.weights.locate import Source
from simx.exporter.weights.state import fingerprint
from simx.models.backbone import Backbone
from simx.results.schema.report import WeightsOrigin


@dataclass(frozen=True, slots=True)
class Weights:
    """A backbone's weights, ready for ``fill``.

    ``state`` has the names, shapes and dtypes (float32, int64) of ``architecture.build``'s own
    state dict; ``sha256`` is that of the file ``save_state`` makes of it.
    """

    origin: WeightsOrigin
    state: dict[str, torch.Tensor]
    sha256: str


def load(backbone: Backbone, source: Source) -> Weights:
    """Read, check and fit the weights of one source.

    Raises:
        InputError: the file is unreadable, damaged, another one than was located, no state dict
            of plain tensors, or another model's.
    """
    if source.path is None or source.sha256 is None:
        state = random_state(backbone, source.seed)
    else:
        read = read_checkpoint if source.origin == "pretrained" else read_file
        state = fit(read(source.path, source.sha256), backbone, source.path)
    return Weights(origin=source.origin, state=state, sha256=fingerprint(state))
