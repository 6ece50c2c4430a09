"""Whether something grew or shrank during a long run. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

SEGMENTS = 20
"""Parts of a run whose medians are compared: values that follow each other are not independent."""

CONFIDENCE = 0.95


class Trend(NamedTuple):
    """How much a value changed from the first to the last segment, with the interval's ends."""

    change: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves no doubt about the direction."""
        return self.low > 0 or self.high < 0


def trend(values: Sequence[float]) -> Trend | None:
    """Return the change of values that are equally far apart; None for too few of them.

    It is the median of the slopes between all pairs of segments, with the interval that Kendall's
    tau gives (Sen, "Estimates of the regression coefficient based on Kendall's tau", Journal of the
    American Statistical Association 63, 1968), over the whole run. Single outliers change neither.
    """
    if len(values) < 2 * SEGMENTS:
        return None
    # Heavy, and only for long runs.
    from scipy.stats import theilslopes  # noqa: PLC0415

    medians = [float(np.median(part)) for part in np.array_split(values, SEGMENTS)]
    found = theilslopes(medians, alpha=CONFIDENCE)
    return Trend(*(float(slope) * (SEGMENTS - 1) for slope in (found[0], found[2], found[3])))
