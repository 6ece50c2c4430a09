"""What an export is keyed by, and whether one in the store is what an export here would make.

A key holds everything that changes an export's files, and nothing else: a file is made again when
it would come out differently, and never for nothing. Which ONNX Runtime vouched for it is in its
manifest alone, as is the release of simx, whose part ``RECIPE`` has.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import metadata

import msgspec

import simx
from simx.exporter.store.entry import Entry
from simx.exporter.store.manifest import Manifest
from simx.exporter.weights.cache import checkpoint_path, hash_prefix
from simx.models.backbone import Backbone, EmbeddingKind, Precision, Preset

RECIPE = 3
"""Counts the ways in which simx has made files out of networks."""

_SHAPING = ("torch", "torchvision", "onnx", "onnxscript")
"""Libraries that change an exported file."""

_VOUCHING = ("onnxruntime",)
"""Libraries that a file is verified with."""

_CONVERTING_RECIPE = 1
"""Counts the ways in which simx has made, and calibrated, other precisions."""

_CONVERTING = ("onnx", "onnxruntime", "numpy", "pillow")
"""Libraries that change a file of another precision: they convert, calibrate, or make the pictures
to calibrate on."""


def export_key(backbone: Backbone, embedding: EmbeddingKind, source: str) -> str:
    """Return the hash of everything that changes an export's files, 16 hexadecimal digits."""
    identity = (backbone.model, backbone.weights, backbone.preset, embedding)
    parts = (identity, source, sorted(_shaping(library_versions()).items()), RECIPE)
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:16]


def converted_key(made_from: str, preset: Preset, precision: Precision) -> str:
    """Return the same of another precision, made from an fp32 graph of this hash."""
    versions = [(name, library_versions().get(name)) for name in _CONVERTING]
    parts = (made_from, preset, precision, versions, _CONVERTING_RECIPE)
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:16]


@cache
def library_versions() -> Mapping[str, str]:
    """Return the releases that an export made here would name; imports none of them."""
    versions = {"simx": simx.__version__}
    for name in dict.fromkeys((*_SHAPING, *_VOUCHING, *_CONVERTING)):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def can_export() -> bool:
    """Whether everything is installed that exporting takes."""
    return set(_SHAPING) <= library_versions().keys()


def can_convert() -> bool:
    """Whether everything is installed that another precision is made with."""
    return set(_CONVERTING) <= library_versions().keys()


def outdated(entry: Entry, backbone: Backbone) -> str | None:
    """Return why an export made here would differ; None where it would not.

    Where nothing can be exported there are no libraries that an entry could be compared with, and
    only its recipe and its weights are compared.
    """
    manifest = entry.manifest
    if manifest.made_from is not None:
        key = converted_key(manifest.made_from, manifest.preset, manifest.identity.precision)
        is_current = entry.key == key or not can_convert()
        return None if is_current else "made in another way, or with other libraries"
    if manifest.recipe != RECIPE:
        other = "an earlier" if manifest.recipe < RECIPE else "a later"
        return f"made by {other} version of simx ({manifest.versions.get('simx', 'unknown')})"
    if manifest.identity.weights_origin == "pretrained" and not _same_checkpoint(
        manifest, backbone
    ):
        return f"made from other weights ({manifest.source})"
    if not can_export():
        return None
    made, here = _shaping(manifest.versions), _shaping(library_versions())
    if made != here:
        others = [f"{name} {version}" for name, version in made.items() if here[name] != version]
        return f"made with {', '.join(others) or 'other libraries'}"
    key = export_key(backbone, manifest.identity.embedding, manifest.source)
    return None if entry.key == key else "made for other inputs"


def _shaping(versions: Mapping[str, str]) -> dict[str, str]:
    return {name: versions[name] for name in _SHAPING if name in versions}


def _same_checkpoint(manifest: Manifest, backbone: Backbone) -> bool:
    """Whether it was made from the checkpoint that torchvision's name for it means today."""
    known = hash_prefix(checkpoint_path(backbone).name)
    return manifest.source.startswith(f"checkpoint sha256 {known}")
