"""Exact nearest neighbours by the cosine, block by block, and what they say of each query."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simx.evaluation.vectors import Embeddings, Floats, Places

NEIGHBOURS = 10
"""Neighbours of each picture that other precisions should keep."""

DEPTHS = (1, 5, 10)
"""Of recall."""

DECIMALS = 12
"""To which cosines are compared: beyond them are rounding errors of float64."""

_BLOCK_BYTES = 2**26
"""Of the cosines of all threads at a time; some ten arrays of this size are alive at once."""


@dataclass(frozen=True, slots=True)
class Found:
    """The result of a search for each picture among all others.

    ``nearest`` [N, K] are the neighbours, nearest first. ``recalls`` [N, 3] are 1.0 where one of
    the first of ``DEPTHS`` is of the same class, and ``precision_at_r`` [N] is the average
    precision at R. ``relevant`` [N] is R, the number of other pictures in the class; the figures
    mean nothing where it is 0.
    """

    nearest: NDArray[np.int32]
    recalls: Floats
    precision_at_r: Floats
    relevant: Places


def search(
    embeddings: Embeddings,
    labels: Places | None,
    threads: int = 1,
    tick: Callable[[int], None] = lambda _: None,
) -> Found:
    """Search the neighbours of every picture.

    Of neighbours that are equally near, those of another class come first, so that an embedding
    that cannot tell pictures apart does not seem to find the right ones.

    Args:
        embeddings: Those of N pictures.
        labels: Their classes, [N]; None without classes.
        threads: How many blocks are searched at a time.
        tick: Called with the number of finished queries.
    """
    count = len(embeddings)
    classes = np.arange(count) if labels is None else np.unique(labels, return_inverse=True)[1]
    relevant = np.bincount(classes)[classes] - 1
    deep = min(count - 1, max(*DEPTHS, NEIGHBOURS, int(relevant.max())))
    found = Found(
        nearest=np.empty((count, min(NEIGHBOURS, count - 1)), np.int32),
        recalls=np.empty((count, len(DEPTHS))),
        precision_at_r=np.empty(count),
        relevant=relevant,
    )

    budget = _BLOCK_BYTES // (8 * threads)
    width = max(1, min(count, budget // max(embeddings.dim, deep)))
    step = max(1, min(count, budget // max(embeddings.dim, deep + width)))

    def search_block(block: slice) -> None:
        queries = embeddings.unit(block)
        own = np.arange(count)[block]
        values, places = np.empty((len(own), 0)), np.empty((len(own), 0), np.int64)
        for begin in range(0, count, width):
            part = np.arange(begin, min(begin + width, count))
            cosines = np.round(queries @ embeddings.unit(part).T, DECIMALS)
            cosines -= 0.1**DECIMALS / 10 * (classes[own, np.newaxis] == classes[part])
            cosines[own[:, np.newaxis] == part] = -np.inf
            values = np.concatenate([values, cosines], axis=1)
            places = np.concatenate([places, np.broadcast_to(part, cosines.shape)], axis=1)
            values, places = _largest(values, places, deep)
        found.nearest[block] = places[:, : found.nearest.shape[1]]
        hits = classes[own, np.newaxis] == classes[places]
        found.recalls[block] = np.stack([hits[:, :depth].any(axis=1) for depth in DEPTHS], axis=1)
        ranks, among = np.arange(1, hits.shape[1] + 1), relevant[block, np.newaxis]
        precisions = np.cumsum(hits, axis=1) / ranks * (hits & (ranks <= among))
        found.precision_at_r[block] = precisions.sum(axis=1) / np.maximum(relevant[block], 1)

    blocks = [slice(begin, min(count, begin + step)) for begin in range(0, count, step)]
    pool = ThreadPoolExecutor(threads)
    try:
        for block, _ in zip(blocks, pool.map(search_block, blocks), strict=True):
            tick(block.stop)
    finally:
        pool.shutdown(cancel_futures=True)
    return found


def kept(found: Found, reference: Found) -> Floats:
    """Return the share of each picture's reference neighbours that are still found, [N]."""
    both = found.nearest[:, :, np.newaxis] == reference.nearest[:, np.newaxis, :]
    shares: Floats = both.any(axis=1).mean(axis=1)
    return shares


def _largest(values: Floats, places: Places, count: int) -> tuple[Floats, Places]:
    """Return the largest values of each row with their places, the first of equals first."""
    if count < values.shape[1]:
        kept = np.sort(np.argpartition(values, -count, axis=1)[:, -count:], axis=1)
        values = np.take_along_axis(values, kept, axis=1)
        places = np.take_along_axis(places, kept, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    return np.take_along_axis(values, order, axis=1), np.take_along_axis(places, order, axis=1)
