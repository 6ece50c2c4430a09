"""Pairs of pictures to look at, chosen by the cosines of the best cell, as small pictures.

They are what the network saw: decoded in a worker, changed and cropped. They have no metadata.
"""

import io
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from simx.evaluation.decoding import Decoders
from simx.evaluation.embedding import EmbeddedCell, Result
from simx.evaluation.relations import Truth
from simx.evaluation.vectors import Floats, Places
from simx.models.backbone import Preset
from simx.results.schema.evaluation import EvaluatedCell, FailedEvaluation
from simx.results.schema.report import Failure
from simx.results.summaries.evaluated import PairKind, PicturedPair, best_cell
from simx.runner.measure.picture_messages import Item, ReadCrop

MOST_PAIRS = 6
"""Of each kind."""

SIDE = 112
"""Largest width and height of a picture, in pixels."""


def pictured_pairs(
    cells: Sequence[Result],
    judged: Sequence[EvaluatedCell | FailedEvaluation],
    items: Sequence[Item],
    truth: Truth,
    decoders: Decoders,
) -> tuple[PicturedPair, ...]:
    """Return some pairs of each kind, without those of which a picture cannot be read any more.

    Args:
        cells: What was embedded.
        judged: Their records; the best one's cosines and threshold choose the pairs.
        items: The N embedded pictures that count.
        truth: Their relations.
        decoders: Read the pictures again.
    """
    best = best_cell(judged)
    cell = cells[judged.index(best)] if best else None
    if best is None or not isinstance(cell, EmbeddedCell):
        return ()
    pairs, keys = truth.pairs, [item.key for item in items]
    cosines = cell.vectors.embeddings(keys).cosines(pairs.left, pairs.right)
    differ = np.array(keys)[pairs.left] != np.array(keys)[pairs.right]
    chosen = chosen_pairs(cosines, pairs.same, differ, best.separation.threshold)
    places = np.concatenate([*chosen.values()])
    wanted = np.unique([pairs.left[places], pairs.right[places]])
    small = small_pictures(decoders, [items[each] for each in wanted], cell.plan.backbone.preset)
    of = dict(zip(wanted.tolist(), small, strict=True))
    return tuple(
        PicturedPair(
            kind=kind,
            cosine=float(cosines[place]),
            same=bool(pairs.same[place]),
            left=left,
            right=right,
        )
        for kind, found in chosen.items()
        for place in found
        if (left := of[int(pairs.left[place])]) and (right := of[int(pairs.right[place])])
    )


def chosen_pairs(
    cosines: Floats, same: NDArray[np.bool_], differ: NDArray[np.bool_], threshold: float
) -> Mapping[PairKind, Places]:
    """Return the places of a few pairs of each kind, the most telling first.

    Args:
        cosines: Of P pairs.
        same: Whether each belongs together, [P].
        differ: Whether the two pictures of each have other contents, [P].
        threshold: From which cosine on a pair counts as belonging together.
    """
    above = cosines >= threshold
    kinds: dict[PairKind, tuple[NDArray[np.bool_], Floats]] = {
        "false positive": (above & ~same, -cosines),
        "false negative": (~above & same, cosines),
        "borderline": (differ, np.abs(cosines - threshold)),
        "best": (above & same & differ, -cosines),
    }
    found: dict[PairKind, Places] = {}
    for kind, (belongs, order) in kinds.items():
        places = np.flatnonzero(belongs)
        found[kind] = places[np.argsort(order[places], kind="stable")[:MOST_PAIRS]]
    return found


def small_pictures(decoders: Decoders, items: Sequence[Item], preset: Preset) -> list[bytes | None]:
    """Return pictures as JPEG, None for one that cannot be read."""
    found: list[bytes | None] = []
    for answer in decoders.read((ReadCrop(item, preset) for item in items), decoders.count):
        data = io.BytesIO()
        if not isinstance(answer, Failure):
            image = Image.frombytes("RGB", (preset.crop, preset.crop), answer.crop)
            image.thumbnail((SIDE, SIDE))
            image.save(data, "JPEG", quality=80)
        found.append(data.getvalue() or None)
    return found
