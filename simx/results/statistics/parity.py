"""Agreement of embeddings with torch's reference, and its bounds."""

import math
from collections.abc import Iterable, Mapping

import msgspec
import numpy as np
import numpy.typing as npt

from simx.models.backbone import Precision
from simx.results.schema.report import Parity
from simx.results.statistics.vector_math import cosine, relative_l2


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

FP16 = Bounds(relative_l2=2e-2, cosine=0.9998)
"""Numbers of 11 bits are off by up to 2^-11, which is 3e-4 at random, and a layer rounds its
weights, its input and its output: 5e-4. A hundred layers in a row add up to ten times that; four
times as much is left for sums that are themselves rounded, and for networks that amplify an error.
The cosine is 1 - error²/2. Two vectors that are off by so much change the cosine between them by
less than 0.04 percentage points, however near or far they are."""

INT8 = Bounds(relative_l2=0.25, cosine=0.97)
"""An activation has 255 steps for a range of some eight standard deviations, and is off by 1 % of
one; a weight has 127 for the largest of its channel, some four standard deviations to each side,
and is off by 2 %. Together that is 2 to 2.5 % a layer at random, and a quarter after a hundred
layers in a row. The cosine is 1 - error²/2: it turns a vector by up to 14 degrees, in a direction
of its own, so that the cosine between two pictures shrinks by up to a sixteenth: 80 % becomes 75 %.
A vector that is turned further does not distinguish similar pictures from others."""

REPEATED = Bounds(relative_l2=1e-2, cosine=0.9999)
"""Between two answers of the same network of reduced precision to the same picture. A device may
sum in another order, which now and then puts a number on the other side of a step."""

_OF_PRECISION: Mapping[Precision, Bounds] = {"fp32": FP32, "fp16": FP16, "int8": INT8}

Vector = npt.NDArray[np.float32]


def bounds_of(precision: Precision) -> Bounds:
    """Return how far an embedding in a precision may be from torch's in fp32."""
    return _OF_PRECISION[precision]


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
    """Describe how parity misses the bounds; None if it is within them."""
    if parity.cosine >= bounds.cosine and parity.relative_l2 <= bounds.relative_l2:
        return None
    short = f"{bounds.relative_l2:.0e}"
    exact = short if float(short) == bounds.relative_l2 else f"{bounds.relative_l2:g}"
    return (
        f"the embedding differs from torch's: cosine {parity.cosine:.7f} "
        f"(at least {bounds.cosine}), relative L2 error {parity.relative_l2:.2e} "
        f"(at most {exact})"
    )


def _figures(embedding: Vector, reference: Vector) -> Parity:
    if embedding.shape != reference.shape:
        return Parity(cosine=-1.0, relative_l2=math.inf)
    similarity, error = cosine(embedding, reference), relative_l2(embedding, reference)
    return Parity(
        cosine=-1.0 if similarity is None else similarity,
        relative_l2=error if error is not None and math.isfinite(error) else math.inf,
    )
