"""What ``simx evaluate`` finds on scikit-image's pictures, beside an independent computation.

Each picture that comes with scikit-image is cut into four classes, with seeded views of each. The
views show other places, angles, tones, colours and grain, so that none of these alone gives the
class away. They are judged by embeddings of trained and of random weights. The figures are computed
once more from the kept embeddings, in plain loops and by scikit-learn, and have to be equal to
1e-9::

    pip install scikit-image scikit-learn
    python -m benchmarks.labelled_pictures [--folder DIR] [--changes N]
"""

import argparse
import hashlib
import tempfile
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageOps
from scipy.optimize import brentq
from sklearn.metrics import roc_auc_score, roc_curve
from sklearn.metrics.pairwise import cosine_similarity

import simx
from benchmarks.quantisation import scikit_image
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

AGAIN = ("chessboard_GRAY", "chessboard_RGB", "motorcycle_right")
"""Pictures that look the same in all their parts, or like another picture."""

COPIES = 7
PARTS = 2
SIDE = 160
LEAST_SIDE = 200
TOLERANCE = 1e-9

Figures = dict[str, float]


def main() -> None:
    """Make the folder, judge, and print both sets of figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--changes", type=int, default=len(CHANGES), help="make the first N only")
    arguments = parser.parse_args()
    pictures = sorted(scikit_image().glob("*.[jp][pn]g"))
    files = [
        file for file in pictures if file.stem not in AGAIN and min(decode(file).size) >= LEAST_SIDE
    ]
    with tempfile.TemporaryDirectory() as temporary:
        place = arguments.folder or Path(temporary)
        made = labelled(files, place / "pictures", CHANGES[: arguments.changes])
        differences(made, place, NETWORKS)


def from_elsewhere(image: Image.Image, chance: np.random.Generator) -> Image.Image:
    """Return a square in the picture, turned by any angle, perhaps mirrored, in perspective.

    It is 40 to 80 % as wide as the picture's short side, or as large as fits when turned, and each
    of its corners moves inwards by up to 20 %. Layout alone does not give the class away.
    """
    angle = chance.uniform(0, 2 * np.pi)
    cosine, sine = np.cos(angle), np.sin(angle)
    turned = abs(cosine) + abs(sine)
    side = min(chance.uniform(0.4, 0.8), 1 / turned) * min(image.size)
    margin = side * turned / 2
    centre = [chance.uniform(margin, max(margin, length - margin)) for length in image.size]
    corners = np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]]) * side / 2
    corners *= chance.uniform(0.8, 1, size=corners.shape)
    corners = corners @ [[cosine, sine], [-sine, cosine]] + centre
    mirrored = corners[:: chance.choice([-1, 1])]
    quad, bicubic = Image.Transform.QUAD, Image.Resampling.BICUBIC
    return image.transform((SIDE, SIDE), quad, mirrored.ravel().tolist(), bicubic)


def equal_tones(image: Image.Image, _: np.random.Generator) -> Image.Image:
    """Return the picture in grey, each tone as frequent as any other: no histogram is left."""
    return ImageOps.equalize(image.convert("L")).convert("RGB")


def drawn_colours(image: Image.Image, chance: np.random.Generator) -> Image.Image:
    """Return the picture between two colours that are drawn, so that it may be a negative.

    Mean colour and contrast then differ more within a class than between classes.
    """
    ends = chance.integers(0, 256, (2, 3)).tolist()
    return ImageOps.colorize(image.convert("L"), *ends)


def other_grain(image: Image.Image, chance: np.random.Generator) -> Image.Image:
    """Return the picture blurred by up to 2.5 pixels, with noise of up to 25 levels."""
    blurred = np.asarray(image.filter(ImageFilter.GaussianBlur(chance.uniform(0, 2.5))))
    noise = chance.normal(0, chance.uniform(0, 25), (*blurred.shape[:2], 1))
    return Image.fromarray(np.clip(blurred + noise, 0, 255).astype(np.uint8))


Change = Callable[[Image.Image, np.random.Generator], Image.Image]
CHANGES: tuple[Change, ...] = (from_elsewhere, equal_tones, drawn_colours, other_grain)


def labelled(files: Sequence[Path], folder: Path, changes: Sequence[Change]) -> Path:
    """Make a sub-folder for each part of each picture, with changed views of it.

    The views are PNGs of ``SIDE`` by ``SIDE`` pixels.
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
                seed = hashlib.sha256(f"{place.name}/{copy}".encode()).digest()
                chance = np.random.default_rng(int.from_bytes(seed))
                view = part
                for change in changes:
                    view = change(view, chance)
                view.resize((SIDE, SIDE)).save(place / f"{copy}.png")
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
    kept = [rows_of(path) for path in (folder / "cache").glob("*/embeddings")]
    every = [independent(np.stack([rows[each] for each in hashes]), labels) for rows in kept]
    print(f"{len(files)} pictures in {len(names)} classes")
    for cell in found.cells:
        if not isinstance(cell, EvaluatedCell) or cell.retrieval is None:
            raise ValueError(cell)
        its = figures_of(cell.retrieval, cell.separation)
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
