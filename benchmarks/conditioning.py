"""How much random weights amplify rounding, for every backbone, embedding and kind of picture.

For each backbone and embedding a row: the largest relative L2 difference between float32 and
float64 in PyTorch over twelve pictures, and which picture has it; the ratio of the largest to the
smallest norm; the smallest and the largest cosine between two pictures. Backbones that differ in
nothing but the name of their weights are run once, and large ones with fewer pictures. The smallest
come first, and the worst of all are printed at the end. Rows are also appended to a file, and what
it holds already is not run again.

    python benchmarks/conditioning.py [--rows FILE] [SELECT...]
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import nn
from torchvision.models import DenseNet, MNASNet, MobileNetV2, ShuffleNetV2, VisionTransformer

from simx.exporter.network import architecture
from simx.exporter.network.heads import GlobalPool
from simx.exporter.weights.initialised import random_state
from simx.exporter.weights.state import fill
from simx.images.decoding import decode
from simx.images.normalisation import normalise
from simx.images.pictures import bundled
from simx.images.preprocessing import crop
from simx.models import catalogue
from simx.models.backbone import Backbone, EmbeddingKind, Preset
from simx.models.selection import Selection, select

FEW = ("grey", "text", "noise", "anchor")
FEW_FROM = ((4.0, 4), (32.0, 2))
"""From how many GFLOPS a backbone gets only so many of the pictures above."""
MOST_ERROR = 1e-5
MOST_RATIO = 10.0


class Row(msgspec.Struct, frozen=True):
    """One backbone and embedding, over some pictures."""

    backbone: str
    embedding: EmbeddingKind
    pictures: int
    error: float
    worst: str
    ratio: float
    cosines: tuple[float, float]


Embeddings = Mapping[EmbeddingKind, torch.Tensor]


def main(names: tuple[str, ...], file: Path) -> None:
    """Print a row for each selected backbone and embedding, and what misses a bound."""
    selected = select(Selection(names=names), catalogue.of_torchvision())
    found: dict[tuple[str, Preset], list[Row]] = {}
    kept = msgspec.json.decode(b"[%b]" % b",".join(file.read_bytes().splitlines()), type=list[Row])
    print("| backbone | embedding | pictures | error | with | norms | cosines |")
    print("|---|---|---:|---:|---|---:|---:|")
    for backbone in sorted(selected, key=lambda each: each.gflops):
        network = backbone.model, msgspec.structs.replace(backbone.preset, resize=0)
        if network not in found:
            few = next(
                (FEW[:count] for least, count in reversed(FEW_FROM) if backbone.gflops >= least), ()
            )
            found[network] = [row for row in kept if row.backbone == backbone.name] or [
                *rows(backbone, few)
            ]
            new = [row for row in found[network] if row not in kept]
            with file.open("ab") as lines:
                lines.writelines(msgspec.json.encode(row) + b"\n" for row in new)
        for row in found[network]:
            print(line(backbone.name, row), flush=True)
    every = [row for of in found.values() for row in of]
    missed = [row for row in every if row.error > MOST_ERROR or row.ratio > MOST_RATIO]
    print(f"\nof {len(selected)} backbones, {len(found)} networks; the largest error:")
    for row in sorted(every, key=lambda row: -row.error)[:5]:
        print(line(row.backbone, row))
    print("and the largest ratio of norms:")
    for row in sorted(every, key=lambda row: -row.ratio)[:5]:
        print(line(row.backbone, row))
    if missed:
        sys.exit(f"{len(missed)} of {len(every)} rows miss a bound")


def line(name: str, row: Row) -> str:
    """Return a row of the table."""
    least, most = row.cosines
    return (
        f"| {name} | {row.embedding} | {row.pictures} | {row.error:.1e} | {row.worst} "
        f"| {row.ratio:.1f} | {least:.3f} to {most:.4f} |"
    )


def pictures(preset: Preset) -> dict[str, NDArray[np.uint8]]:
    """Return twelve crops by name, each uint8 [crop, crop, 3]."""
    side = preset.crop
    random = np.random.default_rng(0)
    mean = [round(255 * level) for level in preset.mean]
    flat = {"black": [0] * 3, "white": [255] * 3, "grey": mean, "red": [255, 0, 0]}
    coarse = Image.fromarray(random.integers(0, 256, (6, 6, 3), np.uint8))
    places = np.indices((side, side))
    anchor = crop(decode(bundled().anchor), preset)
    return {
        "noise": random.integers(0, 256, (side, side, 3), np.uint8),
        **{name: np.full((side, side, 3), colour, np.uint8) for name, colour in flat.items()},
        "smooth": np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC)),
        "chequered pixels": _grey(places.sum(0) % 2 * 255),
        "chequered squares": _grey((places // 16).sum(0) % 2 * 255),
        "text": _page(side),
        "anchor": anchor,
        "negative": crop(decode(bundled().negative), preset),
        "dark": anchor // 16,
    }


def _grey(levels: NDArray[np.int64]) -> NDArray[np.uint8]:
    return np.repeat(levels.astype(np.uint8)[..., np.newaxis], 3, axis=2)


def _page(side: int) -> NDArray[np.uint8]:
    """Return black lines of text on white."""
    page = Image.new("RGB", (side, side), "white")
    for top in range(12, side // 2, 14):
        ImageDraw.Draw(page).text((14, top), "a page of text, mostly white", "black")
    return np.asarray(page)


def embeddings(model: nn.Module, images: torch.Tensor) -> Embeddings:
    """Return all embeddings of one pass of a whole classifier: each of shape [N, D]."""
    head = next(
        part
        for name, part in model.named_children()
        if name in {"classifier", "fc", "head", "heads"}
    )
    last = [part for part in head.modules() if isinstance(part, nn.Linear | nn.Conv2d)][-1]
    found: dict[EmbeddingKind, torch.Tensor] = {}

    def caught(kind: EmbeddingKind, _: nn.Module, inputs: tuple[torch.Tensor]) -> None:
        found[kind] = inputs[0].clone()

    def made(_: nn.Module, __: tuple[torch.Tensor], output: torch.Tensor) -> None:
        found["flat"] = output.relu() if isinstance(model, DenseNet) else output.clone()

    hooks = [
        head.register_forward_pre_hook(partial(caught, "pooled")),
        last.register_forward_pre_hook(partial(caught, "penultimate")),
    ]
    if isinstance(model, DenseNet | MNASNet | MobileNetV2 | ShuffleNetV2 | VisionTransformer):
        hooks.append([*model.children()][-2].register_forward_hook(made))
    else:
        pool = getattr(model, "avgpool", head)
        hooks.append(pool.register_forward_pre_hook(partial(caught, "flat")))
    with torch.inference_mode():
        model(images)
    for hook in hooks:
        hook.remove()
    pooled = GlobalPool()
    return {
        kind: (values if kind == "flat" else pooled(values)).flatten(1)
        for kind, values in found.items()
    }


def rows(backbone: Backbone, names: tuple[str, ...] = ()) -> Iterator[Row]:
    """Run a backbone with random weights, and yield a row for each embedding.

    Args:
        backbone: any of the catalogue's.
        names: of the pictures to run; all of them if empty.
    """
    model = architecture.build(backbone)
    fill(model, random_state(backbone))
    drawn = pictures(backbone.preset)
    inputs = {
        name: torch.from_numpy(normalise(drawn[name][np.newaxis], backbone.preset))
        for name in names or drawn
    }
    single = {name: embeddings(model, images) for name, images in inputs.items()}
    model.double()
    exact = {name: embeddings(model, images.double()) for name, images in inputs.items()}
    for kind in ("pooled", "penultimate", "flat"):
        yield _row(
            backbone.name,
            kind,
            {name: found[kind] for name, found in single.items()},
            {name: found[kind] for name, found in exact.items()},
        )


def _row(
    name: str,
    kind: EmbeddingKind,
    single: Mapping[str, torch.Tensor],
    exact: Mapping[str, torch.Tensor],
) -> Row:
    norms = {picture: float(values.norm()) for picture, values in exact.items()}
    errors = {
        picture: float((single[picture].double() - values).norm()) / norms[picture]
        for picture, values in exact.items()
    }
    units = torch.cat([values / norms[picture] for picture, values in exact.items()])
    cosines = (units @ units.T)[*torch.triu_indices(len(units), len(units), 1)]
    worst = max(errors, key=errors.__getitem__)
    ratio = max(norms.values()) / min(norms.values())
    extremes = float(cosines.min()), float(cosines.max())
    return Row(name, kind, len(exact), errors[worst], worst, ratio, extremes)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="How much random weights amplify rounding.")
    parser.add_argument("names", nargs="*", metavar="SELECT")
    parser.add_argument("--rows", type=Path, default=Path(".simx/conditioning.jsonl"))
    arguments = parser.parse_args()
    arguments.rows.parent.mkdir(parents=True, exist_ok=True)
    arguments.rows.touch()
    main(tuple(arguments.names), arguments.rows)
