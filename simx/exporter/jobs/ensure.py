"""Exports whose files are intact: to be measured, or as plain files in a folder of the user's.

Exports that are missing in the store or damaged are made. Imports no runtime.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from simx.common.errors import SystemFailureError
from simx.exporter.jobs.export import export
from simx.exporter.jobs.plan import Exported, ExportListener, ExportPlan, NotExported, Outcome
from simx.exporter.store.cache_key import outdated
from simx.exporter.store.entry import Entry
from simx.exporter.store.lookup import answering, find_export
from simx.exporter.store.output_folder import data_name, opened_output_folder, plain_name
from simx.exporter.store.store import Store
from simx.exporter.store.stored_files import DamagedEntryError
from simx.models.backbone import Backbone, Precision

Ensured = Mapping[tuple[Backbone, Precision], Entry | NotExported]
"""The sound export of each backbone in each precision, or why there is none."""


def ensure(
    backbones: Sequence[Backbone],
    store: Store,
    plan: ExportPlan,
    listener: ExportListener = ExportListener(),  # noqa: B008 - it has no state
) -> Ensured:
    """Return sound exports of backbones, made where the store has none.

    Every file of an export that the store holds is read. A damaged export is discarded and made
    again. An outdated one is made again where exports can be made here, and used otherwise.

    Args:
        backbones: what to export.
        store: where the exports are, and where further ones go.
        plan: which embedding, weights and precisions, and how to make what is missing. fp32 is
            ensured in any case, because the other precisions are made from it.
        listener: hears of outdated and damaged exports, and of each export that is made.

    Returns:
        One export, or one failure, for each backbone and for fp32 and each of the plan's
        precisions. A backbone without an fp32 export fails in every precision, for that reason.

    Raises:
        InputError: a weights file that was named is not usable.
        SystemFailureError: the store, or torch's cache, cannot be written or has no room.
    """
    found: dict[tuple[Backbone, Precision], Entry | NotExported] = {}
    for precision in dict.fromkeys(("fp32", *plan.precisions)):
        lacking = []
        for backbone in backbones:
            full = found.get((backbone, "fp32"))
            if isinstance(full, NotExported):
                found[backbone, precision] = msgspec.structs.replace(full, precision=precision)
            elif (entry := _sound_export(backbone, precision, store, plan, listener)) is not None:
                found[backbone, precision] = entry
            else:
                lacking.append(backbone)
        if lacking:
            only = msgspec.structs.replace(plan, precisions=(precision,))
            for outcome in export(lacking, store, only, listener):
                made = outcome.entry if isinstance(outcome, Exported) else outcome
                found[outcome.backbone, precision] = made
    return found


def _sound_export(
    backbone: Backbone,
    precision: Precision,
    store: Store,
    plan: ExportPlan,
    listener: ExportListener,
) -> Entry | None:
    """Return the store's export, or None where it has none whose files are intact."""
    wanted = (store, backbone, plan.embedding, plan.request)
    entry = find_export(*wanted, precision, seed=plan.seed)
    if entry is None:
        held = answering(*wanted, seed=plan.seed) if precision == "fp32" else None
        if held is not None:
            age = outdated(held, backbone)
            listener.notice(f"{backbone.name}: its export was {age}; exporting it again")
        return None
    if (age := outdated(entry, backbone)) is not None:
        listener.notice(f"{backbone.name}: measured from an export that was {age}")
    try:
        entry.verify()
    except DamagedEntryError as error:
        listener.notice(f"{error}; exporting {backbone.name} again")
        store.discard(entry)
        return None
    return entry


def export_into(
    folder: Path,
    backbones: Sequence[Backbone],
    store: Store,
    plan: ExportPlan,
    listener: ExportListener = ExportListener(),  # noqa: B008 - it has no state
    *,
    data_beside: bool = False,
) -> tuple[Outcome, ...]:
    """Export backbones, and put each into a folder as a plain ``NAME.onnx`` file.

    Args:
        folder: where the files go; made where it is missing.
        backbones: what to export.
        store: where the exports go first.
        plan: how to export.
        listener: hears of each export.
        data_beside: whether weights go into files of their own, however small they are.

    Returns:
        As ``export`` does, with the plain file of each export in ``output``.

    Raises:
        InputError: a file that is not simx's own is in the way, which is noticed before any
            export; or a weights file that was named is not usable.
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
        opened.require_free(names)

        def put(outcome: Outcome) -> Outcome:
            if isinstance(outcome, NotExported):
                return outcome
            try:
                path = opened.put(outcome.backbone, outcome.entry, data_beside=data_beside)
            except DamagedEntryError as error:
                return put(_made_again(outcome, error, store, plan, listener))
            return msgspec.structs.replace(outcome, output=path)

        return tuple(put(outcome) for outcome in export(backbones, store, plan, listener))


def _made_again(
    damaged: Exported,
    error: DamagedEntryError,
    store: Store,
    plan: ExportPlan,
    listener: ExportListener,
) -> Outcome:
    """Discard an export whose files are not intact, and make it anew.

    Raises:
        SystemFailureError: it was just made.
    """
    if damaged.fresh:
        raise SystemFailureError(f"{error}, though it was just written: see to the disk") from error
    listener.notice(f"{error}; exporting {damaged.backbone.name} again")
    store.discard(damaged.entry)
    only = msgspec.structs.replace(plan, precisions=(damaged.precision,))
    (again,) = export([damaged.backbone], store, only, listener)
    return again
