"""``simx export --output``: what was exported, as plain files in a folder of the user's."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec

from simx.cli.export_records import ExportRecord, record_of
from simx.cli.exporting import export_with_progress
from simx.cli.output import tell
from simx.common.errors import SystemFailureError
from simx.exporter.jobs.plan import ExportPlan, NotExported, Outcome
from simx.exporter.store.output_folder import Delivery, data_name, delivery, plain_name
from simx.exporter.store.store import Store
from simx.exporter.store.stored_files import DamagedEntryError
from simx.models.backbone import Backbone


def export_into(
    folder: Path,
    backbones: Sequence[Backbone],
    store: Store,
    plan: ExportPlan,
    *,
    data_beside: bool,
) -> list[ExportRecord]:
    """Export backbones, and put each into a folder.

    Args:
        folder: where to.
        backbones: what to export.
        store: what they are exported to first.
        plan: how.
        data_beside: whether weights go into files of their own, however small they are.

    Raises:
        InputError: a file of somebody else's is in the way, which is noticed before any export.
        SystemFailureError: the folder cannot be written.
    """
    with delivery(folder) as delivered:
        names = {
            plain_name(each, plan.embedding, precision): each.name
            for each in backbones
            for precision in plan.precisions
        }
        delivered.require_free(names)
        if data_beside:
            delivered.require_free({data_name(name): what for name, what in names.items()})
        put = partial(_put, delivered=delivered, store=store, plan=plan, data_beside=data_beside)
        return [put(outcome) for outcome in export_with_progress(backbones, store, plan)]


def _put(
    outcome: Outcome, delivered: Delivery, store: Store, plan: ExportPlan, *, data_beside: bool
) -> ExportRecord:
    if isinstance(outcome, NotExported):
        return record_of(outcome)
    try:
        path = delivered.put(outcome.backbone, outcome.entry, data_beside=data_beside)
        return record_of(outcome, path)
    except DamagedEntryError as error:
        if outcome.fresh:
            raise SystemFailureError(
                f"{error}, though it was just written: see to the disk"
            ) from error
        tell(f"{error}; exporting {outcome.backbone.name} again")
    store.discard(outcome.entry)
    only = msgspec.structs.replace(plan, precisions=(outcome.precision,))
    (again,) = export_with_progress([outcome.backbone], store, only)
    return _put(again, delivered, store, plan, data_beside=data_beside)
