"""Reports over time: on which of them a cell, a target or the machine changed. Pure.

A report has something in common for all its cells, as a machine has good days and bad ones. So a
target's series is what most of its cells did, and a cell's series what it did besides: that has far
less noise than the cell's own times, and one cause is named once. Without other cells, a cell's
series is its own times. The canaries, whose work is not the cells', are the machine's series.
"""

import math
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from simx.common import grouped
from simx.results.comparison.changes import benjamini_hochberg
from simx.results.history.change_points import (
    FEWEST,
    LEVEL,
    LevelChange,
    Values,
    level_changes,
    remaining,
)
from simx.results.history.entries import Entry, Stored
from simx.results.schema.differences import differences
from simx.results.statistics.moderation import Prior, prior
from simx.results.summaries.summary import CellLabel, TargetId, target_of

FEWEST_CELLS = 4
"""Cells of a target whose common movement is told from theirs: of a cell's three others, one that
changes moves the middle by no more than noise."""

_POLISHING = 10
"""Steps of the median polish, which changes nothing after a few."""

_BESIDE = 10
"""Values on either side of a change of which the middles are shown."""


class ReportLine(msgspec.Struct, frozen=True, kw_only=True):
    """One report of the history."""

    name: str
    created: str
    simx: str
    commit: str | None


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """A change of one series' level; reports are places in the history's list.

    ``cell`` is None for what the ``cells`` of a target have in common, or for the machine, whose
    ``cells`` are 0. ``ratio`` is the new level over the old one, with its interval, of a cell in a
    target relative to the target's other cells. ``report`` is the first with the new level; it lies
    between ``first`` and ``last``. ``q`` is the share of false ones among the changes that are as
    sure as this one. ``before_ns`` and ``after_ns`` are a cell's or a canary's own levels.
    ``moved`` counts the target's cells that went at least half as far in the same direction.
    """

    target: TargetId
    cell: CellLabel | None
    cells: int
    moved: int
    report: int
    first: int
    last: int
    ratio: float
    low: float
    high: float
    q: float
    before_ns: float | None
    after_ns: float | None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that changed on one report.

    ``differences`` are those of each report from ``first`` to ``last`` of its changes, by its
    place, to the one before: versions, settings of the machine, the commit, a cell's file.
    """

    report: int
    changes: tuple[Level, ...]
    differences: tuple[tuple[int, str], ...]


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A cell's times in nanoseconds, and the places of the reports that have them."""

    cell: CellLabel
    reports: tuple[int, ...]
    ns: tuple[float, ...]


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What reports show over time.

    ``events`` are in the order of time. ``short`` counts the cells that too few reports have, and
    ``disturbed`` the times of cells that were left out.
    """

    reports: tuple[ReportLine, ...]
    events: tuple[Event, ...]
    lines: tuple[Line, ...]
    threshold: float
    series: int
    short: int
    disturbed: int


class _Track(msgspec.Struct, frozen=True, kw_only=True):
    """A series to look at: its places among the reports, and what it is of.

    ``own`` are a cell's or a canary's own logarithms, from which others may be taken. ``common``
    is what the variances of a target's cells have in common.
    """

    target: TargetId
    places: npt.NDArray[np.intp]
    logs: Values
    errors: Values
    cell: CellLabel | None = None
    own: Values | None = None
    common: Prior | None = None
    cells: tuple["_Track", ...] = ()


def history(reports: Sequence[Stored], threshold: float = 0.01) -> History:
    """Return what changed in a series of reports, and when.

    Args:
        reports: In the order of time.
        threshold: The smallest change that matters, as a share.
    """
    entries = [each.entry for each in reports]
    own = list(_own(entries))
    cells = [track for track in own if track.cell is not None]
    long = [track for track in cells if len(track.places) >= FEWEST]
    tracks = [track for track in own if track.cell is None]
    for of in grouped(long, lambda track: track.target).values():
        tracks += _of_target(of, len(entries))
    changes = _judged(tracks, math.log1p(threshold))
    return History(
        reports=tuple(
            ReportLine(
                name=each.name,
                created=each.entry.created,
                simx=each.entry.simx,
                commit=getattr(each.entry.environment, "commit", None),
            )
            for each in reports
        ),
        events=tuple(
            _event(report, of, entries)
            for report, of in sorted(grouped(changes, lambda each: each.report).items())
        ),
        lines=tuple(
            Line(
                cell=track.cell,
                reports=tuple(track.places.tolist()),
                ns=tuple(np.exp(track.logs).tolist()),
            )
            for track in cells
            if track.cell
        ),
        threshold=threshold,
        series=len(tracks),
        short=len(cells) - len(long),
        disturbed=sum(each.disturbed for each in entries),
    )


def _own(entries: Sequence[Entry]) -> Iterator[_Track]:
    found: list[tuple[TargetId | CellLabel, CellLabel | None, int, float, float | None]] = [
        *(
            (target, None, place, math.log(ns), None)
            for place, each in enumerate(entries)
            for target, ns in each.canaries
        ),
        *(
            (_without_weights(point.cell), point.cell, place, point.log, point.error)
            for place, each in enumerate(entries)
            for point in each.points
        ),
    ]
    for key, values in grouped(found, lambda value: value[0]).items():
        logs = np.array([log for *_, log, _ in values])
        yield _Track(
            target=key if isinstance(key, TargetId) else target_of(key),
            cell=values[-1][1],
            places=np.array([place for _, _, place, *_ in values]),
            logs=logs,
            errors=np.array([math.nan if error is None else error for *_, error in values]),
            own=logs,
        )


def _without_weights(cell: CellLabel) -> CellLabel:
    return msgspec.structs.replace(cell, weights_origin=None, weights_sha256=None)


def _of_target(cells: Sequence[_Track], count: int) -> list[_Track]:
    """Return what a target's cells have in common, and each cell besides that.

    Both are the parts of a median polish (J. W. Tukey, "Exploratory data analysis", 1977), which a
    minority of cells does not move, and which does not need all cells in every report. With few
    cells, one that changes moves the middle a little; so what it did is taken out in a second pass.
    What the first pass leaves tells what the cells' variances have in common.
    """
    if len(cells) < FEWEST_CELLS:
        return list(cells)
    table = np.full((len(cells), count), np.nan)
    for its, cell in zip(table, cells, strict=True):
        its[cell.places] = cell.logs
    places = np.flatnonzero((~np.isnan(table)).any(axis=0))
    table = table[:, places]
    steps, parts = np.zeros(table.shape), []
    for row, track in enumerate(_besides(cells, table, table, places)):
        changes = level_changes(track.logs, track.errors)
        for each in changes:
            steps[row, places >= track.places[each.at]] += each.size
        if len(track.logs) >= FEWEST:
            parts.append(remaining(track.logs, track.errors, changes))
    common, _ = _polished(table - steps)
    whole = _Track(
        target=cells[0].target,
        places=places,
        logs=common,
        errors=np.full(len(common), np.nan),
        cells=tuple(cells),
    )
    of_cells = _besides(cells, table, table - steps, places)
    variances = prior(parts)
    return [whole, *(msgspec.structs.replace(each, common=variances) for each in of_cells)]


def _polished(table: Values) -> tuple[Values, Values]:
    """Return the middles of the columns and of the rows that explain a table, as their sum."""
    columns, rows = np.zeros(table.shape[1]), np.zeros((len(table), 1))
    for _ in range(_POLISHING):
        rows = np.nanmedian(table - columns, axis=1, keepdims=True)
        columns = np.nanmedian(table - rows, axis=0)
    return columns, rows


def _besides(
    cells: Sequence[_Track], table: Values, of_others: Values, places: npt.NDArray[np.intp]
) -> Iterator[_Track]:
    centred = of_others - _polished(of_others)[1]
    for row, cell in enumerate(cells):
        others = np.delete(centred, row, axis=0)
        seen = ~(np.isnan(table[row]) | np.isnan(others).all(axis=0))
        kept = np.isin(cell.places, places[seen])
        yield msgspec.structs.replace(
            cell,
            places=cell.places[kept],
            own=cell.logs[kept],
            logs=cell.logs[kept] - np.nanmedian(others[:, seen], axis=0),
            errors=cell.errors[kept],
        )


def _judged(tracks: Sequence[_Track], threshold: float) -> list[Level]:
    found = [
        (track, level_changes(track.logs, track.errors, common=track.common)) for track in tracks
    ]
    # A series without a change is one that was looked at, too.
    looks = [(track, each) for track, of in found for each in (of or (None,))]
    q_values = benjamini_hochberg([1.0 if each is None else each.p for _, each in looks])
    return [
        _level(track, each, q)
        for (track, each), q in zip(looks, q_values, strict=True)
        if each is not None and q <= LEVEL and abs(each.size) >= threshold
    ]


def _level(track: _Track, of: LevelChange, q: float) -> Level:
    before, after = (None, None) if track.own is None else _sides(track.own, of.at)
    moved = 0
    for cell in track.cells:
        at = int(np.searchsorted(cell.places, track.places[of.at]))
        if 0 < at < len(cell.places):
            one, other = _sides(cell.logs, at)
            moved += math.log(other / one) * math.copysign(1, of.size) >= abs(of.size) / 2
    return Level(
        target=track.target,
        cell=track.cell,
        cells=len(track.cells),
        moved=moved,
        report=int(track.places[of.at]),
        first=int(track.places[of.first]),
        last=int(track.places[of.last]),
        ratio=math.exp(of.size),
        low=math.exp(of.size - of.half),
        high=math.exp(of.size + of.half),
        q=q,
        before_ns=before,
        after_ns=after,
    )


def _sides(logs: Values, at: int) -> tuple[float, float]:
    """Return the middle times, in nanoseconds, just before and just after a place."""
    before, after = logs[max(0, at - _BESIDE) : at], logs[at : at + _BESIDE]
    return math.exp(np.median(before)), math.exp(np.median(after))


def _event(report: int, changes: Sequence[Level], entries: Sequence[Entry]) -> Event:
    def order(each: Level) -> tuple[bool, bool, float]:
        return each.cell is not None, each.cells > 0, -abs(math.log(each.ratio))

    first, last = min(each.first for each in changes), max(each.last for each in changes)
    cells = {_without_weights(each.cell) for each in changes if each.cell}
    return Event(
        report=report,
        changes=tuple(sorted(changes, key=order)),
        differences=tuple(
            (place, text)
            for place in range(max(first, 1), last + 1)
            for text in _differences(entries[place - 1], entries[place], cells)
        ),
    )


def _differences(before: Entry, now: Entry, cells: set[CellLabel]) -> Iterator[str]:
    if before.simx != now.simx:
        yield f"simx was {before.simx} and is {now.simx}"
    yield from (text for _, text in differences(before.environment, now.environment))
    files = [
        {_without_weights(point.cell): point.graph for point in each.points}
        for each in (before, now)
    ]
    both = cells & files[0].keys() & files[1].keys()
    changed = {cell for cell in both if files[0][cell] != files[1][cell]}
    names = {f"{cell.model} on {target_of(cell).name}" for cell in changed}
    yield from (f"{name} ran another file, by its hash" for name in sorted(names))
