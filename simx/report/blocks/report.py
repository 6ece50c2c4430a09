"""A report as a document: heading, tables, findings and notes by range, and a last line."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from simx.common.safe_text import clean, counted
from simx.models.pictures import COMPARED_IMAGES, Image
from simx.models.ranges import Range
from simx.report.blocks.document import (
    Block,
    Column,
    Facts,
    Heading,
    Layout,
    Paragraph,
    Points,
    Row,
    Table,
)
from simx.report.blocks.load import load_tables, trend_tables
from simx.report.blocks.quantities import (
    FAILURE,
    Read,
    cost,
    measured,
    similarity,
    speed_up,
    timed,
)
from simx.report.blocks.report_tables import figure_on, key_columns, keys_of, origin_tables, views
from simx.report.blocks.sweeps import sweep_tables
from simx.report.words import figures
from simx.report.words.findings import sentences
from simx.report.words.heading import heading
from simx.report.words.names import IMAGE_NAMES, TIMES, differing_settings, target_name
from simx.report.words.notes import (
    TIME_MARKS,
    busy_headline,
    late_headline,
    legend,
    mark_notes,
    range_notes,
    range_title,
)
from simx.report.words.values import ABSENT, Tone, Value
from simx.results.schema.report import Report
from simx.results.summaries.derivation import by_range, mean_speed, targets
from simx.results.summaries.findings import DIFFERENCE_POINTS
from simx.results.summaries.summary import BackboneSummary, RangeSummary, TargetId

BRIEF = frozenset({"quoted", "written", "kind", "machine", "software"})
"""The facts of a short rendering."""

Shown = Callable[[BackboneSummary], Value]


def report_blocks(report: Report, ranges: Sequence[Range], layout: Layout) -> Iterator[Block]:
    """Yield a report as people read it, short tables first.

    Args:
        report: The report.
        ranges: The GFLOPS ranges in the order of the tables.
        layout: Whether models are rows or columns.
    """
    of_kind = report.config is not None and report.config.per is not None
    kind = f", {clean(report.kinds[0].name)}" if of_kind else ""
    yield Heading(f"simx report, {clean(report.created)}{kind}", level=1)
    facts = heading(report)
    yield Facts(tuple(each for each in facts if each[0] in BRIEF))
    if further := tuple(each for each in facts if each[0] not in BRIEF):
        yield Facts(further, detail=True)
    yield from _points(map(clean, report.notes), "warning")
    summaries, found = by_range(report, ranges), targets(report)
    backbones = [backbone for summary in summaries for backbone in summary.backbones]
    yield from _points((*busy_headline(backbones), *late_headline(backbones)), "warning")
    for summary in summaries:
        yield Heading(range_title(summary, found))
        yield from _tables(summary, found, layout)
        yield from sweep_tables(summary)
        yield from trend_tables(summary)
        brief = sentences(summary, brief=True)
        yield from _points(brief)
        yield from _points([each for each in sentences(summary) if each not in brief], detail=True)
        yield from _points(mark_notes(summary.settings), "warning")
        yield from _points(range_notes(summary.backbones), "faint", detail=True)
    yield Points(legend(report), "faint", detail=True)
    if report.source is None:
        yield Paragraph(TIME_MARKS, "faint")
    yield Paragraph(_summary_text(backbones, found), "strong")


def _points(
    texts: Iterable[str], tone: Tone = "plain", *, detail: bool = False
) -> Iterator[Points]:
    found = tuple(texts)
    if found:
        yield Points(found, tone, detail)


def _tables(summary: RangeSummary, targets: Sequence[TargetId], layout: Layout) -> Iterator[Table]:
    backbones = summary.backbones
    if loads := tuple(load_tables(summary, targets)):
        yield from loads
        return
    speeds = _speed_table(backbones, targets)
    if layout == "models" or any(column.group for column in speeds.columns):
        yield speeds
    if layout == "origin":
        yield from origin_tables(backbones, targets)
    else:
        yield _picture_table(backbones, targets)
        yield from views(summary.settings, targets, detail=True)


def _speed_table(backbones: Sequence[BackboneSummary], targets: Sequence[TargetId]) -> Table:
    """Speeds are relative to the first target; the pipeline is that of the anchor."""
    alone = len(targets) == 1

    def on_each(
        group: str, unit: str, read: Read, among: Sequence[TargetId]
    ) -> Iterator[tuple[Column, Shown]]:
        for target in among:
            name = "" if len(among) == 1 else target_name(target)
            yield Column(name, unit, group), _on(target, read)

    relative = f"{TIMES} {target_name(targets[0])}"
    found = (
        *on_each("forward", "ms", timed("forward", spread=alone), targets),
        *on_each("speed-up", relative, speed_up, targets[1:]),
        *on_each("pipeline", "ms", timed("pipeline", "anchor", spread=alone), targets),
        *(
            each
            for currency in dict.fromkeys(of.price.currency for of in backbones if of.price)
            for each in on_each("cost", f"{currency}/million", partial(cost, currency), targets)
        ),
        (Column("acc1", "%"), lambda of: figures.accuracy(of, of.catalogue.acc1)),
    )
    return _table("", backbones, found)


def _picture_table(backbones: Sequence[BackboneSummary], targets: Sequence[TargetId]) -> Table:
    """Times have few digits here; the tables of all figures have those of their intervals."""
    unit = figures.similarity_unit(quoted=any(each.quoted for each in backbones))
    found: list[tuple[Column, Shown]] = []
    for image in COMPARED_IMAGES:
        name, time = IMAGE_NAMES[image], timed("similarity", image, unit=unit, digits=2)
        found += (
            (Column("", "ms", name), _joined(targets, timed("pipeline", image, digits=3))),
            (Column("", unit, name, optional=True), _joined(targets, time)),
            (Column("", "%", name), _similarity(targets, image)),
        )
    where = f"; {' / '.join(map(target_name, targets))}" if len(targets) > 1 else ""
    title = f"Each picture: embedding ms, comparison {unit}, similarity %{where}"
    return _table(title, backbones, found)


def _summary_text(backbones: Sequence[BackboneSummary], targets: Sequence[TargetId]) -> str:
    parts = [counted(len(backbones), "backbone")]
    for target in targets[1:]:
        mean = mean_speed(backbones, target)
        if mean is None:
            continue
        names = target_name(target), target_name(targets[0])
        if figures.is_imprecise(mean):
            parts.append(f"speed of {names[0]} relative to {names[1]}: {figures.UNKNOWN_TEXT}")
        else:
            parts.append(
                f"{names[0]} is {figures.estimate_of(mean)} times as fast as "
                f"{names[1]} (geometric mean{figures.ends(mean)})"
            )
    if busy := sum(each.busy is not None for each in backbones):
        parts.append(f"{counted(busy, 'backbone')} measured on a busy machine")
    failed = sum(len(backbone.failed) for backbone in backbones)
    if failed:
        parts.append(f"{counted(failed, 'cell')} failed")
    return " · ".join(parts)


def _table(
    title: str, backbones: Sequence[BackboneSummary], found: Iterable[tuple[Column, Shown]]
) -> Table:
    settings = differing_settings(backbones)
    columns = [(column, [show(backbone) for backbone in backbones]) for column, show in found]
    kept = [(column, values) for column, values in columns if any(v != ABSENT for v in values)]
    return Table(
        title=title,
        columns=(*key_columns("model", *settings), *(column for column, _ in kept)),
        rows=tuple(
            Row((*keys_of(backbone, settings), *(values[place] for _, values in kept)))
            for place, backbone in enumerate(backbones)
        ),
        keys=1 + len(settings),
    )


def _on(target: TargetId, read: Read) -> Shown:
    return lambda backbone: figure_on(backbone, target, measured(read))


def _joined(targets: Sequence[TargetId], read: Read) -> Shown:
    def shown(backbone: BackboneSummary) -> Value:
        values = [_on(target, read)(backbone) for target in targets]
        if len(set(values)) == 1:
            return values[0]
        return Value("/".join(dict.fromkeys(map(figures.qualified, values))))

    return shown


def _similarity(targets: Sequence[TargetId], image: Image) -> Shown:
    """Show one figure if the targets agree, and the figure of each if they do not."""

    def shown(backbone: BackboneSummary) -> Value:
        found = (getattr(cell.similarity, image) for cell in backbone.measured)
        percents = [percent for percent in found if percent is not None]
        if not percents:
            return ABSENT if backbone.measured else FAILURE
        if max(percents) - min(percents) > DIFFERENCE_POINTS:
            return _joined(targets, similarity(image))(backbone)
        return similarity(image)(backbone, backbone.measured[0])

    return shown
