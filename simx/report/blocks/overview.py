"""The short tables of a range, one row for each backbone, and the line that sums a report up."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from simx.models.pictures import COMPARED_IMAGES, Image
from simx.report.blocks.document import Column, Row, Table
from simx.report.blocks.quantities import (
    FAILURE,
    Read,
    embedding_time,
    forward_time,
    measured,
    similarity,
    similarity_time,
)
from simx.report.blocks.report_tables import cells_on, key_columns, keys_of
from simx.report.words import figures
from simx.report.words.names import (
    IMAGE_NAMES,
    TIMES,
    counted,
    differing_settings,
    target_name,
)
from simx.report.words.values import ABSENT, Value
from simx.results.summaries.findings import DIFFERENCE_POINTS
from simx.results.summaries.speeds import mean_speed
from simx.results.summaries.summary import BackboneSummary, MeasuredSummary, TargetId


class _Figure(msgspec.Struct, frozen=True):
    """A column, and what shows a backbone's value in it."""

    column: Column
    show: Callable[[BackboneSummary], Value]


def speed_table(backbones: Sequence[BackboneSummary], targets: Sequence[TargetId]) -> Table:
    """Return the times of each target side by side, how they compare, and the accuracy.

    Speeds are relative to the first target; the pipeline is that of the anchor.
    """
    alone = len(targets) == 1

    def on_each(group: str, unit: str, read: Read, among: Sequence[TargetId]) -> Iterator[_Figure]:
        for target in among:
            name = "" if len(among) == 1 else target_name(target)
            yield _Figure(Column(name, unit, group), _on(target, read))

    def forward(backbone: BackboneSummary, cell: MeasuredSummary) -> Value:
        return forward_time(backbone, cell, spread=alone)

    relative = f"{TIMES} {target_name(targets[0])}"
    found = (
        *on_each("forward", "ms", forward, targets),
        *on_each("speed-up", relative, lambda _, cell: figures.ratio(cell.speed), targets[1:]),
        *on_each("pipeline", "ms", embedding_time("anchor", spread=alone), targets),
        _Figure(Column("acc1", "%"), lambda of: figures.accuracy(of, of.catalogue.acc1)),
    )
    return _table("", backbones, found)


def picture_table(backbones: Sequence[BackboneSummary], targets: Sequence[TargetId]) -> Table:
    """Return what the origin's tables had of each picture, targets side by side in a field.

    Times have few digits here; the tables of every figure have all that their intervals support.
    """
    unit = figures.similarity_unit(quoted=any(each.quoted for each in backbones))
    found = (
        figure
        for image in COMPARED_IMAGES
        for figure in (
            _Figure(_of(image, "ms"), _joined(targets, embedding_time(image, digits=3))),
            _Figure(
                _of(image, unit, optional=True),
                _joined(targets, similarity_time(image, unit=unit, digits=2)),
            ),
            _Figure(_of(image, "%"), _similarity(targets, image)),
        )
    )
    where = f"; {' / '.join(map(target_name, targets))}" if len(targets) > 1 else ""
    title = f"Each picture: embedding ms, comparison {unit}, similarity %{where}"
    return _table(title, backbones, found)


def summary_text(backbones: Sequence[BackboneSummary], targets: Sequence[TargetId]) -> str:
    """Return one line: how many backbones, and how many times as fast each target is."""
    parts = [counted(len(backbones), "backbone")]
    for target in targets[1:]:
        mean = mean_speed(backbones, target)
        if mean is not None:
            interval = figures.interval(mean)
            span = "" if interval == ABSENT else f", {interval.text}"
            parts.append(
                f"{target_name(target)} is {figures.ratio(mean).figure} times as fast as "
                f"{target_name(targets[0])} (geometric mean{span})"
            )
    failed = sum(len(backbone.failed) for backbone in backbones)
    return " · ".join((*parts, *((f"{counted(failed, 'cell')} failed",) if failed else ())))


def _of(image: Image, unit: str, *, optional: bool = False) -> Column:
    return Column("", unit, IMAGE_NAMES[image], optional=optional)


def _table(title: str, backbones: Sequence[BackboneSummary], found: Iterable[_Figure]) -> Table:
    """Return the table, without columns that no backbone has a value for."""
    settings = differing_settings(backbones)
    columns = [(each.column, [each.show(backbone) for backbone in backbones]) for each in found]
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


def _on(target: TargetId, read: Read) -> Callable[[BackboneSummary], Value]:
    show = measured(read)

    def shown(backbone: BackboneSummary) -> Value:
        cells = cells_on(backbone, target)
        return show(backbone, cells[0]) if cells else ABSENT

    return shown


def _joined(targets: Sequence[TargetId], read: Read) -> Callable[[BackboneSummary], Value]:
    shows = [_on(target, read) for target in targets]

    def shown(backbone: BackboneSummary) -> Value:
        values = [show(backbone) for show in shows]
        if len(set(values)) == 1:
            return values[0]
        return Value("/".join(value.figure for value in values))

    return shown


def _similarity(targets: Sequence[TargetId], image: Image) -> Callable[[BackboneSummary], Value]:
    """Return what shows one figure where targets agree, and that of each where they do not."""
    each_on = _joined(targets, similarity(image))

    def shown(backbone: BackboneSummary) -> Value:
        percents = [
            percent
            for cell in backbone.measured
            if (percent := cell.images[image].similarity_percent) is not None
        ]
        if not percents:
            return ABSENT if backbone.measured else FAILURE
        if max(percents) - min(percents) > DIFFERENCE_POINTS:
            return each_on(backbone)
        return similarity(image)(backbone, backbone.measured[0])

    return shown
