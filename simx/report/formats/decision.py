"""Renders decisions: what nothing beats, for a terminal, as Markdown, CSV or JSON."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import msgspec
from rich.text import Text

from simx.common.safe_text import clean
from simx.report.blocks import decision_records
from simx.report.blocks.document import indented
from simx.report.blocks.quantities import accuracy, dimension, of_weights
from simx.report.blocks.range_tables import differing_settings, setting_text
from simx.report.blocks.table import Column, Row, Table, Value
from simx.report.console import NARROWEST, to_string
from simx.report.formats.pipe_tables import escape, table_lines
from simx.report.grid import lines
from simx.report.options import Options
from simx.report.words import figures
from simx.report.words.heading import heading
from simx.report.words.names import FEW_CALLS, NOISY, backbone_name
from simx.report.words.recommendation import answer, notes, title
from simx.results.schema.report import Report
from simx.results.summaries.decision import Contender, Decision, decisions

Decided = tuple[Report, Decision]
"""A decision, and the report it is about."""


class Form(Protocol):
    """What a form is: a function from decisions to text that ends with a line feed."""

    def __call__(self, decided: Sequence[Decided], /, *, width: int, color: bool) -> str:
        """Return all of the decisions, in their order."""


def render(reports: Sequence[Report], form: str, options: Options) -> str:
    """Return the decisions that are wished for, in one of the forms that ``FORMATS`` names.

    Raises:
        InputError: A report lacks the executor that is wished for.
    """
    decided = [
        (report, decision) for report in reports for decision in decisions(report, options.criteria)
    ]
    return FORMATS[form](decided, width=options.width, color=options.color)


def decision_table(decision: Decision, shown: Sequence[Contender]) -> Table:
    """Return a row for each of the contenders shown: the front, or what of it keeps the limits."""
    names = differing_settings([each.backbone for each in shown])
    return Table(
        keys=tuple(Column(name, align="left") for name in ("model", *names)),
        columns=(
            Column("latency", "ms", decision.latency_of),
            Column("acc1", "%"),
            Column("margin", "%"),
            Column("dimension"),
            Column("GFLOPS", "MACs"),
        ),
        rows=tuple(
            Row(
                (
                    backbone_name(each.backbone),
                    *(setting_text(each.backbone, name) for name in names),
                ),
                _values(each),
            )
            for each in shown
        ),
        nested=False,
    )


def _values(contender: Contender) -> tuple[Value, ...]:
    backbone, cell = contender.backbone, contender.cell
    latency = figures.time(contender.merit.latency, spread=True, decimals=cell.decimals)
    mark = FEW_CALLS if cell.few_calls else NOISY if backbone.noisy else ""
    return (
        msgspec.structs.replace(latency, mark=mark),
        accuracy(backbone, contender.merit.acc1),
        of_weights(cell.margin, cell),
        dimension(backbone),
        figures.fixed(backbone.catalogue.gflops, 2),
    )


def _terminal(decided: Sequence[Decided], /, *, width: int, color: bool) -> str:
    width = max(width, NARROWEST)
    gap = [Text(), Text()]
    texts = [line for one in decided for line in (*gap, *_lines(one, width))]
    return to_string(texts[len(gap) :], width=width, color=color)


def _lines(decided: Decided, width: int) -> Iterator[Text]:
    report, decision = decided
    yield from indented(title(decision), width, "bold cyan")
    yield from indented(_origin(report), width, "dim")
    yield Text()
    if decision.fitting:
        yield from lines(decision_table(decision, decision.fitting), width)
        yield Text()
    yield from indented(answer(decision), width, "bold")
    yield Text()
    for note in notes(decision):
        yield from indented(note, width, "dim")


def _markdown(decided: Sequence[Decided], /, *, width: int, color: bool) -> str:
    del width, color
    return "\n".join(line for one in decided for line in _paragraphs(one)) + "\n"


def _paragraphs(decided: Decided) -> Iterator[str]:
    report, decision = decided
    yield f"# {escape(title(decision))}"
    yield from ("", escape(_origin(report)), "")
    if decision.fitting:
        yield from (*table_lines(decision_table(decision, decision.fitting)), "")
    yield from (f"**{escape(answer(decision))}**", "")
    yield from (f"- {escape(note)}" for note in notes(decision))


def _origin(report: Report) -> str:
    """Say when and where it was measured, in one line."""
    machine = next((items for name, items in heading(report) if name == "machine"), ())
    return " · ".join((f"report of {clean(report.created)}", *machine[:1]))


def _csv(decided: Sequence[Decided], /, *, width: int, color: bool) -> str:
    del width, color
    return decision_records.to_csv([decision for _, decision in decided])


def _json(decided: Sequence[Decided], /, *, width: int, color: bool) -> str:
    del width, color
    return decision_records.to_json([decision for _, decision in decided])


FORMATS: Mapping[str, Form] = {
    "table": _terminal,
    "markdown": _markdown,
    "csv": _csv,
    "json": _json,
}
"""By the name that ``--format`` takes."""
