"""Merges the cells and the canaries of several launches into those of one report."""

from collections.abc import Hashable, Iterable, Sequence

import msgspec

from simx.common import grouped
from simx.results.schema.report import (
    Canary,
    FailedCell,
    MeasuredCell,
    Outcome,
    Parity,
    Preparation,
)
from simx.results.schema.times import Launch, Timing


def merge_cells(cells: Iterable[Outcome]) -> tuple[Outcome, ...]:
    """Merge the cells of several launches, in the order of their first launch.

    A cell that failed in any launch has failed: its other times are not a figure.
    """
    return tuple(map(_merged, grouped(cells, lambda each: each.identity).values()))


def forward_of(cell: MeasuredCell) -> tuple[Launch, ...]:
    """Return the launches of a cell's ``forward``; empty if it was not measured."""
    return next((timing.launches for timing in cell.timings if timing.scope == "forward"), ())


def merge_canaries(canaries: Iterable[Canary]) -> tuple[Canary, ...]:
    """Merge the canaries of several launches of the same backbone, backend and provider."""
    groups = grouped(canaries, _canary_key)
    return tuple(
        msgspec.structs.replace(group[-1], launches=_launches(group)) for group in groups.values()
    )


def _canary_key(of: Canary) -> Hashable:
    return of.model, of.weights, of.kind, of.backend, of.provider


def merge_preparations(preparations: Iterable[Preparation]) -> tuple[Preparation, ...]:
    """Merge the preparations of several launches of the same backbone."""
    groups = grouped(preparations, lambda each: (each.model, each.weights, each.kind))
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
    groups = grouped(timings, lambda each: (each.scope, each.image))
    return tuple(
        msgspec.structs.replace(group[0], launches=_launches(group)) for group in groups.values()
    )


def _launches(group: Iterable[Canary | Timing]) -> tuple[Launch, ...]:
    return tuple(launch for each in group for launch in each.launches)
