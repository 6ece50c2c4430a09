"""The similarity of each picture's embedding to the anchor's, and the margin."""

import numpy as np
import numpy.typing as npt

from simx.results.schema.report import Similarity
from simx.results.statistics.vector_math import cosine


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
