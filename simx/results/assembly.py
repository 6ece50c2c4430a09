"""Putting a report together from its parts: one launch's cells after the other."""

from collections.abc import Iterable

import msgspec

from simx.results.schema import (
    Canary,
    FailedCell,
    Identity,
    Image,
    Launch,
    MeasuredCell,
    Outcome,
    Parity,
    Scope,
    Timing,
)


def merge_cells(cells: Iterable[Outcome]) -> tuple[Outcome, ...]:
    """Merge the cells of several launches, in the order in which each was first seen.

    A cell that failed in any launch has failed: what the others measured of it is not a figure.
    """
    merged: dict[Identity, Outcome] = {}
    for cell in cells:
        known = merged.get(cell.identity)
        if known is None or isinstance(cell, FailedCell):
            merged[cell.identity] = cell
        elif isinstance(known, MeasuredCell):
            merged[cell.identity] = _joined(known, cell)
    return tuple(merged.values())


def forward_of(cell: MeasuredCell) -> tuple[Launch, ...]:
    """Return the launches of a cell's ``forward``; none where it was not measured."""
    return next((timing.launches for timing in cell.timings if timing.scope == "forward"), ())


def merge_canaries(canaries: Iterable[Canary]) -> tuple[Canary, ...]:
    """Merge the canaries of several launches of the same backbone, backend and provider."""
    merged: dict[tuple[str, ...], Canary] = {}
    for canary in canaries:
        key = (canary.model, canary.weights, canary.backend, canary.provider)
        known = merged.get(key)
        launches = canary.launches if known is None else known.launches + canary.launches
        merged[key] = msgspec.structs.replace(canary, launches=launches)
    return tuple(merged.values())


def _joined(first: MeasuredCell, second: MeasuredCell) -> MeasuredCell:
    launches: dict[tuple[Scope, Image | None], tuple[Launch, ...]] = {}
    for timing in first.timings + second.timings:
        key = (timing.scope, timing.image)
        launches[key] = launches.get(key, ()) + timing.launches
    timings = tuple(
        Timing(scope=scope, image=image, launches=found)
        for (scope, image), found in launches.items()
    )
    # A cell agrees with torch as well as its worst launch did.
    parity = Parity(
        cosine=min(first.parity.cosine, second.parity.cosine),
        relative_l2=max(first.parity.relative_l2, second.parity.relative_l2),
    )
    return msgspec.structs.replace(first, timings=timings, parity=parity)
