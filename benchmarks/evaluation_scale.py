"""How long and with how much memory ``simx evaluate`` judges 100,000 generated pictures.

The pictures are small JPEGs, in classes of ten, and the network gives embeddings of 1280 numbers.
The command is killed once a third of them is embedded, and given again. What is in the folder is
used: give the script again after an interrupt, and it goes on::

    python -m benchmarks.evaluation_scale [--count 100000] [--folder DIR] [--backbone mnasnet0_5]
"""

import argparse
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.export_speed import tree_bytes
from simx.results.files.evaluation import read_evaluation
from simx.results.schema.evaluation import EvaluatedCell

CLASS = 10
SAMPLE_SECONDS = 2.0
LINES_EVERY = 30
"""Samples of the memory between two lines of progress."""


def main() -> None:
    """Generate pictures, have them evaluated twice, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    place = Path(tempfile.gettempdir()) / "simx-evaluation-scale"
    parser.add_argument("--folder", type=Path, default=place)
    parser.add_argument("--backbone", default="mnasnet0_5")
    given = parser.parse_args()
    pictures, cache = given.folder / "pictures", given.folder / "cache"
    generate(pictures, given.count)
    report = given.folder / "evaluation.json"
    command = [
        *(sys.executable, "-m", "simx", "evaluate", str(pictures), given.backbone),
        *("--weights", "random", "--backend", "ort", "--cache", str(cache)),
        *("--store", str(given.folder / "store"), "-o", str(report), "--force"),
    ]
    if kept(cache) < given.count // 3:
        print("killed:", run(command, cache, until=given.count // 3), flush=True)
    print("run again:", run(command, cache), flush=True)
    found = read_evaluation(report)
    for cell in found.cells:
        if isinstance(cell, EvaluatedCell):
            print(cell.throughput, cell.retrieval, cell.separation.roc_auc, sep="\n")


def generate(folder: Path, count: int) -> None:
    """Write pictures of 96 pixels, of which those of a class differ by noise."""
    for number in range(count // CLASS):
        place, draw = folder / f"{number:06}", np.random.default_rng(number)
        if place.is_dir():
            continue
        small = draw.integers(0, 256, (6, 6, 3))
        unfinished = place.with_name(f".{number}")
        unfinished.mkdir(parents=True, exist_ok=True)
        for picture in range(CLASS):
            pixels = np.clip(small + draw.integers(-40, 41, small.shape), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).resize((96, 96)).save(unfinished / f"{picture}.jpg")
        unfinished.rename(place)
    print(f"{count:,} pictures in {folder}", flush=True)


def kept(cache: Path) -> int:
    """Return how many embeddings are on the disk: each with 1280 numbers, a hash and a checksum."""
    return sum(path.stat().st_size for path in cache.glob("*/embeddings")) // (1280 * 4 + 68)


def run(command: list[str], cache: Path, until: int | None = None) -> str:
    """Run a command, kill it once so many embeddings are kept, and return what it needed."""
    begun, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(command, start_new_session=True)
    peak = samples = 0
    while process.poll() is None:
        peak, samples = max(peak, tree_bytes(process.pid)), samples + 1
        if samples % LINES_EVERY == 0:
            seconds = time.monotonic() - begun
            print(f"{seconds:.0f} s, {kept(cache):,} kept, {peak / 1e9:.2f} GB", flush=True)
        if until is not None and kept(cache) >= until:
            os.killpg(process.pid, signal.SIGKILL)
        time.sleep(SAMPLE_SECONDS)
    seconds, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if until is None and process.returncode:
        sys.exit(f"{command[1:4]} ended with exit code {process.returncode}")
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    memory = f"{seconds:.0f} s, {peak / 1e9:.2f} GB at the peak"
    # A killed process has not waited for its workers, so their time is not known.
    return memory if until is not None else f"{memory}, {used:.0f} s of processor time"


if __name__ == "__main__":
    main()
