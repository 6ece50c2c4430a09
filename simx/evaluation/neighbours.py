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

_BLOCK_BYTES = 2**27
"""Of the cosines of all blocks at a time; a few arrays of this size are alive at once."""


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

    def search_block(block: slice) -> None:
        cosines = _cosines(embeddings, block)
        same = classes[block, np.newaxis] == classes
        np.round(cosines, DECIMALS, out=cosines)
        cosines -= 0.1**DECIMALS / 10 * same
        np.fill_diagonal(cosines[:, block], -np.inf)
        nearest = _largest(cosines, deep)
        found.nearest[block] = nearest[:, : found.nearest.shape[1]]
        hits = np.take_along_axis(same, nearest, axis=1)
        found.recalls[block] = np.stack([hits[:, :depth].any(axis=1) for depth in DEPTHS], axis=1)
        found.precision_at_r[block] = _average_precision(hits, relevant[block])

    step = max(1, _BLOCK_BYTES // (8 * count * threads))
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


def _cosines(embeddings: Embeddings, block: slice) -> Floats:
    """Return the cosines of a block of pictures with all, [B, N]."""
    queries, count = embeddings.unit(block), len(embeddings)
    found = np.empty((len(queries), count))
    step = max(1, _BLOCK_BYTES // (16 * embeddings.dim))
    for begin in range(0, count, step):
        part = slice(begin, begin + step)
        np.matmul(queries, embeddings.unit(part).T, out=found[:, part])
    return found


def _largest(values: Floats, count: int) -> NDArray[np.int64]:
    """Return the places of each row's largest values, the largest and the first of equals first."""
    if count < values.shape[1]:
        places = np.sort(np.argpartition(values, -count, axis=1)[:, -count:], axis=1)
        values = np.take_along_axis(values, places, axis=1)
    else:
        places = np.broadcast_to(np.arange(count), values.shape)
    order = np.argsort(-values, axis=1, kind="stable")
    return np.take_along_axis(places, order, axis=1)


def _average_precision(hits: NDArray[np.bool_], relevant: Places) -> Floats:
    """Return the average precision at R of each query, from the hits in the order of nearness."""
    ranks = np.arange(1, hits.shape[1] + 1)
    counted = hits & (ranks <= relevant[:, np.newaxis])
    precisions = np.cumsum(hits, axis=1) / ranks
    total: Floats = (precisions * counted).sum(axis=1)
    return total / np.maximum(relevant, 1)
