"""What a benchmark is to measure: backbones, with the exports to measure them from."""

from collections.abc import Mapping

import msgspec

from simx.exporter.store.entry import Entry
from simx.models.backbone import Backbone, Precision


class NotReduced(msgspec.Struct, frozen=True):
    """Another precision of a backbone that could not be made: its cells are failures."""

    stage: str
    reason: str


class Subject(msgspec.Struct, frozen=True):
    """A backbone to measure, and the exports to measure it from.

    ``entry`` is that of fp32, which every precision in ``reduced`` was made from.
    """

    backbone: Backbone
    entry: Entry
    reduced: Mapping[Precision, Entry | NotReduced] = {}

    def export(self, precision: Precision) -> Entry | NotReduced:
        """Return what there is of a precision."""
        return self.entry if precision == "fp32" else self.reduced[precision]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Every export it may be measured from."""
        return (self.entry, *(each for each in self.reduced.values() if isinstance(each, Entry)))


class Absent(msgspec.Struct, frozen=True):
    """A backbone that was asked for and could not be exported: its cells are failures."""

    backbone: Backbone
    stage: str
    reason: str
