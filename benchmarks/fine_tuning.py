"""A ResNet that is trained here for a minute, saved in three ways, and judged by ``simx evaluate``.

The pictures are generated: stripes in six directions, of any colours, widths and places, so that
what tells the classes apart has to be learned. The network is saved as DataParallel, Lightning and
torchvision's training script save it, and judged on pictures that the training did not see, beside
random weights::

    python -m benchmarks.fine_tuning [--steps 100]
"""

import argparse
import math
import tempfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn
from torchvision.models import resnet18

import simx
from simx.results.schema.evaluation import Estimate, EvaluatedCell

CLASSES = 6
SIDE = 64
BATCH = 24
HELD_OUT = 20
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def main() -> None:
    """Train, save, judge, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=100)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        for cell in judged(Path(temporary), given.steps):
            found, area = cell.retrieval, cell.separation.roc_auc
            if found is None:
                continue
            name = cell.weights_file or cell.weights_origin
            print(f"{name}: mAP@R {shown(found.map_at_r)}, ROC AUC {shown(area)}")


def judged(folder: Path, steps: int) -> list[EvaluatedCell]:
    """Train, save three files, and return their cells and that of random weights."""
    files = saved(folder, *trained(steps))
    pictures = folder / "pictures"
    draw = np.random.default_rng(1)
    for label in range(CLASSES):
        (pictures / str(label)).mkdir(parents=True)
        for number in range(HELD_OUT):
            picture = Image.fromarray(striped(label, draw, 224))
            picture.save(pictures / str(label) / f"{number}.png")
    found = simx.evaluate(
        pictures,
        "resnet18",
        weights=[*files, "random"],
        backends="ort",
        report=folder / "evaluation.json",
        store=folder / "store",
        cache=folder / "cache",
    )
    return [cell for cell in found.cells if isinstance(cell, EvaluatedCell)]


def striped(label: int, draw: np.random.Generator, side: int) -> NDArray[np.uint8]:
    """Return stripes in the direction of a class, [side, side, 3]."""
    angle = math.pi * (label + draw.uniform(-0.25, 0.25)) / CLASSES
    across = np.arange(side) * math.cos(angle) + np.arange(side)[:, np.newaxis] * math.sin(angle)
    waves = np.sin(across * draw.uniform(0.25, 0.7) + draw.uniform(0, 6.3))[..., np.newaxis]
    first, second = draw.uniform(0, 255, (2, 3))
    noisy = first + (second - first) * (waves + 1) / 2 + draw.normal(0, 12, (side, side, 3))
    pixels: NDArray[np.uint8] = np.clip(noisy, 0, 255).astype(np.uint8)
    return pixels


def trained(steps: int) -> tuple[nn.Module, torch.optim.Optimizer]:
    """Train from random weights for so many batches."""
    torch.manual_seed(0)
    torch.set_num_threads(1)  # so that sums have one order
    model, draw = resnet18(num_classes=CLASSES), np.random.default_rng(0)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    mean, deviation = (torch.tensor(each).view(3, 1, 1) for each in (MEAN, DEVIATION))
    for _ in range(steps):
        labels = draw.integers(CLASSES, size=BATCH)
        pictures = np.stack([striped(int(label), draw, SIDE) for label in labels])
        images = torch.from_numpy(pictures).permute(0, 3, 1, 2) / 255
        images = (images - mean) / deviation
        loss = nn.functional.cross_entropy(model(images), torch.from_numpy(labels))
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    print(f"loss of the last batch: {loss.item():.3f}", flush=True)
    return model, optimizer


def saved(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> list[str]:
    """Save a network as three frameworks do, and return the files."""
    state = model.state_dict()
    forms: dict[str, object] = {
        "parallel.pth": nn.DataParallel(model).state_dict(),
        "lightning.ckpt": {
            "epoch": 0,
            "global_step": 1,
            "pytorch-lightning_version": "2.5.0",
            "state_dict": {f"model.{name}": each for name, each in state.items()},
            "optimizer_states": [optimizer.state_dict()],
            "lr_schedulers": [],
            "hyper_parameters": {"lr": 1e-3},
        },
        "torchvision.pth": {
            "model": state,
            "optimizer": optimizer.state_dict(),
            "epoch": 0,
            "args": argparse.Namespace(model="resnet18", lr=1e-3, output_dir=str(folder)),
        },
    }
    for name, form in forms.items():
        torch.save(form, folder / name)
    return [str(folder / name) for name in forms]


def shown(estimate: Estimate) -> str:
    """Return a figure in per cent with its interval."""
    if estimate.low is None or estimate.high is None:
        return f"{100 * estimate.value:.1f} %"
    return f"{100 * estimate.value:.1f} % ({100 * estimate.low:.1f} to {100 * estimate.high:.1f})"


if __name__ == "__main__":
    main()
