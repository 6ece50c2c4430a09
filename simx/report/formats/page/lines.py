"""What the page of a history draws: a line for each cell over its reports, as points of an SVG."""

from collections.abc import Iterator

import msgspec
import numpy as np

from simx.common.safe_text import clean
from simx.report.blocks.history import differing_settings
from simx.report.words.comparison import cell_name, share
from simx.report.words.values import NANOSECONDS_PER_MS
from simx.results.history.history import History, Line
from simx.results.summaries.summary import target_of

MOST_LINES = 200
"""Of a page: the cells that changed come first."""

MOST_POINTS = 400
"""Of a line. With more reports, each point is the geometric mean of some neighbours."""

WIDTH, HEIGHT = 1000, 100
"""Of a drawing, in the units of its points."""

_MARGIN = 0.05
"""Of the height, above the longest and below the shortest time."""


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A change on a line, at ``x``: of the ``cell``, its ``target``, or the ``machine``."""

    x: float
    of: str
    text: str


class Drawing(msgspec.Struct, frozen=True, kw_only=True):
    """One cell's line; ``points`` are those of an SVG's polyline, ``text`` its times in words."""

    name: str
    text: str
    points: str
    marks: tuple[Mark, ...]


def drawings(of: History) -> Iterator[Drawing]:
    """Yield the lines of at most ``MOST_LINES`` cells, those that changed first."""
    settings = differing_settings(of)
    changed = [change.cell for event in of.events for change in event.changes if change.cell]
    lines = sorted(of.lines, key=lambda line: line.cell not in changed)
    for line in lines[:MOST_LINES]:
        starts = np.unique(np.linspace(0, len(line.ns), MOST_POINTS, endpoint=False).astype(int))
        counts = np.diff(starts, append=len(line.ns))
        x = np.add.reduceat(np.array(line.reports) * _step(of), starts) / counts
        y = np.add.reduceat(np.log(line.ns), starts) / counts
        low, high = min(y), max(y)
        scale = HEIGHT * (1 - 2 * _MARGIN) / ((high - low) or 1)
        points = [
            f"{at:.1f},{HEIGHT * _MARGIN + (high - log) * scale:.1f}"
            for at, log in zip(x, y, strict=True)
        ]
        ends = [f"{np.exp(log) / NANOSECONDS_PER_MS:.4g}" for log in (low, high)]
        yield Drawing(
            name=cell_name(line.cell, settings),
            text=f"from {ends[0]} to {ends[1]} ms, {len(line.ns):,} reports",
            points=" ".join(points * 2 if len(points) == 1 else points),
            marks=tuple(_marks(of, line)),
        )


def _marks(of: History, line: Line) -> Iterator[Mark]:
    target = target_of(line.cell)
    for event in of.events:
        for change in event.changes:
            if change.cell == line.cell:
                what = "cell"
            elif change.cell is None and change.cells and change.target == target:
                what = "target"
            elif change.cell is None and not change.cells and change.target == target.in_full:
                what = "machine"
            else:
                continue
            name = clean(of.reports[event.report].name)
            text = f"{name}, {what}: {share(change.ratio)} %"
            yield Mark(x=round(event.report * _step(of), 1), of=what, text=text)


def _step(of: History) -> float:
    """Return how far apart two reports are in a drawing."""
    return WIDTH / max(1, len(of.reports) - 1)
