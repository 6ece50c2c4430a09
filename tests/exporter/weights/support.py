"""Plain helpers for the tests of weights."""

import hashlib
import io
from collections.abc import Callable, Mapping

import msgspec
import torch

from simx.exporter.network import architecture
from simx.models.backbone import Backbone

BackboneOf = Callable[[str], Backbone]
PutCheckpoint = Callable[[Backbone, bytes], Backbone]


def renamed_for(backbone: Backbone, content: bytes, folder: str | None = None) -> Backbone:
    """Return the backbone with a checkpoint whose name carries the hash of ``content``."""
    prefix = hashlib.sha256(content).hexdigest()[:8]
    address = f"{folder or 'https://weights.example/models'}/{backbone.model}-{prefix}.pth"
    return msgspec.structs.replace(backbone, url=address)


def saved(thing: object, *, legacy: bool = False) -> bytes:
    """Return what torch.save writes, in its zip form or in the one before it."""
    buffer = io.BytesIO()
    torch.save(thing, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


def equal(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> bool:
    """Whether two state dicts have the same names, dtypes and values."""
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype and torch.equal(one[name], other[name]) for name in one
    )


def unfilled(backbone: Backbone) -> dict[str, torch.Tensor]:
    """Return the right names and shapes, all ones, in next to no memory."""
    with torch.device("meta"):
        expected = architecture.build(backbone).state_dict()
    return {
        name: torch.ones((), dtype=like.dtype).expand(like.shape) for name, like in expected.items()
    }
