"""The key of an export, and whether an export in the store differs from one made here.

A key holds everything that changes an export's files, and nothing else: not the ONNX Runtime that
verified it, and of simx not its release but ``RECIPE``.
"""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib import metadata

import msgspec

import simx
from simx.exporter.store.entry import Entry
from simx.exporter.weights.cache import checkpoint_path, hash_prefix
from simx.models.backbone import Backbone, BackboneSource, EmbeddingKind, Precision, Preset

RECIPE = 6
"""Version of the way in which simx makes files out of networks."""

OLDEST_RECIPE = 5
"""The first recipe whose graphs compute as those of ``RECIPE`` do: only names differ."""

_SHAPING = ("torch", "torchvision", "onnx", "onnxscript")
"""Libraries that change an exported file; that of one of timm's networks, timm too, and that of a
user's own graph, onnx alone."""

_ALL_SHAPING = (*_SHAPING, "timm")

_CONVERTING_RECIPE = 4
"""Version of the way in which simx makes, and calibrates, other precisions."""

_CONVERTING = ("onnx", "onnxruntime", "numpy", "pillow")
"""Libraries that change a file of another precision; numpy and pillow prepare the calibration."""


def export_key(
    backbone: Backbone, embedding: EmbeddingKind, source: str, recipe: int = RECIPE
) -> str:
    """Return the hash of everything that changes an export's files, 16 hexadecimal digits."""
    identity = (backbone.model, backbone.weights, backbone.preset, embedding)
    versions = _shaping(library_versions(), backbone.source)
    parts = (identity, source, sorted(versions.items()), recipe)
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:16]


def converted_key(
    made_from: str, preset: Preset, precision: Precision, calibration: str | None
) -> str:
    """Return the same for another precision, made from an fp32 graph of this hash.

    ``calibration`` is the hash of the user's pictures of calibration, None without them.
    """
    versions = [(name, library_versions().get(name)) for name in _CONVERTING]
    parts = (made_from, preset, precision, calibration, versions, _CONVERTING_RECIPE)
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:16]


@cache
def library_versions() -> Mapping[str, str]:
    """Return the releases that the manifest of an export made here names; imports none of them."""
    versions = {"simx": simx.__version__}
    for name in dict.fromkeys((*_ALL_SHAPING, "onnxruntime", *_CONVERTING)):
        with suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


def can_export(source: BackboneSource = "torchvision") -> bool:
    """Whether all libraries for exporting a source's backbones are installed."""
    return set(_libraries(source)) <= library_versions().keys()


def outdated(entry: Entry, backbone: Backbone) -> str | None:
    """Return why an export made here would differ; None where it would not.

    Where the libraries for exporting are not installed, only the recipe and the weights count.
    """
    manifest = entry.manifest
    if manifest.made_from is not None:
        key = converted_key(
            manifest.made_from,
            manifest.preset,
            manifest.identity.precision,
            manifest.calibration_sha256,
        )
        is_comparable = set(_CONVERTING) <= library_versions().keys()
        is_other = is_comparable and entry.key != key
        return "made in another way, or with other libraries" if is_other else None
    if not OLDEST_RECIPE <= manifest.recipe <= RECIPE:
        other = "an earlier" if manifest.recipe < RECIPE else "a later"
        return f"made by {other} version of simx ({manifest.versions.get('simx', 'unknown')})"
    if manifest.identity.weights_origin == "pretrained":
        # The hash that torchvision's file name for the checkpoint has today.
        checkpoint = f"checkpoint sha256 {hash_prefix(checkpoint_path(backbone).name)}"
        if not manifest.source.startswith(checkpoint):
            return f"made from other weights ({manifest.source})"
    if not can_export(backbone.source):
        return None
    made, here = (
        _shaping(each, backbone.source) for each in (manifest.versions, library_versions())
    )
    if made != here:
        others = [f"{name} {version}" for name, version in made.items() if here[name] != version]
        return f"made with {', '.join(others) or 'other libraries'}"
    key = export_key(backbone, manifest.identity.embedding, manifest.source, manifest.recipe)
    return None if entry.key == key else "made for other inputs"


def _libraries(source: BackboneSource) -> tuple[str, ...]:
    return {"timm": _ALL_SHAPING, "torchvision": _SHAPING, "onnx": ("onnx",)}[source]


def _shaping(versions: Mapping[str, str], source: BackboneSource) -> dict[str, str]:
    return {name: versions[name] for name in _libraries(source) if name in versions}
