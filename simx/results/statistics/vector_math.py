"""Agreement of two vectors, for components of any magnitude, and of the pictures' embeddings."""

import math

import numpy as np
import numpy.typing as npt
from numpy.linalg import norm

from simx.results.schema.report import Similarity

Vector = npt.NDArray[np.float64]


def cosine(a: npt.ArrayLike, b: npt.ArrayLike) -> float | None:
    """Return the cosine similarity of two vectors, in [-1, 1].

    Each vector is converted to float64 and first divided by its largest magnitude, so that squares
    neither overflow nor vanish.

    Args:
        a: Vector [D] of any real dtype; other shapes are flattened.
        b: Vector of the same number of components.

    Returns:
        The cosine; None for a vector of length zero, or with a NaN or an infinite component.

    Raises:
        ValueError: The vectors differ in length.
    """
    first, second = _vectors(a, b)
    first_scale, second_scale = _magnitude(first), _magnitude(second)
    if first_scale is None or second_scale is None:
        return None
    first, second = first / first_scale, second / second_scale
    product = float(first @ second / (norm(first) * norm(second)))
    return min(1.0, max(-1.0, product))


def relative_l2(a: npt.ArrayLike, reference: npt.ArrayLike) -> float | None:
    """Return the length of ``a - reference`` relative to the length of ``reference``.

    Args:
        a: Vector [D] of any real dtype; other shapes are flattened.
        reference: Vector of the same number of components.

    Returns:
        The relative error, 0 for equal vectors, infinite if float64 cannot hold it; None for a
        reference of length zero, or for a NaN or an infinite component.

    Raises:
        ValueError: The vectors differ in length.
    """
    vector, target = _vectors(a, reference)
    target_scale = _magnitude(target)
    if target_scale is None or not np.isfinite(vector).all():
        return None
    scale = max(target_scale, _magnitude(vector) or 0.0)
    error = float(norm(vector / scale - target / scale))
    length = float(norm(target / target_scale)) * (target_scale / scale)
    return error / length if length > 0 else math.inf


def similarities(embeddings: npt.NDArray[np.float32]) -> Similarity:
    """Return the anchor's cosine similarity with the others in percent, from [4, D] embeddings."""
    percent = [
        None if value is None else 100.0 * value
        for value in (cosine(embeddings[0], other) for other in embeddings[1:])
    ]
    return Similarity(positive=percent[0], negative=percent[1], negative_resized=percent[2])


def margin(similarity: Similarity) -> float | None:
    """Return the positive's similarity minus the negative's, in percentage points."""
    if similarity.positive is None or similarity.negative is None:
        return None
    return similarity.positive - similarity.negative


def _vectors(a: npt.ArrayLike, b: npt.ArrayLike) -> tuple[Vector, Vector]:
    first, second = (np.asarray(values, dtype=np.float64).ravel() for values in (a, b))
    if first.size != second.size:
        raise ValueError(f"vectors of {first.size} and {second.size} components cannot be compared")
    return first, second


def _magnitude(vector: Vector) -> float | None:
    """Return the largest magnitude of a component; None if it is 0 or not finite."""
    largest = float(np.max(np.abs(vector), initial=0.0))
    return largest if 0 < largest < math.inf else None
