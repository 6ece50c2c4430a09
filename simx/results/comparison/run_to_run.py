"""How much two runs of the same thing differ: estimated from such runs, or a default."""

import math
import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from simx.models.pictures import Image
from simx.results.comparison.changes import RunToRun
from simx.results.comparison.digest import Digest, TimeDigest
from simx.results.schema.report import Identity
from simx.results.schema.times import Scope
from simx.results.statistics.moderation import variance

DEFAULT_SPREAD: Mapping[Scope, float] = {
    "forward": 0.03,
    "host": 0.03,
    "pipeline": 0.05,
    "similarity": 0.02,
    "similarity.host": 0.02,
    "first": 0.05,
}
"""Standard deviation of a run's logarithm beyond what its launches show, by scope.

Measured over hours in a virtual machine with a shared host (``benchmarks/RESULTS.md``): a default
has to hold in the worst case. Repeated runs show by how much another machine does better.
"""


def default(scope: Scope) -> RunToRun:
    """Return what is assumed of a scope without repeated runs."""
    return RunToRun(spread=DEFAULT_SPREAD[scope])


def learnt(runs: Sequence[Digest], scope: Scope) -> RunToRun | None:
    """Return how much repeated runs of the same thing differ; None where nothing is repeated.

    For each cell, the variance of its runs' means, less what the spread of their launches leads to
    expect, is one estimate. The estimates are pooled (the analysis of variance's estimator of a
    variance between groups; S. R. Searle, G. Casella and C. E. McCulloch, "Variance components",
    1992). The cells of a backbone are measured in the same minute and count as one for the degrees
    of freedom. Backbones count separately: the canary shows what a whole run has in common.

    Args:
        runs: Reports of the same thing on the same machine, measured again. Cells that were mostly
            disturbed do not count.
        scope: Whose times are looked at.
    """
    found = list(_excesses(runs, scope))
    if not found:
        return None
    excess = max(0.0, statistics.fmean(each for _, each in found))
    backbones = {(its.model, its.weights) for its, _ in found}
    return RunToRun(spread=math.sqrt(excess), degrees=len(backbones) * (len(runs) - 1))


def _excesses(runs: Sequence[Digest], scope: Scope) -> Iterator[tuple[Identity, float]]:
    repeated: dict[tuple[Identity, Image | None], list[TimeDigest]] = defaultdict(list)
    for run in runs:
        for cell in run.cells:
            for time in () if cell.noisy else cell.times:
                if time.scope == scope and time.logs:
                    repeated[cell.identity, time.image].append(time)
    for (identity, _), samples in repeated.items():
        expected = [part[0] for sample in samples if (part := sample.variance_of_mean)]
        if len(samples) == len(expected) > 1:
            between = variance([sample.mean for sample in samples])
            yield identity, between - statistics.fmean(expected)
