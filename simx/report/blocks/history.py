"""A history of reports as a document."""

from collections.abc import Iterator, Sequence

from simx.common.safe_text import clean, counted
from simx.report.blocks.document import Block, Column, Heading, Paragraph, Points, Row, Table
from simx.report.words.comparison import cell_name, share
from simx.report.words.names import target_name
from simx.report.words.values import ABSENT, NANOSECONDS_PER_MS, Tone, Value
from simx.results.history.change_points import FEWEST
from simx.results.history.history import Event, History, Level

MOST_ROWS = 40
"""Changes of one report that a table has; it counts the others."""

LEGEND = (
    "change: the new level over the old one, with its 95 % interval. A target is what most of its "
    "cells did, and a cell what it did besides. chance: the share of false ones among the changes "
    "that are at least as sure. between: the reports on which it may have begun."
)

_SMALLEST_SHARE = 1e-4


def history_blocks(of: History) -> Iterator[Block]:
    """Yield the summary, and for each report on which something changed what did."""
    reports = of.reports
    yield Heading(f"simx history, {counted(len(reports), 'report')}", level=1)
    if not reports:
        return
    yield Paragraph(f"from {clean(reports[0].created)} to {clean(reports[-1].created)}")
    count = sum(len(event.changes) for event in of.events)
    where = f"{of.series:,} series, of {counted(len(of.lines), 'cell')}, their targets and canaries"
    what, on = f"of at least {100 * of.threshold:g} %", counted(len(of.events), "report")
    text = f"{counted(count, 'change')} {what} on {on}, in {where}"
    yield Paragraph(text, "strong") if count else Paragraph(f"no change {what} in {where}")
    if of.short:
        short = counted(of.short, "cell")
        reason = f"fewer than {FEWEST} reports have a time of it that counts"
        yield Paragraph(f"{short} not looked at: {reason}", "warning")
    if of.disturbed:
        left_out = counted(of.disturbed, "time")
        text = f"{left_out} left out, because the machine was disturbed or busy"
        yield Paragraph(text, "warning")
    settings = differing_settings(of)
    for event in of.events:
        yield from _event(event, of, settings)
    if of.events:
        yield Paragraph(LEGEND, "faint")


def differing_settings(of: History) -> tuple[str, ...]:
    """Return the fields of a cell that its name has to tell, because cells differ in them."""
    return tuple(
        name
        for name in ("batch", "instances", "threads")
        if len({getattr(line.cell, name) for line in of.lines}) > 1
    )


def _event(event: Event, of: History, settings: Sequence[str]) -> Iterator[Block]:
    report = of.reports[event.report]
    yield Heading(f"{clean(report.name)}, {clean(report.created)}")
    yield Table(
        columns=(
            Column("what", justify="left"),
            *(Column(name, "%") for name in ("change", "from", "to")),
            Column("before", "ms"),
            Column("after", "ms"),
            Column("chance", "%"),
            Column("between", justify="left", optional=True),
        ),
        rows=tuple(_row(each, of, settings) for each in event.changes[:MOST_ROWS]),
    )
    if len(event.changes) > MOST_ROWS:
        left_out = len(event.changes) - MOST_ROWS
        yield Paragraph(f"and {left_out:,} more (--format json has all)", "faint")
    texts = (f"{clean(of.reports[at].name)}: {clean(text)}" for at, text in event.differences)
    yield Points(tuple(texts) or ("nothing else that reports record changed",))


def _row(each: Level, of: History, settings: Sequence[str]) -> Row:
    name = target_name(each.target)
    if each.cell is not None:
        name = cell_name(each.cell, settings)
    elif each.cells:
        name += f", {each.moved} of {counted(each.cells, 'cell')}"
    else:
        name = f"machine ({name})"
    tone: Tone = "bad" if each.ratio > 1 else "best"
    ends = (clean(of.reports[at].name) for at in (each.first, each.last))
    return Row(
        (
            Value(name),
            Value(share(each.ratio), tone=tone),
            *(Value(share(end)) for end in (each.low, each.high)),
            *(
                ABSENT if ns is None else Value(f"{ns / NANOSECONDS_PER_MS:.4g}")
                for ns in (each.before_ns, each.after_ns)
            ),
            Value(f"{100 * each.q:.2g}" if each.q >= _SMALLEST_SHARE else "<0.01"),
            Value(" and ".join(dict.fromkeys(ends))),
        )
    )
