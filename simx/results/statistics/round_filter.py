"""Which rounds of a backbone count: the undisturbed ones. Pure functions of cells.

``noise`` defines what disturbs a block; a cell's own times are not used.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import msgspec

from simx.results.schema.report import Canary
from simx.results.schema.times import Launch
from simx.results.statistics.noise import (
    CanaryKey,
    canary_ns,
    canary_reference,
    disturbances,
    is_slow,
    is_throttled,
    usual_frequency_khz,
)

Where = tuple[int, int]
"""A launch's index and a round's."""

FEWEST_UNDISTURBED_SHARE = 0.5
"""Smallest share of undisturbed rounds with which the others are left out. Fewer would not be
typical: then all rounds count, and the cells are noisy."""


class FilteredRounds(msgspec.Struct, frozen=True, kw_only=True):
    """The rounds of one backbone that count.

    ``cells`` are each cell's launches without the excluded rounds, in the order of the argument.
    ``noisy`` means that too many rounds were disturbed, so that all of them count.
    """

    cells: tuple[tuple[Launch, ...], ...]
    rounds: int
    excluded: int
    noisy: bool


def references(canaries: Iterable[Canary]) -> dict[CanaryKey, float]:
    """Return the time of an undisturbed canary on each backend and provider, in nanoseconds."""
    seen: dict[CanaryKey, list[float]] = {}
    for canary in canaries:
        ns = seen.setdefault((canary.backend, canary.provider), [])
        ns += [canary_ns(block) for launch in canary.launches for block in launch.blocks]
    return {key: canary_reference(ns) for key, ns in seen.items()}


def filter_rounds(
    cells: Sequence[Sequence[Launch]],
    canaries: Iterable[Canary],
    undisturbed_ns: Mapping[CanaryKey, float],
) -> FilteredRounds:
    """Leave out the disturbed rounds, for all cells of a backbone alike.

    A round is disturbed if one of its blocks is, or if the canaries before or after it are slow.

    Args:
        cells: The ``forward`` launches of each cell.
        canaries: Those taken in the same rounds.
        undisturbed_ns: The time of an undisturbed canary; see ``references``.
    """
    blocks = {
        (launch.index, block.round, cell): block
        for cell, launches in enumerate(cells)
        for launch in launches
        for block in launch.blocks
    }
    usual = [
        usual_frequency_khz([block for (*_, of), block in blocks.items() if of == cell])
        for cell in range(len(cells))
    ]
    taken = {(launch, number) for launch, number, _ in blocks}
    disturbed = {
        (launch, number)
        for (launch, number, cell), block in blocks.items()
        if disturbances(block) or is_throttled(block, usual[cell])
    }
    disturbed |= taken & _slow_rounds(canaries, undisturbed_ns)
    noisy = len(taken) - len(disturbed) < FEWEST_UNDISTURBED_SHARE * len(taken)
    return FilteredRounds(
        cells=tuple(_without(launches, set() if noisy else disturbed) for launches in cells),
        rounds=len(taken),
        excluded=0 if noisy else len(disturbed),
        noisy=noisy,
    )


def filter_blocks(launches: Sequence[Launch]) -> tuple[Launch, ...]:
    """Leave out the disturbed blocks of a scope that has no rounds, unless most are disturbed."""
    return filter_rounds([launches], (), {}).cells[0]


def _slow_rounds(
    canaries: Iterable[Canary], undisturbed_ns: Mapping[CanaryKey, float]
) -> set[Where]:
    """Return the rounds before and after slow canaries, up to the next canary."""
    by_round: dict[Where, dict[CanaryKey, float]] = {}
    for canary in canaries:
        key = (canary.backend, canary.provider)
        for launch in canary.launches:
            for block in launch.blocks:
                where = (launch.index, block.round)
                by_round.setdefault(where, {})[key] = canary_ns(block)
    slow: set[Where] = set()
    for first, following in pairwise(sorted(by_round)):
        (index, begin), (next_index, end) = first, following
        around = (by_round[first], by_round[following])
        if index == next_index and any(is_slow(taken, undisturbed_ns) for taken in around):
            slow |= {(index, number) for number in range(begin, end)}
    return slow


def _without(launches: Sequence[Launch], disturbed: set[Where]) -> tuple[Launch, ...]:
    kept = []
    for launch in launches:
        blocks = tuple(
            each for each in launch.blocks if (launch.index, each.round) not in disturbed
        )
        if blocks:
            kept.append(msgspec.structs.replace(launch, blocks=blocks))
    return tuple(kept)
