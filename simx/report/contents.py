"""The commands' results for every format: one function for each kind of result."""

from collections.abc import Iterator, Sequence
from itertools import chain

from simx.models.ranges import Range
from simx.report.blocks.comparison import Show, comparison_blocks
from simx.report.blocks.decision import decision_blocks
from simx.report.blocks.diagnosis import diagnosis_blocks, selfcheck_blocks
from simx.report.blocks.document import Block, Layout, Paragraph
from simx.report.blocks.evaluation import evaluation_blocks
from simx.report.blocks.explanation import explanation_blocks
from simx.report.blocks.history import history_blocks
from simx.report.blocks.kinds import kind_blocks
from simx.report.blocks.report import report_blocks
from simx.report.blocks.tuning import tuning_blocks
from simx.report.content import Content
from simx.report.formats import comparison_csv, csv, decision_records, evaluation_csv, exchange
from simx.report.formats.json import json_document, report_json
from simx.results.comparison.outcome import Comparison
from simx.results.history.history import History
from simx.results.schema.diagnosis import Diagnosis
from simx.results.schema.evaluation import Evaluation
from simx.results.schema.explanation import Explanation
from simx.results.schema.report import Report
from simx.results.schema.selfcheck import SelfCheck
from simx.results.schema.tuning import Tuning
from simx.results.summaries.decision import decisions
from simx.results.summaries.evaluated import PicturedPair
from simx.results.summaries.kinds import parts
from simx.results.summaries.selection_criteria import SelectionCriteria


def report_content(
    reports: Sequence[Report],
    ranges: Sequence[Range],
    *,
    layout: Layout = "models",
    criteria: SelectionCriteria | None = None,
    evaluation: Evaluation | None = None,
    next_step: str = "",
) -> Content:
    """Return reports, in their order.

    Args:
        reports: At least one.
        ranges: The GFLOPS ranges in the order of the tables.
        layout: Whether models are rows or columns of the tables.
        criteria: On which targets and within which limits the page chooses a backbone; by default
            on all, without limits.
        evaluation: The page joins it with the reports.
        next_step: What a reader can open next; the last paragraph.

    Returns:
        Every format. Its ``html`` raises InputError where ``criteria`` names a target that a
        report lacks, or the evaluation cannot be joined.
    """

    def blocks() -> Iterator[Block]:
        for of_kinds in map(parts, reports):
            yield from chain.from_iterable(report_blocks(of, ranges, layout) for of in of_kinds)
            if len(of_kinds) > 1:
                yield from kind_blocks(of_kinds)
        if next_step:
            yield Paragraph(next_step)

    def html() -> str:
        from simx.report.formats.html import render  # noqa: PLC0415 - Jinja, for pages alone

        pages = [*chain.from_iterable(map(parts, reports))]
        return render(pages, ranges, criteria or SelectionCriteria(), evaluation)

    return Content(
        blocks=blocks,
        csv=lambda: csv.to_string(reports),
        json=lambda: report_json(reports),
        html=html,
        exchange={
            "bencher": lambda: exchange.bencher(reports),
            "github-action-benchmark": lambda: exchange.github_action_benchmark(reports),
            "openmetrics": lambda: exchange.openmetrics(reports),
        },
        parquet=lambda: exchange.parquet(reports),
    )


def decision_content(
    reports: Sequence[Report], criteria: SelectionCriteria, evaluation: Evaluation | None = None
) -> Content:
    """Return which backbones to take, for each report and each selected target.

    With an evaluation of the same networks there is one decision for all of them.

    Raises:
        InputError: A report lacks the selected target, or cannot be joined with the evaluation.
    """
    decided = decisions(reports, criteria, evaluation)
    return Content(
        blocks=lambda: chain.from_iterable(map(decision_blocks, decided)),
        csv=lambda: decision_records.to_csv(decided),
        json=lambda: decision_records.to_json(decided),
    )


def comparison_content(comparisons: Sequence[Comparison], show: Show = "auto") -> Content:
    """Return what changed between reports; ``show`` says which cells the tables have."""
    found = comparisons[0] if len(comparisons) == 1 else comparisons
    return Content(
        blocks=lambda: chain.from_iterable(comparison_blocks(each, show) for each in comparisons),
        csv=lambda: comparison_csv.to_string(comparisons),
        json=lambda: json_document(found),
    )


def history_content(found: History) -> Content:
    """Return on which reports something changed. Only the page and JSON have each cell's times."""

    def html() -> str:
        from simx.report.formats.html import render_history  # noqa: PLC0415 - Jinja

        return render_history(found)

    return Content(
        blocks=lambda: history_blocks(found),
        json=lambda: json_document(found),
        html=html,
        exchange={"otava": lambda: exchange.otava(found)},
    )


def diagnosis_content(found: Diagnosis) -> Content:
    """Return what ``simx doctor`` found."""
    return Content(blocks=lambda: diagnosis_blocks(found), json=lambda: json_document(found))


def evaluation_content(found: Evaluation, pairs: Sequence[PicturedPair] = ()) -> Content:
    """Return what ``simx evaluate`` found. Only the page shows the pairs of pictures."""

    def html() -> str:
        from simx.report.formats.html import render_evaluation  # noqa: PLC0415 - Jinja

        return render_evaluation(found, pairs)

    return Content(
        blocks=lambda: evaluation_blocks(found),
        csv=lambda: evaluation_csv.to_string(found),
        json=lambda: json_document(found),
        html=html,
    )


def explanation_content(found: Explanation) -> Content:
    """Return what ``simx explain`` found."""

    def html() -> str:
        from simx.report.formats.html import render_explanation  # noqa: PLC0415 - Jinja

        return render_explanation(found)

    return Content(
        blocks=lambda: explanation_blocks(found), json=lambda: json_document(found), html=html
    )


def selfcheck_content(found: SelfCheck) -> Content:
    """Return what ``simx selfcheck`` found."""
    return Content(blocks=lambda: selfcheck_blocks(found), json=lambda: json_document(found))


def tuning_content(found: Tuning) -> Content:
    """Return what ``simx tune`` found."""
    return Content(blocks=lambda: tuning_blocks(found), json=lambda: json_document(found))
