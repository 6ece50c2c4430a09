"""Bring a backbone's weights into memory, from wherever ``locate`` found them."""

from dataclasses import dataclass

import torch

from simx.exporter.weights.checkpoint import read_checkpoint, read_file
from simx.exporter.weights.download import Downloads
from simx.exporter.weights.fit import fit
from simx.exporter.weights.initialised import random_state
from simx.exporter.weights.locate import Source, locate
from simx.exporter.weights.request import WeightsRequest
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
    state = _state(backbone, source)
    return Weights(origin=source.origin, state=state, sha256=fingerprint(state))


def obtain(
    backbone: Backbone,
    request: WeightsRequest,
    *,
    downloads: Downloads | None = None,
    seed: int = 0,
) -> Weights:
    """Locate and load in one step; arguments and errors are those of ``locate`` and ``load``."""
    source = locate(backbone, request, downloads=downloads, seed=seed)
    return load(backbone, source)


def _state(backbone: Backbone, source: Source) -> dict[str, torch.Tensor]:
    if source.path is None or source.sha256 is None:
        return random_state(backbone, source.seed)
    read = read_checkpoint if source.origin == "pretrained" else read_file
    return fit(read(source.path, source.sha256), backbone, source.path)
