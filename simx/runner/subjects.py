"""What a benchmark is to measure: backbones, with the exports to measure them from."""

import msgspec

from simx.exporter.entry import Entry
from simx.models.backbone import Backbone


class Subject(msgspec.Struct, frozen=True):
    """A backbone to measure, and the export to measure it from."""

    backbone: Backbone
    entry: Entry


class Absent(msgspec.Struct, frozen=True):
    """A backbone that was asked for and could not be exported: its cells are failures."""

    backbone: Backbone
    stage: str
    reason: str
