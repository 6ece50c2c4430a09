"""What ``simx evaluate`` finds on scikit-image's pictures, beside an independent computation.

Each picture that comes with scikit-image is cut into four classes, with seeded changes of it, and
judged by embeddings of trained and of random weights. The figures are computed once more from the
kept embeddings, in plain loops and by scikit-learn, and have to be equal to 1e-9::

    pip install scikit-image scikit-learn
    python -m benchmarks.labelled_pictures [--folder DIR]
"""

import argparse
import tempfile
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from sklearn.metrics import roc_auc_score, roc_curve
from sklearn.metrics.pairwise import cosine_similarity

import simx
from benchmarks.quantisation import scikit_image
from simx.images.changes import CHANGES, changed
from simx.images.decoding import decode
from simx.images.pictures import fingerprint
from simx.results.schema.evaluation import EvaluatedCell, Evaluation, Retrieval, Separation

WEIGHTS = Path(__file__).resolve().parent.parent / "tests" / "data"

NETWORKS = (
    f"squeezenet1_1={WEIGHTS / 'squeezenet1_1.safetensors'}",
    f"mobilenet_v2:IMAGENET1K_V1={WEIGHTS / 'mobilenet_v2_headless.safetensors'}",
    "squeezenet1_1=random",
    "mobilenet_v2:IMAGENET1K_V1=random",
)

COPIES = 6
PARTS = 2
SIDE = 160
LEAST_SIDE = 200
TOLERANCE = 1e-9

Figures = dict[str, float]


def main() -> None:
    """Make the folder, judge, and print both sets of figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path)
    folder = parser.parse_args().folder
    pictures = sorted(scikit_image().glob("*.[jp][pn]g"))
    files = [file for file in pictures if min(decode(file).size) >= LEAST_SIDE]
    with tempfile.TemporaryDirectory() as temporary:
        place = folder or Path(temporary)
        made = labelled(files, place / "pictures")
        differences(made, place, NETWORKS)


def labelled(files: Sequence[Path], folder: Path, seed: int = 1) -> Path:
    """Make a sub-folder for each part of each picture, with changes of changes of it.

    The pictures are PNGs of at most ``SIDE`` pixels.
    """
    for file in files:
        image = decode(file)
        width, height = image.width // PARTS, image.height // PARTS
        for number in range(PARTS**2):
            left, top = number % PARTS * width, number // PARTS * height
            part = image.crop((left, top, left + width, top + height))
            place = folder / f"{file.stem} {number}"
            place.mkdir(parents=True, exist_ok=True)
            for copy in range(COPIES):
                picture = part
                for change in (CHANGES[copy], CHANGES[(copy + 3) % len(CHANGES)]):
                    picture = changed(picture, change, seed + copy, place.name)
                picture.thumbnail((SIDE, SIDE))
                picture.save(place / f"{copy}.png")
    return folder


def differences(pictures: Path, folder: Path, networks: Sequence[str]) -> Evaluation:
    """Judge networks on a labelled folder, and print their figures.

    Raises:
        ValueError: A figure differs from the independent one by more than ``TOLERANCE``.
    """
    found = simx.evaluate(
        pictures,
        weights=networks,
        backends="ort",
        report=folder / "evaluation.json",
        store=folder / "store",
        cache=folder / "cache",
        force=True,
    )
    files = sorted(pictures.glob("*/*.png"))
    names = sorted({file.parent.name for file in files})
    labels = np.array([names.index(file.parent.name) for file in files])
    hashes = [fingerprint(file)[0] for file in files]
    kept = [rows_of(path) for path in sorted((folder / "cache").glob("*/embeddings"))]
    print(f"{len(files)} pictures in {len(names)} classes")
    for cell in found.cells:
        if not isinstance(cell, EvaluatedCell) or cell.retrieval is None:
            raise ValueError(cell)
        its = figures_of(cell.retrieval, cell.separation)
        every = [independent(np.stack([rows[each] for each in hashes]), labels) for rows in kept]
        largest = min(max(abs(its[name] - value) for name, value in each.items()) for each in every)
        name = f"{cell.identity.model} {cell.weights_file or cell.weights_origin}"
        print(name, *(f"{each} {value:.4f}" for each, value in its.items()), sep=", ")
        print(f"  largest difference {largest:.1e}, behind {cell.behind}")
        if largest > TOLERANCE:
            raise ValueError(f"{name}: a figure differs by {largest:.1e}")
    return found


def figures_of(its: Retrieval, apart: Separation) -> Figures:
    """Return a cell's figures by their names."""
    return {
        "Recall@1": its.recall_at_1.value,
        "Recall@5": its.recall_at_5.value,
        "Recall@10": its.recall_at_10.value,
        "mAP@R": its.map_at_r.value,
        "ROC AUC": apart.roc_auc.value,
        "EER": apart.equal_error_rate.value,
        "accuracy": apart.accuracy.value,
        "margin": apart.margin.value,
    }


def rows_of(path: Path) -> dict[str, NDArray[np.float32]]:
    """Return kept embeddings by the hashes of their pictures."""
    size = 1280 if path.stat().st_size % (68 + 4 * 1280) == 0 else 512
    record = np.dtype([("picture", "S64"), ("checksum", "<u4"), ("row", "<f4", (size,))])
    return {each["picture"].decode(): each["row"] for each in np.fromfile(path, record)}


def independent(rows: NDArray[np.float32], labels: NDArray[np.int64]) -> Figures:
    """Return the figures of embeddings [N, D] of classes [N]: one query after the other.

    Equal in twelve decimals is equal, and then pictures of other classes come first.
    """
    cosines = np.round(cosine_similarity(rows.astype(np.float64)), 12)
    found: dict[str, list[float]] = {}
    for query, label in enumerate(labels):
        order = np.lexsort((labels == label, -cosines[query]))
        hits = (labels[order] == label)[order != query]
        relevant = int(hits.sum())
        for depth in (1, 5, 10):
            found.setdefault(f"Recall@{depth}", []).append(float(hits[:depth].any()))
        precisions = [hits[: rank + 1].mean() * hits[rank] for rank in range(relevant)]
        found.setdefault("mAP@R", []).append(sum(precisions) / relevant)
    pairs = np.array(list(combinations(range(len(labels)), 2)))
    same = labels[pairs[:, 0]] == labels[pairs[:, 1]]
    values = cosines[pairs[:, 0], pairs[:, 1]]
    wrong, right, _ = roc_curve(same, values, drop_intermediate=False)
    return {
        **{name: float(np.mean(each)) for name, each in found.items()},
        "ROC AUC": float(roc_auc_score(same, values)),
        "EER": brentq(lambda at: 1 - at - np.interp(at, wrong, right), 0.0, 1.0, xtol=1e-14),
        "accuracy": float((right + 1 - wrong).max() / 2),
        "margin": float(values[same].mean() - values[~same].mean()),
    }


if __name__ == "__main__":
    main()
