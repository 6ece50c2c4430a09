"""A comparison of reports as a document."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Literal

from simx.common.safe_text import clean
from simx.report.blocks.comparison_tables import forward_table, other_changes, other_times
from simx.report.blocks.document import Block, Heading, Paragraph
from simx.report.words.comparison import (
    GATED,
    MOST_CELLS,
    VERDICT_WORDS,
    cell_name,
    difference_text,
    differences_text,
    names,
    share,
)
from simx.report.words.names import NOISY, counted, listed, target_name
from simx.results.comparison.changes import Verdict
from simx.results.comparison.outcome import CellComparison, Comparison, MeanChange, RangeComparison
from simx.results.schema.report import Identity

Show = Literal["auto", "changes", "all"]
"""Which cells tables have: all of them, only what is not equal, or whichever stays readable."""

READABLE_CELLS = 60

LEGEND = (
    "change: the new time over the old one, of forward, with its 95 % interval, which allows for "
    "what two runs of the same thing differ in by themselves. slower, faster: all of the interval "
    "lies beyond the threshold. equal: it lies within, and has no change in it. small: it lies "
    "within, but there is a change. open: it reaches across the threshold; seen from: the smallest "
    f"slowdown that would have been called one. {NOISY} one of the runs was mostly disturbed "
    f"there, so there is no verdict. {GATED} a regression, corrected for the number of cells."
)


def comparison_blocks(comparison: Comparison, show: Show) -> Iterator[Block]:
    """Yield everything that people read of a comparison."""
    yield Heading(f"{clean(comparison.base.name)} → {clean(comparison.new.name)}")
    yield from _premises(comparison)
    yield from _summary(comparison)
    for each in comparison.ranges:
        yield from _range(each, comparison, show)
    yield from other_times(comparison)
    yield from other_changes(comparison)
    yield from _not_compared(comparison)
    if comparison.compared:
        yield Paragraph(LEGEND, "faint")


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
        f"learned from {counted(comparison.repeats + 1, 'run')}"
        if comparison.repeats
        else "the default; --repeat REPORT derives it from the base measured again"
    )
    yield Paragraph(
        f"threshold {100 * comparison.threshold:g} %; runs of the same thing are taken to differ "
        f"by {spread} by themselves ({source})"
    )
    for shift in comparison.machine:
        if abs(shift.ratio - 1) >= 0.005:  # noqa: PLR2004 - would show as 0 %
            slower = "slower" if shift.ratio > 1 else "faster"
            yield Paragraph(
                f"by its canary on {target_name(shift.target)} the machine was "
                f"{100 * abs(shift.ratio - 1):.0f} % {slower} in the new run: intervals are wider "
                "by as much, because the machine alone may cause such a change"
            )
    if comparison.pictures:
        yield Paragraph(
            f"the pictures differ ({', '.join(comparison.pictures)}): embedding times and "
            "similarities that depend on them are compared only with --allow pictures",
            "warning",
        )


def _summary(comparison: Comparison) -> Iterator[Block]:
    """Yield how many cells have which verdict, and the regressions by name."""
    verdicts = [each.forward.verdict for each in comparison.compared if each.forward]
    if not comparison.compared:
        yield Paragraph("nothing could be compared", "warning")
        return
    if not verdicts:
        yield Paragraph("there is no forward to compare; other times are below", "warning")
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
        yield Paragraph(f"regression: {listed(texts, MOST_CELLS)}", "warning")
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
        yield forward_table(shown)
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
    """Return how many cells of each verdict a table leaves out."""
    changes = [cell.forward for cell in cells if cell.forward]
    verdicts = [change.verdict for change in changes]
    counts = [f"{verdicts.count(each):,} {VERDICT_WORDS[each]}" for each in _present(verdicts)]
    seen = [change.smallest_seen for change in changes if change.smallest_seen is not None]
    reach = f", where slowdowns show from {100 * min(seen):.1f} to {100 * max(seen):.1f} %"
    return Paragraph(
        f"not shown: {', '.join(counts)}{reach if seen else ''} (--show all has them)", "faint"
    )


def _mean(mean: MeanChange) -> str:
    return (
        f"geometric mean of {counted(mean.cells, 'cell')} on {target_name(mean.target)}: "
        f"{share(mean.ratio)} % ({share(mean.low)} to {share(mean.high)}), "
        f"{VERDICT_WORDS[mean.verdict]}"
    )


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
        yield Paragraph(f"allowed to differ: {listed(allowed, MOST_CELLS)}", "warning")


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
