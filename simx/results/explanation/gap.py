"""The rows of both tables: the times of two sides, and what the slower one loses in each."""

from collections.abc import Callable, Sequence

from simx.results.explanation.parts import parts_of, spread
from simx.results.schema.explanation import Row, Side
from simx.results.schema.kernels import Kernel

Sides = tuple[Side, Side]


def by_kind(sides: Sides, slower: int) -> tuple[Row, ...]:
    """Return a row for each kind of kernel, that with the largest loss first."""
    rows = _rows(sides, slower, lambda kernel: [kernel.kind])
    return tuple(sorted(rows, key=lambda row: -row.gap_ns))


def by_part(sides: Sides, slower: int) -> tuple[Row, ...]:
    """Return a row for each part of the network, in the order in which they are computed.

    Kernels that cannot be attributed have a row for each of their kinds, which come last. A kernel
    of several parts gives each of them an equal share.
    """
    parts = parts_of([side.kernels for side in sides])

    def names(kernel: Kernel) -> Sequence[str]:
        return spread(kernel, parts) or [f"({kernel.kind})"]

    rows = {row.name: row for row in _rows(sides, slower, names)}
    return tuple(rows[name] for name in dict.fromkeys((*parts.values(), *rows)) if name in rows)


def _rows(sides: Sides, slower: int, names: Callable[[Kernel], Sequence[str]]) -> tuple[Row, ...]:
    times: dict[str, list[float]] = {}
    for place, side in enumerate(sides):
        for kernel in side.kernels:
            found = names(kernel)
            for name in found:
                times.setdefault(name, [0.0, 0.0])[place] += kernel.ns / len(found)
    scales = [side.scale for side in sides]
    gaps = {
        name: ns[slower] * scales[slower] - ns[1 - slower] * scales[1 - slower]
        for name, ns in times.items()
    }
    losses = sum(gap for gap in gaps.values() if gap > 0) or 1.0
    return tuple(
        Row(name=name, ns=(one, other), gap_ns=gaps[name], lost=max(0.0, gaps[name]) / losses)
        for name, (one, other) in times.items()
    )


def share(side: Side, which: Callable[[Kernel], object]) -> float:
    """Return the share of a side's time in some kernels."""
    return sum(each.ns for each in side.kernels if which(each)) / side.profiled_ns
