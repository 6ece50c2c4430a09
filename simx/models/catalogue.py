"""The catalogue of backbones, read from the data files inside the package.

They are made from the libraries' metadata by ``scripts/make_catalogue.py`` and
``scripts/make_timm_catalogue.py``; reading them needs no torch, torchvision or timm.
"""

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
