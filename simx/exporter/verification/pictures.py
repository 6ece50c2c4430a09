"""The pictures that an export is verified with, and what their embeddings have to show.

They are decoded here, when an export is made: whoever verifies it later has them as pixels.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from simx.images.decoding import decode
from simx.images.pictures import bundled
from simx.images.preprocessing import crop
from simx.models.backbone import Backbone
from simx.results.statistics.vector_math import margin, similarities

_SLOW_GFLOPS = 100.0
"""From here on a forward pass takes seconds per picture on a CPU."""


def is_slow_to_verify(backbone: Backbone) -> bool:
    """Whether a forward pass takes so long on a CPU that fewer pictures are verified."""
    return backbone.gflops >= _SLOW_GFLOPS


def verification_pixels(backbone: Backbone) -> npt.NDArray[np.uint8]:
    """Return the verification pictures as this backbone sees them, uint8 [N, crop, crop, 3]."""
    paths = verification_pictures(backbone)
    return np.stack([crop(decode(path), backbone.preset) for path in paths])


def verification_pictures(backbone: Backbone) -> tuple[Path, ...]:
    """Return the files of a backbone's verification pictures: four, for giants two."""
    pictures = bundled()
    if is_slow_to_verify(backbone):
        return pictures.anchor, pictures.negative
    return tuple(path for _, path in pictures.files())


def margin_of(embeddings: npt.NDArray[np.float32]) -> float | None:
    """Return the margin of the bundled pictures, in percentage points; None for a giant's two.

    Args:
        embeddings: of ``verification_pixels``, [N, D], in their order.
    """
    return margin(similarities(embeddings)) if len(embeddings) == len(bundled().files()) else None


def verification_batches(count: int) -> tuple[int, ...]:
    """Return the batch sizes to verify with ``count`` pictures: the smallest and the largest."""
    return (1, count) if count > 2 else (count,)  # noqa: PLR2004 - a giant's two, run once
