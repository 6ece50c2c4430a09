"""Merges the cells and the canaries of several launches into those of one report."""

from collections.abc import Iterable, Sequence

import msgspec

from simx.models.pictures import Image
from simx.results.schema.report import (
    Canary,
    FailedCell,
    Identity,
    MeasuredCell,
    Outcome,
    Parity,
    Preparation,
)
from simx.results.schema.times import Launch, Scope, Timing


def merge_cells(cells: Iterable[Outcome]) -> tuple[Outcome, ...]:
    """Merge the cells of several launches, in the order of their first launch.

    A cell that failed in any launch has failed: its other times are not a figure.
    """
    groups: dict[Identity, list[Outcome]] = {}
    for cell in cells:
        groups.setdefault(cell.identity, []).append(cell)
    return tuple(map(_merged, groups.values()))


def forward_of(cell: MeasuredCell) -> tuple[Launch, ...]:
    """Return the launches of a cell's ``forward``; empty if it was not measured."""
    return next((timing.launches for timing in cell.timings if timing.scope == "forward"), ())


def merge_canaries(canaries: Iterable[Canary]) -> tuple[Canary, ...]:
    """Merge the canaries of several launches of the same backbone, backend and provider."""
    merged: dict[tuple[str, ...], Canary] = {}
    for canary in canaries:
        key = (canary.model, canary.weights, canary.backend, canary.provider)
        earlier = merged[key].launches if key in merged else ()
        merged[key] = msgspec.structs.replace(canary, launches=(*earlier, *canary.launches))
    return tuple(merged.values())


def merge_preparations(preparations: Iterable[Preparation]) -> tuple[Preparation, ...]:
    """Merge the preparations of several launches of the same backbone."""
    groups: dict[tuple[str, str], list[Preparation]] = {}
    for each in preparations:
        groups.setdefault((each.model, each.weights), []).append(each)
    return tuple(
        msgspec.structs.replace(
            group[0], timings=_merged_timings(timing for each in group for timing in each.timings)
        )
        for group in groups.values()
    )


def _merged(group: Sequence[Outcome]) -> Outcome:
    measured = [cell for cell in group if isinstance(cell, MeasuredCell)]
    if len(measured) < len(group):
        return next(cell for cell in reversed(group) if isinstance(cell, FailedCell))
    timings = _merged_timings(timing for cell in measured for timing in cell.timings)
    # A cell agrees with torch as well as its worst launch did.
    parity = Parity(
        cosine=min(cell.parity.cosine for cell in measured),
        relative_l2=max(cell.parity.relative_l2 for cell in measured),
    )
    return msgspec.structs.replace(measured[0], timings=timings, parity=parity)


def _merged_timings(timings: Iterable[Timing]) -> tuple[Timing, ...]:
    launches: dict[tuple[Scope, Image | None], list[Launch]] = {}
    for timing in timings:
        launches.setdefault((timing.scope, timing.image), []).extend(timing.launches)
    return tuple(
        Timing(scope=scope, image=image, launches=tuple(found))
        for (scope, image), found in launches.items()
    )
