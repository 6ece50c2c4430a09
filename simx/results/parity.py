"""Is it still the same vector: agreement of embeddings with torch's reference, and its bounds."""

import math
from collections.abc import Iterable

import msgspec
import numpy as np
import numpy.typing as npt

from simx.results.schema import Parity
from simx.results.similarity import cosine, relative_l2


class Bounds(msgspec.Struct, frozen=True, order=True):
    """How far an embedding may be from the reference: its relative L2 error, and its cosine."""

    relative_l2: float
    cosine: float


FP32 = Bounds(relative_l2=1e-4, cosine=0.9999)
"""Two correct float32 implementations differ by the order of their sums, which for these networks
stays near 1e-6; a wrong pooling, padding or constant is far above 1e-4."""

TF32 = Bounds(relative_l2=1e-2, cosine=0.9999)
"""TF32 rounds factors to 10 bits, so a product is off by 3e-4 at random, and a hundred layers in a
row by ten times that. The cosine, 1 - error²/2, hardly moves."""

Vector = npt.NDArray[np.float32]


def worst_parity(pairs: Iterable[tuple[Vector, Vector]]) -> Parity:
    """Return the smallest cosine and the largest relative L2 error of a set of embeddings.

    Args:
        pairs: (embedding, reference), each [D]. A pair for which a figure is not defined (zero or
            non-finite vectors, other lengths) counts as cosine -1 and an infinite error.
    """
    figures = [_figures(embedding, reference) for embedding, reference in pairs]
    return Parity(
        cosine=min(figure.cosine for figure in figures),
        relative_l2=max(figure.relative_l2 for figure in figures),
    )


def disagreement(parity: Parity, bounds: Bounds = FP32) -> str | None:
    """Say how parity misses the bounds, with both figures; None where it is within them."""
    if parity.cosine >= bounds.cosine and parity.relative_l2 <= bounds.relative_l2:
        return None
    return (
        f"the embedding differs from torch's: cosine {parity.cosine:.7f} "
        f"(at least {bounds.cosine}), relative L2 error {parity.relative_l2:.2e} "
        f"(at most {bounds.relative_l2:.0e})"
    )


def _figures(embedding: Vector, reference: Vector) -> Parity:
    if embedding.shape != reference.shape:
        return Parity(cosine=-1.0, relative_l2=math.inf)
    similarity, error = cosine(embedding, reference), relative_l2(embedding, reference)
    return Parity(
        cosine=-1.0 if similarity is None else similarity,
        relative_l2=error if error is not None and math.isfinite(error) else math.inf,
    )
