"""Corrections for looking at many comparisons at once. Pure functions of p-values."""

from collections.abc import Sequence
from itertools import accumulate


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted so that a single false alarm among all of them is as rare as one.

    Each is to be compared with the level for the whole family. Holds however the comparisons
    depend on each other (S. Holm, "A simple sequentially rejective multiple test procedure",
    Scandinavian Journal of Statistics 6, 1979).
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    steps = [(len(order) - place) * p_values[index] for place, index in enumerate(order)]
    return _put_back(order, [min(1.0, step) for step in accumulate(steps, max)])


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted so that of those below a level at most that share is false.

    Y. Benjamini and Y. Hochberg, "Controlling the false discovery rate", Journal of the Royal
    Statistical Society B 57 (1995).
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__, reverse=True)
    count = len(order)
    steps = [count / (count - place) * p_values[index] for place, index in enumerate(order)]
    return _put_back(order, [min(1.0, step) for step in accumulate(steps, min)])


def _put_back(order: Sequence[int], adjusted: Sequence[float]) -> list[float]:
    """Return what stands in the order of the p-values' size in the order they were given in."""
    found = dict(zip(order, adjusted, strict=True))
    return [found[index] for index in range(len(order))]
