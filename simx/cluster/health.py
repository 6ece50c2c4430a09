"""Which of equal nodes are sick, by the canaries of the backbone that all of them measure. Pure."""

from collections.abc import Mapping, Sequence
from statistics import median_low

import numpy as np

from simx.results.files.assembly import merge_canaries
from simx.results.schema.report import Canary
from simx.results.statistics.noise import canary_ns

SLOW = 1.25
"""A node is sick whose canaries take this many times as long as those of the node in the middle.
Equal nodes differ by some percent."""

NOISY = 0.25
"""A node is sick if the middle half of its canaries spans more than this share of their median. On
a quiet machine that is 2 to 3 %; a neighbour on the hardware thread costs 15 to 20 %."""


def symptoms(nodes: Mapping[str, Sequence[Canary]]) -> dict[str, str]:
    """Return why nodes are sick, by their identifiers; none if all are.

    Args:
        nodes: the canaries of the same backbone on nodes of one kind.
    """
    quartiles = {
        node: {
            (of.backend, of.provider): np.quantile(
                [canary_ns(block) for launch in of.launches for block in launch.blocks],
                (0.25, 0.5, 0.75),
            )
            for of in merge_canaries(canaries)
        }
        for node, canaries in nodes.items()
    }
    found = {}
    for node, its in quartiles.items():
        usual = {
            key: median_low(float(of[key][1]) for of in quartiles.values() if key in of)
            for key in its
        }
        factor = min((middle / usual[key] for key, (_, middle, _) in its.items()), default=1.0)
        spread = min(((high - low) / middle for low, middle, high in its.values()), default=0.0)
        if factor > SLOW:
            found[node] = f"is sick: its canary takes {factor:.1f} times as long as on equal nodes"
        elif spread > NOISY:
            found[node] = f"is sick: its canary varies by {100 * spread:.0f} %"
    return found if len(found) < len(nodes) else {}
