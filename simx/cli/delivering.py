"""``simx export --output``: what was exported, as plain files in a folder of the user's."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from simx.cli.export_records import ExportRecord, record_of
from simx.cli.exporting import export_with_progress
from simx.cli.output import tell
from simx.errors import SystemFailureError
from simx.exporter.delivery import Delivery, delivery, plain_name
from simx.exporter.plan import ExportPlan, NotExported, Outcome
from simx.exporter.store import Store
from simx.exporter.stored_files import DamagedEntryError
from simx.models.backbone import Backbone


def export_into(
    folder: Path, backbones: Sequence[Backbone], store: Store, plan: ExportPlan
) -> list[ExportRecord]:
    """Export backbones, and put each into a folder.

    Raises:
        InputError: a file of somebody else's is in the way, which is noticed before any export.
        SystemFailureError: the folder cannot be written.
    """
    with delivery(folder) as delivered:
        delivered.require_free(
            {
                plain_name(each, plan.embedding, precision): each.name
                for each in backbones
                for precision in plan.precisions
            }
        )
        outcomes = export_with_progress(backbones, store, plan)
        return [_put(outcome, delivered, store, plan) for outcome in outcomes]


def _put(outcome: Outcome, delivered: Delivery, store: Store, plan: ExportPlan) -> ExportRecord:
    if isinstance(outcome, NotExported):
        return record_of(outcome)
    try:
        return record_of(outcome, delivered.put(outcome.backbone, outcome.entry))
    except DamagedEntryError as error:
        if outcome.fresh:
            raise SystemFailureError(
                f"{error}, though it was just written: see to the disk"
            ) from error
        tell(f"{error}; exporting {outcome.backbone.name} again")
    store.discard(outcome.entry)
    only = msgspec.structs.replace(plan, precisions=(outcome.precision,))
    (again,) = export_with_progress([outcome.backbone], store, only)
    return _put(again, delivered, store, plan)
