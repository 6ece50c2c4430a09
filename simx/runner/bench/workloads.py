"""What a benchmark measures: backbones, with their exports."""

from collections.abc import Mapping

import msgspec

from simx.exporter.jobs.plan import NotExported
from simx.exporter.store.entry import Entry
from simx.models.backbone import Backbone, Precision
from simx.results.files.journal_lines import JournaledBackbone


class Workload(msgspec.Struct, frozen=True):
    """A backbone with its export of each precision, or the failure of that export.

    Other precisions are made from fp32: where that failed, they have its failure.
    """

    backbone: Backbone
    exports: Mapping[Precision, Entry | NotExported]

    @property
    def name(self) -> JournaledBackbone:
        """Its name in a journal."""
        return journaled(self.backbone)

    def export(self, precision: Precision) -> Entry | NotExported:
        """Return the export of a precision, or its failure."""
        full = self.exports["fp32"]
        return full if isinstance(full, NotExported) else self.exports[precision]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The exports that did not fail."""
        return tuple(each for each in self.exports.values() if isinstance(each, Entry))


def journaled(backbone: Backbone) -> JournaledBackbone:
    """Return the name of a backbone in a journal."""
    return backbone.model, backbone.weights
