"""Makes ``simx/models/catalogue.json`` from the installed torchvision, or checks it.

    python scripts/make_catalogue.py           write the file
    python scripts/make_catalogue.py --check   compare; exit 1 where the two differ

Figures are torchvision's own metadata. Lengths of embeddings, and the multiply-accumulates of what
computes them, are measured by running each architecture, head removed, on torch's meta device:
shapes without values. It takes a minute and needs simx to be installed, or this repository's root
in PYTHONPATH.
"""

import argparse
import copy
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import torch
import torchvision
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import WeightsEnum, get_model_weights, list_models
from torchvision.transforms._presets import ImageClassification

from simx.exporter.network.architecture import build
from simx.exporter.network.heads import remove_head
from simx.models.backbone import (
    Backbone,
    EmbeddingDims,
    EmbeddingGmacs,
    EmbeddingKind,
    Preset,
)
from simx.models.catalogue import FILE_NAME, GFLOPS_COUNTS, CatalogueFile

TARGET = Path(__file__).resolve().parent.parent / "simx" / "models" / FILE_NAME

FAMILY_OF_WORD = {"resnext": "resnet", "wide": "resnet"}
"""Families of the architectures whose name does not begin with it."""

UNMEASURED = EmbeddingDims(pooled=0, penultimate=0, flat=0)
UNCOUNTED = EmbeddingGmacs(pooled=0.0, penultimate=0.0, flat=0.0)

COUNTED_ALIKE = 0.01
"""How much torch's count of a whole classifier may differ from torchvision's figure."""


def main(make: Callable[[], CatalogueFile], target: Path) -> int:
    """Write or check a catalogue and return the process's exit status."""
    parser = argparse.ArgumentParser(description="Make a catalogue of backbones.")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    options = parser.parse_args()
    current = make()
    if not options.check:
        target.write_text(render(current), encoding="utf-8")
        print(f"{target}: {len(current.backbones)} backbones of {current.made_from}")
        return 0
    stored = msgspec.json.decode(target.read_bytes(), type=CatalogueFile)
    found = differences(stored, current)
    print("\n".join(found) or f"{target} agrees with {current.made_from}")
    return 1 if found else 0


def make() -> CatalogueFile:
    """Return the catalogue as the installed torchvision has it."""
    measured: dict[tuple[str, int], tuple[EmbeddingDims, EmbeddingGmacs]] = {}
    backbones = []
    for entry in described():
        key = (entry.model, entry.preset.crop)
        if key not in measured:
            measured[key] = measure(entry)
        dims, gmacs = measured[key]
        backbones.append(msgspec.structs.replace(entry, embedding_dims=dims, embedding_gmacs=gmacs))
    return CatalogueFile(
        made_from=installed(), gflops_counts=GFLOPS_COUNTS, backbones=tuple(backbones)
    )


def installed() -> str:
    """Return torchvision's name, and its version without the build's suffix, such as ``+cpu``."""
    return f"torchvision {torchvision.__version__.partition('+')[0]}"


def described() -> Iterator[Backbone]:
    """Yield torchvision's classification backbones, embeddings not yet measured."""
    for model in list_models(module=torchvision.models):
        entries = get_model_weights(model)
        for entry in entries:
            yield describe(model, entry, default=entry is entries.DEFAULT)


def describe(model: str, entry: WeightsEnum, *, default: bool) -> Backbone:
    """Translate one weights entry's metadata."""
    meta = entry.meta
    accuracy = meta["_metrics"]["ImageNet-1K"]
    return Backbone(
        model=model,
        weights=entry.name,
        default=default,
        family=family_of(model),
        gflops=meta["_ops"],
        params=meta["num_params"],
        acc1=number_or_none(accuracy["acc@1"]),
        acc5=number_or_none(accuracy["acc@5"]),
        file_size=meta["_file_size"],
        license=meta.get("license"),
        url=entry.url,
        preset=preset_of(entry.transforms()),
        embedding_dims=UNMEASURED,
        embedding_gmacs=UNCOUNTED,
    )


def family_of(model: str) -> str:
    """Return the first word of an architecture's name, as people say it."""
    word = re.match("[a-z]+", model)[0]  # type: ignore[index]  # every name begins with letters
    return FAMILY_OF_WORD.get(word, word)


def number_or_none(figure: float) -> float | None:
    """Return the figure, or None for torchvision's way of saying that there is none, NaN."""
    return figure if figure == figure else None  # noqa: PLR0124 - false for NaN alone


def preset_of(transform: Any) -> Preset:  # noqa: ANN401 - torchvision is untyped
    """Translate a preprocessing, refusing one that ``Preset`` cannot express."""
    if type(transform) is not ImageClassification or not transform.antialias:
        raise TypeError(f"unknown preprocessing {transform}: extend Preset to express it")
    (crop,), (resize,) = transform.crop_size, transform.resize_size
    return msgspec.convert(
        {
            "crop": crop,
            "resize": resize,
            "interpolation": transform.interpolation.value,
            "mean": transform.mean,
            "std": transform.std,
        },
        Preset,
    )


def measure(entry: Backbone) -> tuple[EmbeddingDims, EmbeddingGmacs]:
    """Return what an entry's embeddings are like, at the crop of its preset."""
    with torch.device("meta"):
        model = without_normalisation(build(entry))
    _, whole = run(model, entry)
    if abs(whole / entry.gflops - 1) > COUNTED_ALIKE:
        raise ValueError(f"{entry.name}: torch counts {whole} where torchvision has {entry.gflops}")
    kinds: tuple[EmbeddingKind, ...] = ("pooled", "penultimate", "flat")
    return by_embedding(
        {kind: run(remove_head(copy.deepcopy(model), kind), entry) for kind in kinds}
    )


def by_embedding(
    found: Mapping[EmbeddingKind, tuple[int, float]],
) -> tuple[EmbeddingDims, EmbeddingGmacs]:
    """Return the lengths and the multiply-accumulates that were found for each embedding."""
    return (
        EmbeddingDims(**{kind: features for kind, (features, _) in found.items()}),
        EmbeddingGmacs(**{kind: gmacs for kind, (_, gmacs) in found.items()}),
    )


def run(model: nn.Module, entry: Backbone) -> tuple[int, float]:
    """Return the length of what a network computes, and its 1e9 multiply-accumulates an image."""
    images = torch.empty(2, 3, entry.preset.crop, entry.preset.crop, device="meta")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        batch, features = model(images).shape
    if batch != len(images):
        raise ValueError(f"{entry.name}: the embedding mixes images of a batch")
    # torch counts a multiplication and an addition as two.
    return int(features), round(counter.get_total_flops() / 2 / len(images) / 1e9, 3)


def without_normalisation(model: nn.Module) -> nn.Module:
    """Drop layers that keep the shape of what they are given and take most of the time here."""
    for part in list(model.modules()):
        for name, child in part.named_children():
            if isinstance(child, nn.BatchNorm2d | nn.LayerNorm):
                setattr(part, name, nn.Identity())
    return model


def render(catalogue: CatalogueFile) -> str:
    """Return the file's text: JSON with one backbone a line, so that a difference is one line."""
    lines = ",\n".join(f"    {encode(backbone)}" for backbone in catalogue.backbones)
    return (
        "{\n"
        f'  "made_from": {encode(catalogue.made_from)},\n'
        f'  "gflops_counts": {encode(catalogue.gflops_counts)},\n'
        f'  "backbones": [\n{lines}\n  ]\n'
        "}\n"
    )


def encode(value: Any) -> str:  # noqa: ANN401 - anything msgspec can encode
    """Return a value as JSON on one line, with spaces after separators."""
    return msgspec.json.format(msgspec.json.encode(value), indent=0).decode()


def differences(stored: CatalogueFile, current: CatalogueFile) -> list[str]:
    """Say, a line each, where the stored catalogue is not what the library has now.

    The version itself is no difference: most releases leave the models as they were.
    """
    library = current.made_from.partition(" ")[0]
    before = {(entry.model, entry.weights): entry for entry in stored.backbones}
    after = {(entry.model, entry.weights): entry for entry in current.backbones}
    gone = [f"only in the catalogue: {':'.join(key)}" for key in before if key not in after]
    new = [f"only in {library}: {':'.join(key)}" for key in after if key not in before]
    changed = [
        f"{':'.join(key)}: {field} is {getattr(before[key], field)!r} in the catalogue, "
        f"{getattr(after[key], field)!r} in {library}"
        for key in before
        if key in after
        for field in Backbone.__struct_fields__
        if getattr(before[key], field) != getattr(after[key], field)
    ]
    found = gone + new + changed
    if (gone or new) and stored.made_from != current.made_from:
        found.insert(
            0,
            f"the catalogue has the {len(before)} backbones of {stored.made_from}; "
            f"{current.made_from} is installed and has {len(after)}",
        )
    if not found and list(before) != list(after):
        found.append("the catalogue has the same backbones in another order")
    return found


if __name__ == "__main__":
    sys.exit(main(make, TARGET))
