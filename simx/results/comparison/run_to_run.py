"""By what two runs of the same thing differ by themselves: learnt from such runs, or a default."""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence

from simx.models.pictures import Image
from simx.results.comparison.changes import RunToRun, Sample, variance
from simx.results.comparison.digest import Digest
from simx.results.schema.report import Identity
from simx.results.schema.times import Scope

DEFAULT_SPREAD: Mapping[Scope, float] = {
    "forward": 0.03,
    "host": 0.03,
    "pipeline": 0.05,
    "similarity": 0.02,
    "similarity.host": 0.02,
    "first": 0.05,
}
"""Standard deviation of a run's logarithm beyond what its launches show, by scope.

Measured in a virtual machine whose host is others', over hours (``benchmarks/RESULTS.md``): what is
taken on trust has to hold where it is worst. A machine of one's own does better, and repeated runs
show by how much.
"""

NO_SPREAD = RunToRun(spread=0.0)
"""Of a run and itself."""

_FEWEST_RUNS = 2


def default(scope: Scope) -> RunToRun:
    """Return what is assumed of a scope where no repeated runs say more."""
    return RunToRun(spread=DEFAULT_SPREAD[scope])


def learnt(runs: Sequence[Digest], scope: Scope) -> RunToRun | None:
    """Return what repeated runs of the same thing differ in, or None where nothing is repeated.

    Of each cell the variance of its runs' means, less what the spread of their launches leads to
    expect, is one estimate; they are pooled (the analysis of variance's estimator of a variance
    between groups; S. R. Searle, G. Casella and C. E. McCulloch, "Variance components", 1992). The
    cells of a backbone are measured in the same minute and count as one for the degrees of freedom.
    Backbones count by themselves: what a whole run has in common is the canary's to show.

    Args:
        runs: Reports of the same thing on the same machine, measured again. Cells that were mostly
            disturbed teach nothing.
        scope: Whose times are looked at.
    """
    found = list(_excesses(runs, scope))
    if not found:
        return None
    excess = max(0.0, statistics.fmean(each for _, each in found))
    backbones = {(its.model, its.weights) for its, _ in found}
    return RunToRun(spread=math.sqrt(excess), degrees=len(backbones) * (len(runs) - 1))


def _excesses(runs: Sequence[Digest], scope: Scope) -> Iterator[tuple[Identity, float]]:
    """Yield each cell's variance between runs beyond that of its launches' means."""
    for (identity, _), samples in _repeated(runs, scope).items():
        if len(samples) < _FEWEST_RUNS:
            continue
        expected = [_variance_of_mean(sample) for sample in samples]
        if any(each is None for each in expected):
            continue
        between = variance([sample.mean for sample in samples])
        yield identity, between - statistics.fmean(each or 0.0 for each in expected)


def _variance_of_mean(sample: Sample) -> float | None:
    spread = sample.pilot_logs
    if len(spread) < _FEWEST_RUNS:
        return None
    return variance(spread) / len(sample.logs)


def _repeated(
    runs: Sequence[Digest], scope: Scope
) -> dict[tuple[Identity, Image | None], list[Sample]]:
    found: dict[tuple[Identity, Image | None], list[Sample]] = {}
    for run in runs:
        for cell in run.cells:
            for time in () if cell.noisy else cell.times:
                if time.scope == scope and time.logs:
                    found.setdefault((cell.identity, time.image), []).append(run.sample(time))
    return found
