"""The catalogue of backbones, read from the data file inside the package.

The file is made from torchvision's metadata by ``scripts/make_catalogue.py``; reading it needs
neither torch nor torchvision.
"""

from functools import cache
from importlib import resources

import msgspec

from simx.models.backbone import Backbone

FILE_NAME = "catalogue.json"

GFLOPS_COUNTS = "multiply-accumulates"
"""What torchvision's GFLOPS figures count: one multiplication and addition together is one."""


class CatalogueFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The data file: every backbone, ordered by architecture and then as torchvision lists weights.

    ``torchvision`` is the version whose metadata it was made from.
    """

    torchvision: str
    gflops_counts: str
    backbones: tuple[Backbone, ...]


@cache
def load() -> tuple[Backbone, ...]:
    """Return every backbone, in the order of the file."""
    content = resources.files("simx.models").joinpath(FILE_NAME).read_bytes()
    return msgspec.json.decode(content, type=CatalogueFile).backbones
