"""What a reader has to know beside the figures of each range."""

from collections.abc import Iterator, Sequence

from simx.common.safe_text import clean
from simx.report.words.names import FAILED, FEW_CALLS, RANDOM, backbone_name, executor_name
from simx.report.words.precision import precision_notes
from simx.results.summaries.summary import BackboneSummary, Executor, RangeSummary


def range_title(summary: RangeSummary, executors: Sequence[Executor]) -> str:
    """Return the heading of a range; of a single executor it says what no row then does."""
    label = clean(summary.label)
    where = f" on {executor_name(executors[0])}" if len(executors) == 1 else ""
    if summary.low is None:
        return f"GFLOPS {label}, {_count(summary.backbones)}{where}"
    high = " up" if summary.high is None else f" to below {summary.high:g}"
    return f"GFLOPS {label} (from {summary.low:g}{high}), {_count(summary.backbones)}{where}"


def range_notes(summary: RangeSummary) -> tuple[str, ...]:
    """Return what precision was reached, what a range's marks mean, and what failed."""
    backbones = summary.backbones
    measured = [cell for backbone in backbones for cell in backbone.measured]
    notes = [*precision_notes(backbones)]
    if any(cell.weights_origin == "random" for cell in measured):
        notes.append(
            f"{RANDOM} random weights: similarity and margin say nothing about the pictures; "
            "measure with --weights pretrained"
        )
    if any(cell.few_calls for cell in measured):
        notes.append(f"{FEW_CALLS} a few calls of one launch: no interval")
    return (*notes, *_failures(backbones))


def _count(backbones: Sequence[BackboneSummary]) -> str:
    return f"{len(backbones)} backbone{'' if len(backbones) == 1 else 's'}"


def _failures(backbones: Sequence[BackboneSummary]) -> Iterator[str]:
    for backbone in backbones:
        for cell in backbone.failed:
            yield (
                f"{FAILED} {backbone_name(backbone)} on {executor_name(cell.executor)} failed at "
                f"{clean(cell.stage)}: {clean(cell.reason)} (again: {clean(cell.command)})"
            )
