"""``simx report``: render reports again, or say which backbone to take."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from simx.cli import options
from simx.cli.output import emit, next_step, output_option, show
from simx.cli.parameters import Duration, Percent
from simx.common.errors import InputError
from simx.models.backbone import PRECISIONS, Precision
from simx.models.ranges import Range
from simx.report.blocks.document import Layout
from simx.report.content import Form
from simx.results.summaries.selection_criteria import LatencyOf, Limits, SelectionCriteria

F = TypeVar("F", bound=Callable[..., Any])

NANOSECONDS_PER_SECOND = 1e9

_decision_options = (
    click.option(
        "--pareto",
        is_flag=True,
        help="Show the backbones that nothing beats at once on latency, accuracy and margin.",
    ),
    click.option(
        "--max-latency",
        type=Duration(),
        metavar="TIME",
        help="Only those within this latency, such as 5ms, and which to take. Implies --pareto.",
    ),
    click.option(
        "--min-acc1",
        type=Percent(),
        metavar="PERCENT",
        help="Only those with at least this acc1, such as 75, and which to take. Implies --pareto.",
    ),
    click.option(
        "--latency-of",
        type=click.Choice(["forward", "pipeline"]),
        default="forward",
        show_default=True,
        help="With --pareto: the network alone, or the positive picture from its file.",
    ),
    click.option(
        "--backend",
        multiple=True,
        metavar="NAME",
        help="With --pareto: a backend of the report. Repeatable. Default: the report's first.",
    ),
    click.option(
        "--provider",
        multiple=True,
        help="With --pareto: a provider of the report, or cpu, cuda, ... Repeatable.",
    ),
    click.option(
        "--precision",
        multiple=True,
        type=click.Choice(PRECISIONS),
        help="With --pareto: a precision of the report. Repeatable.",
    ),
)


def _with_decision_options(command: F) -> F:
    for option in reversed(_decision_options):
        command = option(command)
    return command


@click.command("report")
@click.argument("reports", nargs=-1, metavar="[REPORT]...", type=click.Path(path_type=Path))
@click.option("--schema", is_flag=True, help="Print the JSON Schema of a report instead.")
@options.layout_option
@options.detail_option
@options.ranges_option
@_with_decision_options
@options.report_format_option
@output_option
def command(
    reports: tuple[Path, ...],
    schema: bool,
    layout: Layout,
    detail: bool,
    ranges: tuple[Range, ...] | None,
    pareto: bool,
    max_latency: float | None,
    min_acc1: float | None,
    latency_of: LatencyOf,
    backend: tuple[str, ...],
    provider: tuple[str, ...],
    precision: tuple[Precision, ...],
    format: Form,
    output: Path | None,
) -> None:
    """Render REPORTs: tables per GFLOPS range, as bench printed them or in another form.

    With --pareto, show instead which backbones nothing beats, and which of them to take.
    """
    # Heavy: numpy and scipy, which --help does not need.
    from simx.report.contents import decision_content, report_content  # noqa: PLC0415
    from simx.results.files.report import read, schema_json  # noqa: PLC0415

    if schema:
        emit(schema_json().decode(), output)
        return
    if not reports:
        raise InputError("report: name at least one report file; simx bench writes them")
    limits = Limits(
        max_latency_ns=None if max_latency is None else NANOSECONDS_PER_SECOND * max_latency,
        min_acc1=min_acc1,
    )
    decides = pareto or limits.any
    if not decides and format != "html":
        _require_nothing_chosen()
    criteria = SelectionCriteria(
        backends=backend,
        providers=_full_names(provider),
        precisions=precision,
        latency_of=latency_of,
        limits=limits,
    )
    found = [read(path) for path in reports]
    if decides and format != "html":
        show(decision_content(found, criteria), format, output)
        return
    content = report_content(
        found,
        options.ranges_or_default(ranges),
        layout=layout,
        criteria=criteria,
        next_step=next_step(reports[0]) if format == "table" and not detail else "",
    )
    show(content, format, output, detail=detail)


def _full_names(providers: tuple[str, ...]) -> tuple[str, ...]:
    if not providers:
        return ()
    from simx.runner.backends.providers import provider_named  # noqa: PLC0415 - the runner, for names alone

    return tuple(map(provider_named, providers))


def _require_nothing_chosen() -> None:
    """Refuse what would have no effect; what a settings file says may be meant for others."""
    context = click.get_current_context()
    for name in ("backend", "provider", "precision", "latency_of"):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            option = "--" + name.replace("_", "-")
            raise InputError(f"{option}: chooses for --pareto; add that, or leave {option} out")
