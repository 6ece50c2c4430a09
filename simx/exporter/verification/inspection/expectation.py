"""What a graph is compared with: the headless network that it was made of."""

from collections.abc import Iterable
from dataclasses import dataclass

Shape = tuple[int, ...]
"""Of a tensor; of a weight in no order and without ones, as layouts differ between operators."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What an exported graph has to be.

    Attributes:
        crop: Height and width of its input in pixels.
        dim: Components of its embedding.
        batch: The batch it was traced with, of which nothing may be left. Known by its value:
            it divides no size of the network. None for a graph that was
            converted from an inspected one to another precision.
        weights: Shapes of the headless network's parameters; the graph may hold fewer. Not looked
            at in a converted graph.
    """

    crop: int
    dim: int
    batch: int | None = None
    weights: tuple[Shape, ...] = ()


def unordered(dims: Iterable[int]) -> Shape:
    """Return a weight's shape as it is compared: a matrix and its transposed are the same."""
    return tuple(sorted(dim for dim in dims if dim != 1))
