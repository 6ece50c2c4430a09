"""What a benchmark measures: backbones, with their exports."""

from collections.abc import Mapping

import msgspec

from simx.exporter.jobs.plan import NotExported
from simx.exporter.store.entry import Entry
from simx.models.backbone import Backbone, Precision
from simx.results.files.journal_lines import JournaledBackbone


class Workload(msgspec.Struct, frozen=True):
    """A backbone, with its export of fp32 and of each precision to measure, or its failure."""

    backbone: Backbone
    exports: Mapping[Precision, Entry | NotExported]

    @property
    def name(self) -> JournaledBackbone:
        """Its name in a journal."""
        return self.backbone.model, self.backbone.weights

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The exports that did not fail."""
        return tuple(each for each in self.exports.values() if isinstance(each, Entry))
