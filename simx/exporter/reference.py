"""The verification input of an export and torch's answer to it, kept beside the model.

With it an environment without torch can still show that its embedding is the same vector, and the
timed calls have inputs whose right answers are known. Needs neither torch nor onnxruntime.
"""

from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from simx.images.decoding import decode
from simx.images.pictures import bundled
from simx.images.preprocessing import crop, normalise
from simx.models.backbone import Backbone, Preset

_GIANT_GFLOPS = 100.0
"""From here on a forward pass takes seconds a picture on a CPU, so fewer pictures are verified."""


class Reference(msgspec.Struct, frozen=True):
    """Pictures as cropped pixels, uint8 [N, H, W, 3], and their embeddings, float32 [N, D]."""

    pixels: npt.NDArray[np.uint8]
    embeddings: npt.NDArray[np.float32]

    def inputs(self, preset: Preset) -> npt.NDArray[np.float32]:
        """Return the network's input, float32 [N, 3, H, W]."""
        return normalise(self.pixels, preset)

    def save(self, path: Path) -> None:
        """Write the reference as safetensors."""
        safetensors.numpy.save_file({"pixels": self.pixels, "embeddings": self.embeddings}, path)


def load_reference(path: Path) -> Reference:
    """Read what ``Reference.save`` wrote.

    Raises:
        safetensors.SafetensorError: the file is no such thing.
        KeyError: a tensor is missing.
        OSError: the file cannot be read.
    """
    tensors = safetensors.numpy.load_file(path)
    return Reference(tensors["pixels"], tensors["embeddings"])


def verification_pixels(backbone: Backbone) -> npt.NDArray[np.uint8]:
    """Return the bundled pictures as this backbone sees them: all four, of giants only two."""
    pictures = bundled()
    paths = [path for _, path in pictures.files()]
    if backbone.gflops >= _GIANT_GFLOPS:
        paths = [pictures.anchor, pictures.negative]
    return np.stack([crop(decode(path), backbone.preset) for path in paths])


def verification_batches(count: int) -> tuple[int, ...]:
    """Return the batch sizes to verify with ``count`` pictures: the smallest and the largest."""
    return (1, count) if count > 2 else (count,)  # noqa: PLR2004 - a giant's two, run once
