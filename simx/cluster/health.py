"""Which of equal nodes are sick, by the canaries of the backbone that all of them measure. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import median_low

import numpy as np

from simx.results.files.assembly import merge_canaries
from simx.results.schema.report import Canary
from simx.results.statistics.noise import CanaryKey, canary_ns

SLOW = 1.25
"""A node is sick whose canaries take this many times as long as those of the node in the middle.
Equal nodes differ by some percent."""

NOISY = 0.25
"""A node is sick if the middle half of its canaries spans more than this share of their median. On
a quiet machine that is 2 to 3 %; a neighbour on the hardware thread costs 15 to 20 %."""


Quartiles = Mapping[CanaryKey, tuple[float, float, float]]
"""Of a node's canaries, in nanoseconds."""


def quartiles(canaries: Sequence[Canary]) -> Quartiles:
    """Return those of all canaries of a node."""
    return {
        (of.backend, of.provider): tuple(
            np.quantile(
                [canary_ns(block) for launch in of.launches for block in launch.blocks],
                (0.25, 0.5, 0.75),
            ).tolist()
        )
        for of in merge_canaries(canaries)
    }


def symptoms(nodes: Mapping[str, Quartiles]) -> dict[str, str]:
    """Return why nodes are sick, by their identifiers; none if all are.

    Args:
        nodes: the quartiles of the same backbone's canaries on nodes of one kind.
    """
    medians: dict[CanaryKey, list[float]] = defaultdict(list)
    for its in nodes.values():
        for key, (_, middle, _) in its.items():
            medians[key].append(middle)
    usual = {key: median_low(of) for key, of in medians.items()}
    found = {}
    for node, its in nodes.items():
        factor = min((middle / usual[key] for key, (_, middle, _) in its.items()), default=1.0)
        spread = min(((high - low) / middle for low, middle, high in its.values()), default=0.0)
        if factor > SLOW:
            found[node] = f"is sick: its canary takes {factor:.1f} times as long as on equal nodes"
        elif spread > NOISY:
            found[node] = f"is sick: its canary varies by {100 * spread:.0f} %"
    return found if len(found) < len(nodes) else {}
