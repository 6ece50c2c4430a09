"""Makes ``simx/models/timm.json`` from the installed timm, or checks it.

    python -m scripts.make_timm_catalogue           write the file
    python -m scripts.make_timm_catalogue --check   compare; exit 1 where the two differ

It has those of timm's architectures whose exports ``benchmarks/timm_parity.py`` has verified, with
all their weights for the same size of pictures that lie on the hub under timm's usual name, and
whose pictures simx prepares to the pixel as timm does. timm publishes no accuracies with its code.
GFLOPS are counted by torch, and the size of a checkpoint is that of its float32 numbers.
"""

import copy
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import timm
import torch
from timm.data import MaybeToTensor, create_transform, resolve_data_config
from timm.models import PretrainedCfg
from torch import nn
from torchvision.transforms import CenterCrop, Compose, Normalize, Resize

from scripts.make_catalogue import UNCOUNTED, UNMEASURED, by_embedding, main, run
from simx.exporter.network.architecture import build
from simx.exporter.network.heads import remove_head
from simx.models.backbone import TIMM_PREFIX, Backbone, EmbeddingKind, Preset
from simx.models.catalogue import GFLOPS_COUNTS, TIMM_FILE_NAME, CatalogueFile

TARGET = Path(__file__).resolve().parent.parent / "simx" / "models" / TIMM_FILE_NAME

ARCHITECTURES = Path(__file__).with_name("timm_architectures.txt").read_text("ascii").split()

FAMILY_OF_WORD = {
    "ese": "vovnet",
    "regnetx": "regnet",
    "regnety": "regnet",
    "regnetz": "regnet",
    "resnext": "resnet",
    "seresnet": "resnet",
    "tf": "efficientnet",
    "tiny": "tinyvit",
}
"""Families of the architectures whose name does not begin with it."""

KINDS: tuple[EmbeddingKind, ...] = ("pooled", "penultimate", "flat")


def make() -> CatalogueFile:
    """Return the catalogue as the installed timm has it."""
    backbones = [entry for name in sorted(ARCHITECTURES) for entry in entries(name)]
    return CatalogueFile(
        made_from=f"timm {timm.__version__}",
        gflops_counts=GFLOPS_COUNTS,
        backbones=tuple(backbones),
    )


def entries(name: str) -> Iterator[Backbone]:
    """Yield an architecture with each of its weights, the default ones first."""
    default = timm.get_pretrained_cfg(name).tag
    first = measured(described(name, default, default=True))
    yield first
    for full in timm.list_pretrained(f"{name}.*"):
        tag = full.partition(".")[2]
        try:
            entry = described(name, tag, default=False)
        except TypeError as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        if tag != default and entry.preset.crop == first.preset.crop:
            known = {each: getattr(first, each) for each in MEASURED}
            yield msgspec.structs.replace(entry, **known)


MEASURED = ("gflops", "params", "file_size", "embedding_dims", "embedding_gmacs")
"""What an architecture has alike with all its weights, but for its classifier."""


def described(name: str, tag: str, *, default: bool) -> Backbone:
    """Translate the configuration of one set of weights."""
    config = timm.get_pretrained_cfg(f"{name}.{tag}")
    if config is None or not config.hf_hub_id or config.hf_hub_filename:
        raise TypeError(f"{name}.{tag} is not on the hub under timm's usual name")
    return Backbone(
        model=f"{TIMM_PREFIX}{name}",
        weights=tag,
        default=default,
        family=family_of(name),
        gflops=0,
        params=0,
        acc1=None,
        acc5=None,
        file_size=0,
        license=None if config.license == "unknown" else config.license,
        url=f"https://huggingface.co/{config.hf_hub_id}/resolve/main/model.safetensors",
        preset=preset_of(config, f"{name}.{tag}"),
        embedding_dims=UNMEASURED,
        embedding_gmacs=UNCOUNTED,
        source="timm",
    )


def family_of(name: str) -> str:
    """Return the first word of an architecture's name, without its version."""
    word = re.match("(res2net|cs3darknet|[a-z]+?)(?=v?[0-9]|_|$)", name)[0]  # type: ignore[index]  # every name begins with letters
    return FAMILY_OF_WORD.get(word, word)


def preset_of(config: PretrainedCfg, name: str) -> Preset:
    """Translate timm's preprocessing, refusing one that ``Preset`` cannot express."""
    data = resolve_data_config({}, pretrained_cfg=config.to_dict())
    transform = create_transform(**data)
    steps: dict[type, Any] = {type(each): each for each in transform.transforms}
    size = data["input_size"][1]
    known = {Resize, CenterCrop, MaybeToTensor, Normalize}
    if type(transform) is not Compose or steps.keys() != known:
        raise TypeError(f"{name}: unknown preprocessing {transform}")
    resize, crop, normalise = (steps[each] for each in (Resize, CenterCrop, Normalize))
    if not isinstance(resize.size, int) or tuple(crop.size) != (size, size):
        raise TypeError(f"{name}: unknown preprocessing {transform}")
    return msgspec.convert(
        {
            "crop": size,
            "resize": resize.size,
            "interpolation": resize.interpolation.value,
            "mean": normalise.mean.tolist(),
            "std": normalise.std.tolist(),
        },
        Preset,
    )


def measured(entry: Backbone) -> Backbone:
    """Return an entry with its sizes, at the crop of its preset."""
    model = build(entry)
    tensors = [*model.parameters(), *model.buffers()]
    dims, gmacs = by_embedding(
        {kind: run(on_meta(remove_head(copy.deepcopy(model), kind)), entry) for kind in KINDS}
    )
    return msgspec.structs.replace(
        entry,
        gflops=run(on_meta(model), entry)[1],
        params=sum(each.numel() for each in model.parameters()),
        file_size=round(sum(each.nbytes for each in tensors) / 2**20, 3),
        embedding_dims=dims,
        embedding_gmacs=gmacs,
    )


def on_meta(model: nn.Module) -> nn.Module:
    """Move a network, with the tables that it has computed, to the device of shapes alone."""
    return model.to(torch.device("meta"))


if __name__ == "__main__":
    sys.exit(main(make, TARGET))
