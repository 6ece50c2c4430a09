"""The catalogue of backbones, read from the data files inside the package, and their licences.

The files are made from the libraries' metadata by ``scripts/make_catalogue.py`` and
``scripts/make_timm_catalogue.py``; reading them needs no torch, torchvision or timm.
"""

from collections.abc import Iterable
from functools import cache
from importlib import resources

import msgspec

from simx.models.backbone import Backbone

FILE_NAME = "catalogue.json"

TIMM_FILE_NAME = "timm.json"
"""The architectures of timm whose exports were verified, with their weights."""

GFLOPS_COUNTS = "multiply-accumulates"
"""What GFLOPS figures count: one multiplication and addition together is one."""


class CatalogueFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A data file: backbones, ordered by architecture and then as the library lists weights.

    ``made_from`` is the library and its version.
    """

    made_from: str
    gflops_counts: str
    backbones: tuple[Backbone, ...]


@cache
def load() -> tuple[Backbone, ...]:
    """Return every backbone, torchvision's first, in the order of the files."""
    folder = resources.files("simx.models")
    contents = (folder.joinpath(name).read_bytes() for name in (FILE_NAME, TIMM_FILE_NAME))
    files = (msgspec.json.decode(content, type=CatalogueFile) for content in contents)
    return tuple(backbone for file in files for backbone in file.backbones)


def of_torchvision() -> tuple[Backbone, ...]:
    """Return torchvision's backbones alone."""
    return tuple(backbone for backbone in load() if backbone.source == "torchvision")


_PERMISSIVE = frozenset({"apache-2.0", "bsd-3-clause", "mit"})

_NON_COMMERCIAL = ("/SWAG/", "-nc-", "noncommercial")
"""Parts of the names of licences that allow no commercial use; SWAG's is CC BY-NC 4.0."""

_NAMED_AT_MOST = 4


def licence_notes(weights: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Return a sentence for each licence that is not Apache 2.0, BSD or MIT.

    Args:
        weights: architecture and name of each set of pretrained weights; those that the catalogue
            lacks, or whose licence it does not know, are in no sentence.
    """
    wanted = frozenset(weights)
    names: dict[str, list[str]] = {}
    for each in load():
        if (each.model, each.weights) in wanted and each.license not in {None, *_PERMISSIVE}:
            names.setdefault(str(each.license), []).append(each.name)
    return tuple(_sentence(licence, found) for licence, found in names.items())


def _sentence(licence: str, names: list[str]) -> str:
    more = len(names) - _NAMED_AT_MOST
    listed = ", ".join(names[:_NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")
    is_restrictive = any(part in licence for part in _NON_COMMERCIAL)
    use = "no commercial use" if is_restrictive else "read it before you use them"
    return f"licence of the pretrained weights of {listed}: {licence} ({use})"
