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
"""Orders of sums differ by 1e-6 in these networks; a wrong pooling, padding or constant by far more
than 1e-4."""

TF32 = Bounds(relative_l2=1e-2, cosine=0.9999)
"""A product is off by 3e-4 (factors of 10 bits), and a hundred layers by ten times that."""

FP16 = Bounds(relative_l2=2e-2, cosine=0.9998)
"""A layer is off by 5e-4 (numbers of 11 bits), and a hundred layers by ten times that; four times
that is left for rounded sums and for networks that amplify an error. The cosine is 1 - error²/2.
The cosine between two pictures changes by less than 0.04 percentage points."""

INT8 = Bounds(relative_l2=0.25, cosine=0.97)
"""A layer is off by 2 to 2.5 %: activations have 255 steps for some eight standard deviations, and
weights 127 for some four to each side. A hundred layers are off by a quarter. The cosine is
1 - error²/2: vectors turn by up to 14 degrees, and a similarity of 80 % shrinks to 75 %. With a
larger angle an embedding does not distinguish similar pictures from others."""

REPEATED = Bounds(relative_l2=1e-2, cosine=0.9999)
"""Between two answers of a network of reduced precision to one picture: another order of sums may
move a number to the next step."""

DIFFERS = "the embedding differs from"
"""How the description of a disagreement begins."""

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


def disagreement(parity: Parity, bounds: Bounds = FP32, right: str = "torch's") -> str | None:
    """Describe how parity with the ``right`` embedding misses the bounds; None if it is within."""
    if parity.cosine >= bounds.cosine and parity.relative_l2 <= bounds.relative_l2:
        return None
    short = f"{bounds.relative_l2:.0e}"
    exact = short if float(short) == bounds.relative_l2 else f"{bounds.relative_l2:g}"
    return (
        f"{DIFFERS} {right}: cosine {parity.cosine:.7f} "
        f"(at least {bounds.cosine}), relative L2 error {parity.relative_l2:.2e} "
        f"(at most {exact})"
    )


def amplified_rounding(own_error: float, bounds: Bounds) -> str | None:
    """Describe a disagreement that torch has with itself; None if that does not explain it.

    Two programs with this error differ by up to twice as much from each other.

    Args:
        own_error: relative L2 error of torch's float32 embedding against its float64 one.
        bounds: those that were missed.
    """
    if own_error <= bounds.relative_l2 / 2:
        return None
    return (
        f"torch disagrees with itself: its float32 and float64 embeddings differ by a relative L2 "
        f"error of {own_error:.2e}, because these weights amplify rounding on these pictures; "
        "no other backend can agree with it; use other weights or pictures"
    )


def _figures(embedding: Vector, reference: Vector) -> Parity:
    if embedding.shape != reference.shape:
        return Parity(cosine=-1.0, relative_l2=math.inf)
    similarity, error = cosine(embedding, reference), relative_l2(embedding, reference)
    return Parity(
        cosine=-1.0 if similarity is None else similarity,
        relative_l2=error if error is not None and math.isfinite(error) else math.inf,
    )
