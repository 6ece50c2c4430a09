"""``simx report``: render reports again, or say which backbone to take."""

from pathlib import Path

import click
from click.core import ParameterSource

from simx.cli import options
from simx.cli.configuration import SETTINGS_FILES
from simx.cli.output import (
    emit,
    force_option,
    next_step,
    output_option,
    require_output,
    show,
)
from simx.cli.parameters import PathOrDash, choice_option, duration, fraction, percentage
from simx.common.errors import InputError
from simx.common.input_files import STDIN
from simx.models.backbone import PRECISIONS, Precision
from simx.models.ranges import Range
from simx.report.blocks.document import Layout
from simx.report.content import Form
from simx.results.summaries.selection_criteria import LatencyOf, Limits, SelectionCriteria

_HELP = """
Show the tables of REPORTs per GFLOPS range, in any format. A REPORT of - is stdin. One of them may
be an evaluation, which simx evaluate wrote.

With --pareto, show instead which backbones no other beats, and which one to take. With an
evaluation of the same networks beside the reports, it is the answer for your own pictures, over all
backends and precisions.
"""


@click.command("report", help=_HELP)
@click.argument("reports", nargs=-1, metavar="[REPORT]...", type=PathOrDash(STDIN))
@click.option("--schema", is_flag=True, help="Print the JSON Schema of a report and exit.")
@options.layout_option
@options.detail_option
@options.ranges_option
@click.option(
    "--pareto",
    is_flag=True,
    help="Show the backbones that no other beats in latency, accuracy and margin at once.",
)
@click.option(
    "--max-latency",
    type=duration,
    metavar="TIME",
    help="Show only those within this latency, such as 5ms, and choose one. Implies --pareto.",
)
@click.option(
    "--min-acc1",
    type=percentage,
    metavar="PERCENT",
    help="Show only those with at least this acc1, such as 75, and choose one. Implies --pareto.",
)
@click.option(
    "--min-recall",
    type=fraction,
    metavar="SHARE",
    help="With an evaluation: choose one that is known to have at least this Recall@1, such as "
    "0.9. Implies --pareto.",
)
@choice_option(
    "--latency-of",
    ("forward", "pipeline"),
    "With --pareto: use the time of the network alone (forward), or from the positive's file "
    "to its embedding (pipeline).",
)
@click.option(
    "--backend",
    multiple=True,
    metavar="NAME",
    help="With --pareto: use this backend of the report. Repeatable. Default: the first one, or "
    "with an evaluation all.",
)
@click.option(
    "--provider",
    multiple=True,
    help="With --pareto: use this provider of the report, such as cpu or cuda. Repeatable.",
)
@click.option(
    "--precision",
    multiple=True,
    type=click.Choice(PRECISIONS),
    help="With --pareto: use this precision of the report. Repeatable.",
)
@options.report_format_option
@output_option
@force_option
def command(
    reports: tuple[Path, ...],
    schema: bool,
    layout: Layout,
    detail: bool,
    ranges: tuple[Range, ...],
    pareto: bool,
    max_latency: float | None,
    min_acc1: float | None,
    min_recall: float | None,
    latency_of: LatencyOf,
    backend: tuple[str, ...],
    provider: tuple[str, ...],
    precision: tuple[Precision, ...],
    format: Form,
    output: Path | None,
    force: bool,
) -> None:
    """Run ``simx report``."""
    # Heavy: numpy and scipy, which --help does not need.
    from simx.report.contents import (  # noqa: PLC0415
        decision_content,
        evaluation_content,
        report_content,
    )
    from simx.results.files.evaluation import is_evaluation, read_evaluation  # noqa: PLC0415
    from simx.results.files.replacing import claim  # noqa: PLC0415
    from simx.results.files.report import read, schema_json  # noqa: PLC0415

    if schema:
        require_output(output, "json", (), force=force)
        emit(schema_json().decode(), output, "json")
        return
    if not reports:
        raise InputError("report: name at least one report file; simx bench writes them")
    limits = Limits(
        max_latency_ns=None if max_latency is None else 1e9 * max_latency,
        min_acc1=min_acc1,
        min_recall=min_recall,
    )
    evaluations = [read_evaluation(path) for path in reports if is_evaluation(path)]
    evaluation = evaluations[0] if evaluations else None
    if len(evaluations) > 1:
        raise InputError("report: one evaluation at a time; name one, with or without reports")
    if evaluation and len(reports) == 1:
        if pareto or limits.any:
            raise InputError(
                "--pareto and limits need latencies; name a report of simx bench beside it"
            )
        require_output(output, format, reports, force=force)
        show(evaluation_content(evaluation), format, output)
        return
    decides = pareto or limits.any or evaluation is not None
    if not decides and format != "html":
        _require_nothing_chosen()
    criteria = SelectionCriteria(
        backends=backend,
        providers=_full_names(provider),
        precisions=precision,
        latency_of=latency_of,
        limits=limits,
    )
    is_copy = format == "json" and not decides and len(reports) == 1
    if output is None or not is_copy:
        require_output(output, format, reports, force=force)
    found = [read(path) for path in reports if not is_evaluation(path)]
    if output is not None and is_copy:
        claim(output, found[0], [*reports, *SETTINGS_FILES], force=force)
    if decides and format != "html":
        show(decision_content(found, criteria, evaluation), format, output)
        return
    content = report_content(
        found,
        ranges,
        layout=layout,
        criteria=criteria,
        evaluation=evaluation,
        next_step=next_step(reports[0]) if format == "table" and not detail else "",
    )
    show(content, format, output, detail=detail)


def _full_names(providers: tuple[str, ...]) -> tuple[str, ...]:
    if not providers:
        return ()
    from simx.runner.backends.providers import provider_named  # noqa: PLC0415 - loads the runner

    return tuple(map(provider_named, providers))


def _require_nothing_chosen() -> None:
    """Refuse options without an effect. Those from files and variables may be for other runs."""
    context = click.get_current_context()
    for name in ("backend", "provider", "precision", "latency_of"):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            option = "--" + name.replace("_", "-")
            raise InputError(f"{option} has no effect without --pareto; add --pareto")
