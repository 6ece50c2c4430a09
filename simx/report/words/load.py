"""What a load is called, what its queries are too few for, and what a long run changes."""

import math
from collections.abc import Iterator, Mapping, Sequence

from simx.common.safe_text import counted
from simx.report.words.names import backbone_name, target_name
from simx.results.schema.config import SINGLE_STREAM
from simx.results.statistics.percentiles import MIN_LAUNCHES, effective_samples, samples_needed
from simx.results.summaries.summary import BackboneSummary

SHARES = (0.90, 0.95, 0.99)
"""The percentiles in a load's table."""


def load_title(of: BackboneSummary) -> str:
    """Return for example ``Load: server, 20 queries a second``."""
    title = f"Load: {of.scenario}"
    if of.rate is not None:
        title += f", {of.rate:g} queries a second"
    if of.latency_bound is not None:
        title += f", 99 % of the queries within {1000 * of.latency_bound:g} ms"
    return f"{title}, one shared session" if of.shared_session else title


def percentile_notes(
    backbones: Sequence[BackboneSummary], names: Mapping[int, str]
) -> Iterator[str]:
    """Yield how many queries the largest percentile takes, of each cell that has too few.

    ``names`` are those of the backbones, by their identities.
    """
    needed = samples_needed(SHARES[-1])
    for backbone in backbones:
        is_single = backbone.scenario in {SINGLE_STREAM, "offline"}
        for cell in () if is_single or backbone.latency_bound else backbone.measured:
            launches = cell.forwards
            worth = effective_samples(launches) if launches else 0.0
            if worth < needed or len(launches) < MIN_LAUNCHES:
                yield (
                    f"{names[id(backbone)]} on {target_name(cell.target)}: p99 takes {needed} "
                    f"independent queries in {counted(MIN_LAUNCHES, 'launch')}, and those of its "
                    f"{counted(len(launches), 'launch')} are worth {worth:.0f}; measure with "
                    "--launches and --budget"
                )


def trend_sentences(backbones: Sequence[BackboneSummary]) -> Iterator[str]:
    """Yield what a long run changed beyond doubt."""
    for backbone in backbones:
        for cell in backbone.measured:
            name = f"{backbone_name(backbone)} on {target_name(cell.target)}"
            time, memory = cell.time_trend, cell.memory_trend
            if time and time.is_clear:
                change, low, high = (100 * math.expm1(log) for log in time)
                yield (
                    f"The time of {name} changed by {change:+.1f} % during the run "
                    f"({low:+.1f} to {high:+.1f})."
                )
            if memory and memory.is_clear:
                change, low, high = (count / 2**20 for count in memory)
                yield (
                    f"The memory of {name} changed by {change:+.1f} MiB during the run "
                    f"({low:+.1f} to {high:+.1f})."
                )
