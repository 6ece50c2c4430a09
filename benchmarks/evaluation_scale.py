"""How long and with how much memory 100,000 embeddings are searched and judged.

The embeddings are generated: classes of ten around random centres, float32 with 1280 dimensions,
kept on disk as ``simx evaluate`` keeps them. With --pictures the same number of small pictures is
generated too, and ``simx evaluate`` runs on them from their files to its report::

    python -m benchmarks.evaluation_scale
    python -m benchmarks.evaluation_scale --pictures mobilenet_v3_small
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from simx.evaluation.figures import figures, truth_of
from simx.evaluation.truth import Pictures
from simx.evaluation.vectors import Embeddings

CLASS = 10
BATCH = 1000


def generated(folder: Path, count: int, dim: int) -> Embeddings:
    """Write generated embeddings, and return them memory-mapped."""
    path, draw = folder / "rows", np.random.default_rng(0)
    with path.open("wb") as file:
        for _ in range(0, count, BATCH):
            centres = np.repeat(draw.standard_normal((BATCH // CLASS, dim)), CLASS, axis=0)
            rows = centres + 2 * draw.standard_normal((BATCH, dim))
            file.write(rows.astype("<f4").tobytes())
    return Embeddings(np.memmap(path, "<f4", "r", shape=(count, dim)), np.arange(count))


def judge(folder: Path, count: int, dim: int, resamples: int) -> None:
    """Judge generated embeddings, and print time and memory."""
    embeddings = generated(folder, count, dim)
    labels = np.arange(count) // CLASS
    pictures = Pictures(
        kind="classes",
        files=tuple(Path(str(place)) for place in range(count)),
        labels=labels,
    )
    begun = time.monotonic()
    found = figures(embeddings, truth_of(pictures, "queries", resamples, 0), None, 2)
    seconds = time.monotonic() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"{count:,} embeddings of {dim}: {seconds:.0f} s, peak {peak / 1e9:.2f} GB")
    print(found.retrieval)
    print(found.separation.roc_auc)


def evaluate(folder: Path, count: int, backbone: str) -> None:
    """Generate pictures, run ``simx evaluate`` on them, and print its time and memory."""
    draw = np.random.default_rng(0)
    for place in range(count):
        if place % CLASS == 0:
            small = draw.integers(0, 256, (6, 6, 3), np.uint8)
            (folder / f"{place // CLASS:05}").mkdir()
        pixels = np.clip(small + draw.integers(-40, 41, small.shape), 0, 255).astype(np.uint8)
        path = folder / f"{place // CLASS:05}" / f"{place % CLASS}.jpg"
        Image.fromarray(pixels).resize((96, 96)).save(path)
    begun = time.monotonic()
    arguments = ["evaluate", str(folder), backbone, "--backend", "ort"]
    command = [sys.executable, "-m", "simx", *arguments]
    subprocess.run(command, check=True)
    seconds = time.monotonic() - begun
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    print(f"{count:,} pictures: {seconds:.0f} s, peak of the largest process {peak / 1e9:.2f} GB")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=1280)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--pictures", metavar="BACKBONE")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.pictures:
            evaluate(Path(folder), given.count, given.pictures)
        else:
            judge(Path(folder), given.count, given.dim, given.resamples)


if __name__ == "__main__":
    main()
