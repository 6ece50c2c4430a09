"""Intact exports, in the store or as plain files in the user's folder. Imports no runtime."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from simx.common.errors import SystemFailureError
from simx.exporter.jobs.export import export
from simx.exporter.jobs.plan import Exported, ExportListener, ExportPlan, NotExported, Outcome
from simx.exporter.store.entry import DamagedEntryError, Entry
from simx.exporter.store.output_folder import data_name, opened_output_folder, plain_name
from simx.exporter.store.store import Store
from simx.models.backbone import Backbone, Precision

Ensured = Mapping[tuple[Backbone, Precision], Entry | NotExported]
"""The sound export of each backbone in each precision, or why there is none."""

Exporting = Callable[[Sequence[Backbone], Store, ExportPlan, ExportListener], tuple[Outcome, ...]]
"""``export``, or what does the same elsewhere."""


def ensure(
    backbones: Sequence[Backbone],
    store: Store,
    plan: ExportPlan,
    listener: ExportListener = ExportListener(),  # noqa: B008 - it has no state
    exporting: Exporting = export,
) -> Ensured:
    """Return sound exports of backbones, and make those that the store does not have.

    Every file of a stored export is read. A damaged export is discarded and made again. An outdated
    one is made again where exports can be made here, and used otherwise.

    Arguments and errors are those of ``export``, which ``exporting`` takes the place of.

    Returns:
        One export or failure for each backbone, in fp32 and each of the plan's precisions. fp32 is
        always ensured, because others are made from it: without it they fail for its reason.
    """
    precisions = tuple(dict.fromkeys(("fp32", *plan.precisions)))
    plan = msgspec.structs.replace(plan, precisions=precisions, checked=True)
    return {
        (each.backbone, each.precision): each.entry if isinstance(each, Exported) else each
        for each in exporting(backbones, store, plan, listener)
    }


def export_into(
    folder: Path,
    backbones: Sequence[Backbone],
    store: Store,
    plan: ExportPlan,
    listener: ExportListener = ExportListener(),  # noqa: B008 - it has no state
    *,
    data_beside: bool = False,
    exporting: Exporting = export,
) -> tuple[Outcome, ...]:
    """Export backbones, and put each into a folder as a plain ``NAME.onnx`` file.

    Args:
        folder: where the files go; created if it is missing.
        backbones: what to export.
        store: where the exports go first.
        plan: how to export.
        listener: hears of each export.
        data_beside: whether weights always go into separate files, even small ones.
        exporting: what exports them: ``export``, or what does the same elsewhere.

    Returns:
        As ``export`` does, with the plain file of each export in ``output``.

    Raises:
        InputError: a file that is not simx's own, or read-only, is in the way (found before any
            export); or a weights file that was named is not usable.
        SystemFailureError: the folder or the store cannot be written.
    """
    with opened_output_folder(folder) as opened:
        names = {
            plain_name(each, plan.embedding, precision): each.name
            for each in backbones
            for precision in plan.precisions
        }
        if data_beside:
            names |= {data_name(name): what for name, what in names.items()}
        opened.require_free(names, *filter(None, [plan.request.path]))

        def put(outcome: Outcome) -> Outcome:
            if isinstance(outcome, NotExported):
                return outcome
            try:
                entry = store.bring(outcome.entry)
                path = opened.put(outcome.backbone, entry, data_beside=data_beside)
            except DamagedEntryError as error:
                if outcome.fresh:
                    problem = f"{error}, although it was just written: check the disk"
                    raise SystemFailureError(problem) from error
                listener.notice(f"{error}; exporting {outcome.backbone.name} again")
                store.discard(outcome.entry)
                only = msgspec.structs.replace(plan, precisions=(outcome.precision,))
                (again,) = exporting([outcome.backbone], store, only, listener)
                return put(again)
            return msgspec.structs.replace(outcome, output=path)

        return tuple(put(outcome) for outcome in exporting(backbones, store, plan, listener))
