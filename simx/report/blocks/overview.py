"""The short tables of a range, one row per backbone, and the line that sums a report up."""

from collections.abc import Callable, Iterable, Iterator, Sequence

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
from simx.report.blocks.report_tables import cell_on, key_columns, keys_of
from simx.report.words import figures
from simx.report.words.names import IMAGE_NAMES, TIMES, counted, differing_settings, target_name
from simx.report.words.values import ABSENT, Value
from simx.results.summaries.findings import DIFFERENCE_POINTS
from simx.results.summaries.speeds import mean_speed
from simx.results.summaries.summary import BackboneSummary, MeasuredSummary, TargetId

Shown = Callable[[BackboneSummary], Value]


def speed_table(backbones: Sequence[BackboneSummary], targets: Sequence[TargetId]) -> Table:
    """Return the times of each target side by side, their ratios, and the accuracy.

    Speeds are relative to the first target. The pipeline is that of the anchor.
    """
    alone = len(targets) == 1

    def on_each(
        group: str, unit: str, read: Read, among: Sequence[TargetId]
    ) -> Iterator[tuple[Column, Shown]]:
        for target in among:
            name = "" if len(among) == 1 else target_name(target)
            yield Column(name, unit, group), _on(target, read)

    def forward(backbone: BackboneSummary, cell: MeasuredSummary) -> Value:
        return forward_time(backbone, cell, spread=alone)

    relative = f"{TIMES} {target_name(targets[0])}"
    found = (
        *on_each("forward", "ms", forward, targets),
        *on_each("speed-up", relative, lambda _, cell: figures.ratio(cell.speed), targets[1:]),
        *on_each("pipeline", "ms", embedding_time("anchor", spread=alone), targets),
        (Column("acc1", "%"), lambda of: figures.accuracy(of, of.catalogue.acc1)),
    )
    return _table("", backbones, found)


def picture_table(backbones: Sequence[BackboneSummary], targets: Sequence[TargetId]) -> Table:
    """Return the times and similarities of each picture, targets side by side in a field.

    Times have few digits here; the tables of all figures have the digits of their intervals.
    """
    unit = figures.similarity_unit(quoted=any(each.quoted for each in backbones))
    found: list[tuple[Column, Shown]] = []
    for image in COMPARED_IMAGES:
        name, time = IMAGE_NAMES[image], similarity_time(image, unit=unit, digits=2)
        found += (
            (Column("", "ms", name), _joined(targets, embedding_time(image, digits=3))),
            (Column("", unit, name, optional=True), _joined(targets, time)),
            (Column("", "%", name), _similarity(targets, image)),
        )
    where = f"; {' / '.join(map(target_name, targets))}" if len(targets) > 1 else ""
    title = f"Each picture: embedding ms, comparison {unit}, similarity %{where}"
    return _table(title, backbones, found)


def summary_text(backbones: Sequence[BackboneSummary], targets: Sequence[TargetId]) -> str:
    """Return one line: the number of backbones, and the mean speed of each target."""
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
    if failed:
        parts.append(f"{counted(failed, 'cell')} failed")
    return " · ".join(parts)


def _table(
    title: str, backbones: Sequence[BackboneSummary], found: Iterable[tuple[Column, Shown]]
) -> Table:
    """Return the table, without columns that have no value."""
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
    def shown(backbone: BackboneSummary) -> Value:
        cell = cell_on(backbone, target)
        return measured(read)(backbone, cell) if cell else ABSENT

    return shown


def _joined(targets: Sequence[TargetId], read: Read) -> Shown:
    def shown(backbone: BackboneSummary) -> Value:
        values = [_on(target, read)(backbone) for target in targets]
        if len(set(values)) == 1:
            return values[0]
        return Value("/".join(value.figure for value in values))

    return shown


def _similarity(targets: Sequence[TargetId], image: Image) -> Shown:
    """Show one figure if the targets agree, and the figure of each if they do not."""

    def shown(backbone: BackboneSummary) -> Value:
        found = (cell.images[image].similarity_percent for cell in backbone.measured)
        percents = [percent for percent in found if percent is not None]
        if not percents:
            return ABSENT if backbone.measured else FAILURE
        if max(percents) - min(percents) > DIFFERENCE_POINTS:
            return _joined(targets, similarity(image))(backbone)
        return similarity(image)(backbone, backbone.measured[0])

    return shown
