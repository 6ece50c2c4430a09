"""A comparison of reports as a document."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from simx.common import grouped
from simx.common.safe_text import clean, counted
from simx.report.blocks.document import Block, Column, Heading, Paragraph, Row, Table
from simx.report.blocks.report_tables import key_columns
from simx.report.words import figures
from simx.report.words.comparison import (
    GATED,
    MOST_CELLS,
    OF_WEIGHTS,
    VERDICTS,
    cell_name,
    difference_text,
    differences_text,
    names,
    share,
    time_name,
)
from simx.report.words.names import NOISY, listed, setting_name, target_name
from simx.report.words.notes import AGAIN, RANDOM_NOTE
from simx.report.words.values import ABSENT, Value
from simx.results.comparison.outcome import CellComparison, Change, Comparison, RangeComparison
from simx.results.summaries.summary import OUTSIDE, target_of

Show = Literal["auto", "changes", "all"]
"""The cells in the tables: all, only changed ones, or all unless they are many."""

READABLE_CELLS = 60

MOST_SEEN = 10.0
"""The largest slowdown, as a share, that is printed as the smallest one that shows."""

MOST_ROWS = 40
"""Rows in the tables of other times and other changes, which can be very long."""

ALLOWED = ", which allows for the difference between two equal runs"
"""Of the interval of a change, unless both times are of one run."""

LEGEND = (
    "change: the new time over the old one, of forward, with its 95 % interval{allowed}. slower, "
    "faster: all of the interval is beyond the threshold. equal: all of it is within, and includes "
    "no change. small: all of it is within, without no change. undecided: it reaches across the "
    "threshold; seen from: the smallest slowdown that would have been found. "
    f"{NOISY} one of the runs was mostly disturbed, so there "
    f"is no verdict. {GATED} a regression, corrected for the number of cells. "
    f"{figures.UNKNOWN.figure} {figures.UNKNOWN_TEXT}: the ends of the change's interval are more "
    f"than a factor of {figures.IMPRECISE_FACTOR:g} apart (--format csv has them)."
)


def comparison_blocks(comparison: Comparison, show: Show) -> Iterator[Block]:
    """Yield a comparison as people read it."""
    yield Heading(f"{clean(comparison.base.name)} → {clean(comparison.new.name)}")
    summary = _summary(comparison)
    yield summary
    yield from _premises(comparison)
    for each in comparison.ranges:
        yield from _range(each, comparison, show)
    yield from _other_times(comparison)
    yield from _other_changes(comparison)
    yield from _not_compared(comparison)
    if comparison.compared:
        allowed = "" if comparison.one_run else ALLOWED
        yield Paragraph(LEGEND.format(allowed=allowed), "faint")
    if any(cell.new.weights_origin == "random" and cell.others for cell in comparison.cells):
        yield Paragraph(RANDOM_NOTE, "faint")
    yield summary


def _premises(comparison: Comparison) -> Iterator[Block]:
    for side, of in (("base", comparison.base), ("new", comparison.new)):
        yield Paragraph(f"{side}: {clean(of.name)}, {clean(of.created)}, simx {clean(of.simx)}")
    threshold = f"threshold {100 * comparison.threshold:g} %"
    found = [cell.forward for cell in comparison.compared]
    if any(change and change.smallest_seen for change in found):
        between = "One run with both shows smaller ones: simx diff REPORT --between A B"
        more = "" if comparison.one_run else f". {between}"
        yield Paragraph(f"slowdowns show from {_seen(found)}{more}")
    if comparison.one_run:
        both = "targets were measured in one run" if comparison.paired else "reports are of one run"
        yield Paragraph(
            f"{threshold}; both {both}, so there is no allowance for the difference between runs"
        )
        return
    spread = f"{figures.brief(100 * comparison.run_to_run.spread)} %"
    source = "the default; --repeat REPORT estimates it from the base measured again"
    if comparison.repeats:
        source = f"estimated from {counted(comparison.repeats + 1, 'run')}"
    yield Paragraph(f"{threshold}; allowance for the difference between runs: {spread} ({source})")
    for shift in comparison.machine:
        if abs(shift.ratio - 1) >= 0.005:  # noqa: PLR2004 - would show as 0 %
            slower = "slower" if shift.ratio > 1 else "faster"
            yield Paragraph(
                f"the canary on {target_name(shift.target)} was {100 * abs(shift.ratio - 1):.0f} % "
                f"{slower} in the new run: intervals are wider by as much, because the machine "
                "alone may cause such a change"
            )
    if comparison.pictures:
        yield Paragraph(
            f"the pictures differ ({', '.join(comparison.pictures)}): embedding times and "
            "similarities that depend on them are compared only with --allow pictures",
            "warning",
        )


def _summary(comparison: Comparison) -> Paragraph:
    found = [(each.forward.ratio, each.new) for each in comparison.regressions if each.forward]
    worst = sorted(found, key=lambda pair: -pair[0])
    texts = [
        f"{cell_name(identity, comparison.settings)} {share(ratio)} %" for ratio, identity in worst
    ]
    judged = [each.forward for each in comparison.cells if each.forward and not each.unjudged]
    lost = ", ".join(_unjudged(comparison))
    if not judged:
        return Paragraph(f"no cell has a verdict: {lost or 'there is no cell'}", "warning")
    verdict = f"regression: {listed(texts, MOST_CELLS)}" if texts else "no regression"
    counts = f"{counted(len(judged), 'cell')} with a verdict: {', '.join(_counts(judged))}"
    without = f"; without a verdict: {lost}" if lost else ""
    return Paragraph(f"{verdict}; {counts}{without}", "warning" if texts or lost else "plain")


def _unjudged(comparison: Comparison) -> Iterator[str]:
    """Yield how many cells have no verdict for each reason, and what would have shown in them."""
    for each in comparison.unjudged:
        text = f"{len(each.cells):,} {each.reason}"
        if each.reason == "undecided":
            of = [cell.forward for cell in comparison.cells if cell.unjudged == each.reason]
            text += f" (slowdowns show from {_seen(of)})"
        yield text


def _seen(changes: Iterable[Change | None]) -> str:
    """Return the smallest slowdowns that would have been found, of which at least one is known."""
    found = [each.smallest_seen for each in changes if each and each.smallest_seen is not None]
    low, high = _percent(min(found)), _percent(max(found))
    return f"{low} %" if low == high else f"{low} to {high} %"


def _percent(seen: float) -> str:
    return f"{100 * seen:.1f}" if seen < MOST_SEEN else f">{100 * MOST_SEEN:.0f}"


def _counts(changes: Sequence[Change]) -> Iterator[str]:
    verdicts = Counter(change.verdict for change in changes)
    words = ((verdicts[each], word) for each, (word, _) in VERDICTS.items())
    return (f"{count:,} {word}" for count, word in words if count)


def _range(each: RangeComparison, comparison: Comparison, show: Show) -> Iterator[Block]:
    compared = [cell for cell in each.cells if cell.forward]
    if not compared:
        return
    label = OUTSIDE if each.range is None else each.range.label
    yield Heading(f"GFLOPS {clean(label)}, {counted(len(compared), 'cell')}")
    readable = show == "auto" and len(comparison.compared) <= READABLE_CELLS
    shown = [cell for cell in compared if show == "all" or readable or _is_news(cell)]
    if shown:
        yield _forward_table(shown, comparison)
    if len(shown) < len(compared):
        left_out = [cell.forward for cell in compared if cell.forward and not _is_news(cell)]
        text = f"not shown: {', '.join(_counts(left_out))}"
        if any(change.smallest_seen is not None for change in left_out):
            text += f", where slowdowns show from {_seen(left_out)}"
        yield Paragraph(f"{text} (--show all has them)", "faint")
    for mean in each.means:
        found = f"{share(mean.ratio)} % ({share(mean.low)} to {share(mean.high)})"
        if figures.is_wide(mean.low, mean.high):
            found = figures.UNKNOWN_TEXT
        yield Paragraph(
            f"geometric mean of {counted(mean.cells, 'cell')} on {target_name(mean.target)}: "
            f"{found}, {VERDICTS[mean.verdict][0]}"
        )


def _is_news(cell: CellComparison) -> bool:
    change = cell.forward
    return change is not None and (
        change.verdict in {"slower", "faster"} or change.gated or change.listed
    )


def _not_compared(comparison: Comparison) -> Iterator[Block]:
    texts, settings = list[str](), comparison.settings
    by_text = grouped(comparison.barred, lambda cell: differences_text(cell.barred))
    for text, barred in sorted(by_text.items()):
        allow = ",".join(dict.fromkeys(each.name for each in barred[0].barred))
        which = names((cell.new for cell in barred), settings)
        texts.append(f"{text} (compare with --allow {allow}): {which}")
    for each in comparison.failures:
        sides = (("base", each.base), ("new", each.new))
        reasons = (f"in {side} {clean(reason)}" for side, reason in sides if reason is not None)
        texts.append(f"{cell_name(each.identity, settings)} failed {'; '.join(reasons)}")
    busy = [each.cells for each in comparison.unjudged if each.reason == "on a busy machine"]
    texts += (
        f"on a busy machine: {names(cells, settings)}; {AGAIN} (simx report shows how busy)"
        for cells in busy
    )
    missing = (("only in base", comparison.only_base), ("only in new", comparison.only_new))
    texts += (f"{where}: {names(found, settings)}" for where, found in missing if found)
    if texts:
        yield Heading("Not compared")
        yield from map(Paragraph, texts)
    allowed = {difference_text(each) for cell in comparison.compared for each in cell.allowed}
    if allowed:
        yield Paragraph(f"allowed to differ: {listed(sorted(allowed), MOST_CELLS)}", "warning")


def _forward_table(cells: Sequence[CellComparison], comparison: Comparison) -> Table:
    """Return the change of ``forward`` in each cell; all of them have it."""
    rows = []
    for cell, change in ((cell, cell.forward) for cell in cells if cell.forward):
        seen, mark = change.smallest_seen, GATED if change.gated else NOISY if change.noisy else ""
        word, tone = VERDICTS[change.verdict]
        verdict = Value(word, mark=mark, tone=tone)
        from_here = ABSENT if seen is None else Value(_percent(seen))
        rows.append(Row((*_keys(cell, comparison), *_change(change, "ms"), verdict, from_here)))
    judgement = Column("verdict", justify="left"), Column("seen from", "%", optional=True)
    columns = (*key_columns("model", "backend"), *_change_columns("ms"), *judgement)
    return Table(columns=columns, rows=tuple(rows), keys=2)


def _keys(cell: CellComparison, comparison: Comparison) -> tuple[Value, Value]:
    name = setting_name(cell.new, comparison.settings)
    return Value(name), Value(target_name(target_of(cell.new)))


def _change_columns(unit: str) -> tuple[Column, ...]:
    percent = (Column(name, "%") for name in ("change", "from", "to"))
    return (Column("base", unit), Column("new", unit), *percent)


def _change(change: Change, unit: str) -> tuple[Value, ...]:
    if figures.is_wide(change.low, change.high):
        return (figures.UNKNOWN,) * len(_change_columns(unit))
    times = (change.base_ns, change.new_ns)
    ratios = (change.ratio, change.low, change.high)
    return (
        *(Value(_digits(ns / figures.NANOSECONDS[unit])) for ns in times),
        *(ABSENT if ratio is None else Value(share(ratio)) for ratio in ratios),
    )


def _digits(value: float) -> str:
    """Return a time with three significant digits."""
    whole = len(str(int(value))) if value >= 1 else 0
    return f"{value:.{max(0, 3 - whole)}f}" if value >= 0.01 else f"{value:.2g}"  # noqa: PLR2004


def _other_times(comparison: Comparison) -> Iterator[Block]:
    """Yield the changed times besides ``forward``, cells with the largest changes first.

    All times are shown of cells without ``forward``, such as quoted ones. Similarities take
    microseconds.
    """
    found = []
    for cell in comparison.compared:
        others = (each for each in cell.changes if each.scope != "forward")
        changes = [each for each in others if each.listed or cell.forward is None]
        if changes:
            found.append((cell, changes))
    # Twice as long is as far from no change as half as long.
    found.sort(key=lambda pair: -max(max(each.ratio, 1 / each.ratio) for each in pair[1]))
    for title, unit in (("Other times", "ms"), ("Similarity times", "µs")):
        rows = [
            (
                *_keys(cell, comparison),
                Value(time_name(each.scope, each.image)),
                *_change(each, unit),
            )
            for cell, changes in found
            for each in changes
            if each.scope.startswith("similarity") == (unit == "µs")
        ]
        yield from _table(title, "time", _change_columns(unit), rows)


def _other_changes(comparison: Comparison) -> Iterator[Block]:
    rows = []
    pairs = ((cell, other) for cell in comparison.cells for other in cell.others)
    for cell, other in pairs:
        sides = [Value(clean(other.base)), Value(clean(other.new))]
        if other.name in OF_WEIGHTS:
            sides = [figures.of_weights(each, cell.new.weights_origin) for each in sides]
        rows.append((*_keys(cell, comparison), Value(other.name), *sides))
    yield from _table("Besides latency", "what", (Column("base"), Column("new")), rows)


def _table(
    title: str, key: str, columns: Sequence[Column], rows: Sequence[tuple[Value, ...]]
) -> Iterator[Block]:
    """Yield a table, its heading, and the number of rows left out; nothing for no rows."""
    if rows:
        yield Heading(title)
        yield Table(
            columns=(*key_columns("model", "backend", key), *columns),
            rows=tuple(map(Row, rows[:MOST_ROWS])),
            keys=3,
        )
    if len(rows) > MOST_ROWS:
        yield Paragraph(f"and {len(rows) - MOST_ROWS:,} more (--format csv has all)", "faint")
