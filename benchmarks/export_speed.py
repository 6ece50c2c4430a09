"""How long twelve exports take: simx's, verified and stored, against a plain loop of torch's.

Prints both times, their ratio, and the most memory that either had in all its processes together.
The plain loop does what a first script would: one process, torchvision's network with its head
replaced by an identity, torch's exporter with a dynamic batch; nothing is verified. simx begins
with an empty store.

With ``--all`` both export all architectures, and simx once more with the store full: that takes
more than an hour on two cores and 40 GB of a disk. With ``--every-set`` the loop exports all
architectures, and simx all their sets of weights, for which a disk needs 70 GB.

With ``--sets`` it is ten architectures, by simx alone, each with its default weights and then with
two sets of weights: what the second ones add.

    python benchmarks/export_speed.py [--all | --sets | --every-set | MODEL...]
"""

import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from simx.models.catalogue import of_torchvision

ONE_OF_EACH_LARGE_FAMILY = Path(__file__).with_name("families.txt").read_text().split()

WITH_TWO_SETS = (
    *("efficientnet_b1", "mobilenet_v2", "mobilenet_v3_large", "regnet_x_400mf", "regnet_x_800mf"),
    *("regnet_y_400mf", "regnet_y_800mf", "regnet_y_1_6gf", "resnet50", "resnext50_32x4d"),
)
"""Of the smaller architectures: two sets of weights for pictures of one size."""

PLAIN_LOOP = """
import contextlib
import sys
import torch
from torch import nn
from torchvision.models import get_model

folder, *names = sys.argv[1:]
for name in names:
    model = get_model(name, weights=None).eval()
    head = next(each for each in ("classifier", "fc", "head", "heads") if hasattr(model, each))
    setattr(model, head, nn.Identity())
    with contextlib.suppress(torch.onnx.OnnxExporterError):  # its file is missing
        torch.onnx.export(
            model,
            (torch.randn(2, 3, 224, 224),),
            f"{folder}/{name}.onnx",
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            verbose=False,
        )
"""

_SAMPLE_SECONDS = 0.5
"""Looking at the memory of a tree of processes takes some 20 ms of a core."""


def compare(names: Sequence[str], of_simx: Sequence[str], stores: Sequence[str]) -> None:
    """Run both, one after the other, and print the figures.

    Args:
        names: the architectures that the plain loop exports.
        of_simx: what simx exports.
        stores: the states of its store, "empty" and then perhaps "full".
    """
    with tempfile.TemporaryDirectory() as folder:
        plain, peak = timed([sys.executable, "-c", PLAIN_LOOP, folder, *names])
        files = {path.stem for path in Path(folder).glob("*.onnx")}
    print(f"plain loop: {plain:.1f} s for {len(files)} files, {peak / 2**30:.2f} GiB at the peak")
    if failed := [name for name in names if name not in files]:
        print(f"it failed for {', '.join(failed)}")
    with tempfile.TemporaryDirectory() as folder:
        for store in stores:
            ours, peak = timed(simx_export(of_simx, folder))
            entries = len(list(Path(folder).glob("exports/*/*/*/manifest.json")))
            print(
                f"simx, {store} store: {ours:.1f} s for {entries} verified, "
                f"{peak / 2**30:.2f} GiB at the peak; {ours / plain:.3f} of the plain loop's time",
                flush=True,
            )


def two_sets() -> None:
    """Export the default weights of ten architectures, then both sets, and print both."""
    used = 0.0
    for count, weights in ((10, ("v2",)), (20, ("v2", "v1"))):
        names = [f"{model}:{each}" for model in WITH_TWO_SETS for each in weights]
        with tempfile.TemporaryDirectory() as folder:
            seconds, peak = timed(simx_export(names, folder))
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        before, used = used, children.ru_utime + children.ru_stime
        print(
            f"{count} exports: {seconds:.1f} s, {used - before:.1f} s of processor time, "
            f"{peak / 2**30:.2f} GiB at the peak",
            flush=True,
        )


def simx_export(names: Sequence[str], store: str) -> list[str]:
    """Return simx's command that exports networks with random weights into a store."""
    return [
        *(sys.executable, "-m", "simx", "export", *names),
        *("--weights", "random", "--store", store),
    ]


def timed(command: Sequence[str]) -> tuple[float, int]:
    """Run a command and return its seconds, and the most memory of its whole tree in bytes."""
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak, over = [0], threading.Event()

    def watch() -> None:
        while not over.wait(_SAMPLE_SECONDS):
            peak[0] = max(peak[0], tree_bytes(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    seconds = time.monotonic() - begun
    over.set()
    watcher.join()
    if code:
        sys.exit(f"{command[1:4]} ended with exit code {code}")
    return seconds, peak[0]


def tree_bytes(pid: int) -> int:
    """Return the proportional memory of a process and all its descendants; shared pages once."""
    total = 0
    try:
        root = psutil.Process(pid)
        for each in (root, *root.children(recursive=True)):
            try:
                total += each.memory_full_info().pss
            except psutil.Error:
                continue
    except psutil.NoSuchProcess:
        return total
    return total


if __name__ == "__main__":
    backbones = of_torchvision()
    architectures = [each.name for each in backbones if each.default]
    if sys.argv[1:] == ["--all"]:
        compare(architectures, ["--all"], ("empty", "full"))
    elif sys.argv[1:] == ["--every-set"]:
        every = [f"{each.model}:{each.weights}" for each in backbones]
        compare(architectures, every, ("empty",))
    elif sys.argv[1:] == ["--sets"]:
        two_sets()
    else:
        names = sys.argv[1:] or ONE_OF_EACH_LARGE_FAMILY
        compare(names, names, ("empty",))
