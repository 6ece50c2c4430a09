"""What a graph is compared with: the headless network that it was made of."""

from collections.abc import Iterable
from dataclasses import dataclass

Shape = tuple[int, ...]
"""Of a tensor; of a weight in no order and without ones, as layouts differ between operators."""

STANDARD = frozenset({"", "ai.onnx"})
"""The domains of ONNX's own operators: two names of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What an exported graph has to be.

    Attributes:
        batch: The batch it was traced with, of which nothing may be left. To be told from other
            sizes by its value, it divides no size of the network.
        crop: Height and width of its input in pixels.
        dim: Components of its embedding.
        weights: Shapes of the headless network's parameters; the graph may hold fewer.
        data_file: What a file with its weights beside it is called, if there is one.
        domains: Those of the operators it may use.
    """

    batch: int
    crop: int
    dim: int
    weights: tuple[Shape, ...]
    data_file: str
    domains: frozenset[str] = STANDARD


def unordered(dims: Iterable[int]) -> Shape:
    """Return a weight's shape as it is compared: a matrix and its transposed are the same."""
    return tuple(sorted(dim for dim in dims if dim != 1))
