"""A comparison as headings, paragraphs and tables, which the formats for people all start from."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Literal

import msgspec

from simx.report.clean import clean
from simx.report.comparison.wording import (
    GATED,
    TONES,
    VERDICT_WORDS,
    backbone_of,
    cell_name,
    counted,
    difference_text,
    differences_text,
    executor_of,
    listed,
    names,
    share,
    share_value,
    time_name,
)
from simx.report.names import NOISY, executor_name
from simx.report.table import ABSENT, Column, Row, Table, Value
from simx.results.comparison.changes import Verdict
from simx.results.comparison.outcome import (
    CellComparison,
    Change,
    Comparison,
    MeanChange,
    RangeComparison,
)
from simx.results.schema import Identity

Show = Literal["auto", "changes", "all"]
"""Which cells tables have: all of them, only what is not equal, or whichever stays readable."""

READABLE_CELLS = 60
MOST_ROWS = 40

_NS_PER_MS = 1e6

CHANGE_COLUMNS = (
    Column("base", "ms"),
    Column("new", "ms"),
    Column("change", "%"),
    Column("from", "%"),
    Column("to", "%"),
)
"""The first five of ``_values``."""

LEGEND = (
    "change: the new time over the old one, of forward, with its 95 % interval, which allows for "
    "what two runs of the same thing differ in by themselves. slower, faster: all of the interval "
    "lies beyond the threshold. equal: it lies within, and has no change in it. small: it lies "
    "within, but there is a change. open: it reaches across the threshold; seen from: the smallest "
    f"slowdown that would have been called one. {NOISY} one of the runs was mostly disturbed "
    f"there, so nothing is said. {GATED} a regression, corrected for the number of cells."
)


class Heading(msgspec.Struct, frozen=True):
    """The title of what follows."""

    text: str


class Paragraph(msgspec.Struct, frozen=True):
    """A sentence or a few; ``warns`` where a reader has to see it, ``faint`` where it explains."""

    text: str
    warns: bool = False
    faint: bool = False


Block = Heading | Paragraph | Table


def blocks(comparison: Comparison, show: Show) -> Iterator[Block]:
    """Yield everything that people are told of a comparison; its text is safe to print."""
    yield Heading(f"{clean(comparison.base.name)} → {clean(comparison.new.name)}")
    yield from _premises(comparison)
    yield from _summary(comparison)
    for each in comparison.ranges:
        yield from _range(each, comparison, show)
    yield from _other_times(comparison)
    yield from _other_changes(comparison)
    yield from _not_compared(comparison)
    if comparison.compared:
        yield Paragraph(LEGEND, faint=True)


def _premises(comparison: Comparison) -> Iterator[Block]:
    """Yield what was compared with what, and what was allowed for."""
    base, new = comparison.base, comparison.new
    yield Paragraph(f"base: {clean(base.name)}, {clean(base.created)}, simx {clean(base.simx)}")
    yield Paragraph(f"new: {clean(new.name)}, {clean(new.created)}, simx {clean(new.simx)}")
    if comparison.one_run:
        yield Paragraph(
            f"threshold {100 * comparison.threshold:g} %; both reports are of one run, so nothing "
            "is allowed for what two runs differ in"
        )
        return
    spread = f"{100 * comparison.run_to_run.spread:.2g} %"
    source = (
        f"learnt from {counted(comparison.repeats + 1, 'run')}"
        if comparison.repeats
        else "the default; --repeat REPORT learns it from the base measured again"
    )
    yield Paragraph(
        f"threshold {100 * comparison.threshold:g} %; runs of the same thing are taken to differ "
        f"by {spread} by themselves ({source})"
    )
    for shift in comparison.machine:
        if abs(shift.ratio - 1) >= 0.005:  # noqa: PLR2004 - would show as 0 %
            slower = "slower" if shift.ratio > 1 else "faster"
            yield Paragraph(
                f"by its canary on {executor_name(shift.executor)} the machine was "
                f"{100 * abs(shift.ratio - 1):.0f} % {slower} in the new run: intervals reach as "
                "much further, since that may be all there is to a change"
            )
    if comparison.pictures:
        yield Paragraph(
            f"the pictures differ ({', '.join(comparison.pictures)}): embedding times and "
            "similarities that depend on them are compared only with --allow pictures",
            warns=True,
        )


def _summary(comparison: Comparison) -> Iterator[Block]:
    """Yield how many cells fared how, and the regressions by name."""
    verdicts = [each.forward.verdict for each in comparison.compared if each.forward]
    if not comparison.compared:
        yield Paragraph("nothing could be compared", warns=True)
        return
    if not verdicts:
        yield Paragraph("there is no forward to compare; other times are below", warns=True)
        return
    counts = (
        f"{verdicts.count(verdict):,} {VERDICT_WORDS[verdict]}" for verdict in _present(verdicts)
    )
    lost = [
        (len(comparison.barred), "not comparable"),
        (len(comparison.failures), "failed"),
        (len(comparison.only_base), "only in base"),
        (len(comparison.only_new), "only in new"),
    ]
    others = (f"{count:,} {word}" for count, word in lost if count)
    yield Paragraph(f"{counted(len(verdicts), 'cell')}: {', '.join((*counts, *others))}")
    regressions = comparison.regressions
    if regressions:
        worst = sorted(regressions, key=lambda cell: -(cell.forward.ratio if cell.forward else 0.0))
        texts = [
            f"{cell_name(cell.new)} {share(cell.forward.ratio)} %" for cell in worst if cell.forward
        ]
        yield Paragraph(f"regression: {listed(texts)}", warns=True)
    else:
        yield Paragraph("no regression")


def _present(verdicts: Sequence[Verdict]) -> Iterator[Verdict]:
    return (verdict for verdict in VERDICT_WORDS if verdict in verdicts)


def _range(each: RangeComparison, comparison: Comparison, show: Show) -> Iterator[Block]:
    compared = [cell for cell in each.cells if cell.forward is not None]
    if not compared:
        return
    label = "outside the ranges" if each.range is None else each.range.label
    yield Heading(f"GFLOPS {clean(label)}, {counted(len(compared), 'cell')}")
    shown = compared if _shows_all(comparison, show) else [c for c in compared if _is_news(c)]
    if shown:
        yield _forward_table(shown)
    if len(shown) < len(compared):
        yield _left_out([cell for cell in compared if not _is_news(cell)])
    for mean in each.means:
        yield Paragraph(_mean(mean))


def _shows_all(comparison: Comparison, show: Show) -> bool:
    return show == "all" or (show == "auto" and len(comparison.compared) <= READABLE_CELLS)


def _is_news(cell: CellComparison) -> bool:
    change = cell.forward
    return change is not None and (
        change.verdict in {"slower", "faster"} or change.gated or change.listed
    )


def _left_out(cells: Sequence[CellComparison]) -> Paragraph:
    """Return what the cells amount to that a table left out."""
    changes = [cell.forward for cell in cells if cell.forward]
    verdicts = [change.verdict for change in changes]
    counts = [f"{verdicts.count(each):,} {VERDICT_WORDS[each]}" for each in _present(verdicts)]
    seen = [change.smallest_seen for change in changes if change.smallest_seen is not None]
    reach = f", where slowdowns show from {100 * min(seen):.1f} to {100 * max(seen):.1f} %"
    return Paragraph(
        f"not shown: {', '.join(counts)}{reach if seen else ''} (--show all has them)", faint=True
    )


def _forward_table(cells: Sequence[CellComparison]) -> Table:
    return Table(
        keys=(Column("model", align="left"), Column("backend", align="left")),
        columns=(
            *CHANGE_COLUMNS,
            Column("verdict", align="left"),
            Column("seen from", "%"),
        ),
        rows=tuple(
            Row((backbone_of(cell.new), executor_of(cell.new)), _values(cell.forward))
            for cell in cells
            if cell.forward is not None
        ),
    )


def _values(change: Change) -> tuple[Value, ...]:
    seen = change.smallest_seen
    return (
        Value(_milliseconds(change.base_ns)),
        Value(_milliseconds(change.new_ns)),
        share_value(change.ratio),
        share_value(change.low),
        share_value(change.high),
        Value(
            VERDICT_WORDS[change.verdict],
            mark=GATED if change.gated else NOISY if change.noisy else "",
            tone=TONES[change.verdict],
        ),
        ABSENT if seen is None else Value(f"{100 * seen:.1f}"),
    )


def _milliseconds(ns: float) -> str:
    """Return a time with three significant digits; the interval is the change's."""
    value = ns / _NS_PER_MS
    whole = len(str(int(value))) if value >= 1 else 0
    return f"{value:.{max(0, 3 - whole)}f}" if value >= 0.01 else f"{value:.2g}"  # noqa: PLR2004


def _mean(mean: MeanChange) -> str:
    return (
        f"geometric mean of {counted(mean.cells, 'cell')} on {executor_name(mean.executor)}: "
        f"{share(mean.ratio)} % ({share(mean.low)} to {share(mean.high)}), "
        f"{VERDICT_WORDS[mean.verdict]}"
    )


def _other_times(comparison: Comparison) -> Iterator[Block]:
    """Yield the times besides ``forward`` that changed, cells with the largest changes first.

    Of cells without a ``forward``, as quoted ones are, all are told.
    """
    by_cell = [
        (
            cell,
            [
                each
                for each in cell.changes
                if each.scope != "forward" and (each.listed or cell.forward is None)
            ],
        )
        for cell in comparison.compared
    ]
    found = sorted(
        ((cell, changes) for cell, changes in by_cell if changes),
        key=lambda pair: -max(map(_distance, pair[1])),
    )
    rows = [
        Row(
            (
                backbone_of(cell.new),
                executor_of(cell.new),
                time_name(change.scope, change.image),
            ),
            _values(change)[:5],
        )
        for cell, changes in found
        for change in changes
    ]
    if not rows:
        return
    yield Heading("Other times")
    yield Table(
        keys=tuple(Column(name, align="left") for name in ("model", "backend", "time")),
        columns=CHANGE_COLUMNS,
        rows=tuple(rows[:MOST_ROWS]),
    )
    yield from _more(rows)


def _distance(change: Change) -> float:
    """Return how far from no change it is: twice as long is as far as half as long."""
    return max(change.ratio, 1 / change.ratio)


def _other_changes(comparison: Comparison) -> Iterator[Block]:
    """Yield what changed besides times."""
    rows = [
        Row(
            (backbone_of(cell.new), executor_of(cell.new)),
            (Value(other.name), Value(clean(other.base)), Value(clean(other.new))),
        )
        for cell in comparison.cells
        for other in cell.others
    ]
    if rows:
        yield Heading("Besides latency")
        yield Table(
            keys=(Column("model", align="left"), Column("backend", align="left")),
            columns=(Column("what", align="left"), Column("base"), Column("new")),
            rows=tuple(rows[:MOST_ROWS]),
        )
        yield from _more(rows)


def _more(rows: Sequence[Row]) -> Iterator[Block]:
    if len(rows) > MOST_ROWS:
        yield Paragraph(f"and {len(rows) - MOST_ROWS:,} more (--format csv has all)", faint=True)


def _not_compared(comparison: Comparison) -> Iterator[Block]:
    """Yield every cell without a verdict, and why."""
    texts = [
        *_barred(comparison),
        *(
            f"{cell_name(each.identity)} failed "
            + "; ".join(
                f"in {side} {clean(reason)}"
                for side, reason in (("base", each.base), ("new", each.new))
                if reason is not None
            )
            for each in comparison.failures
        ),
        *_missing("only in base", comparison.only_base),
        *_missing("only in new", comparison.only_new),
    ]
    if texts:
        yield Heading("Not compared")
        yield from map(Paragraph, texts)
    allowed = sorted(
        {difference_text(each) for cell in comparison.compared for each in cell.allowed}
    )
    if allowed:
        yield Paragraph(f"let pass: {listed(allowed)}", warns=True)


def _missing(where: str, identities: Sequence[Identity]) -> Iterator[str]:
    if identities:
        yield f"{where}: {names(identities)}"


def _barred(comparison: Comparison) -> Iterator[str]:
    """Yield the cells that are not the same thing, by what differs."""
    keyed = sorted(
        ((differences_text(cell.barred), cell) for cell in comparison.barred),
        key=lambda pair: pair[0],
    )
    for text, group in groupby(keyed, key=lambda pair: pair[0]):
        cells = [cell for _, cell in group]
        allow = ",".join(dict.fromkeys(each.name for each in cells[0].barred))
        yield f"{text} (compare with --allow {allow}): {names(cell.new for cell in cells)}"
