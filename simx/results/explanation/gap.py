"""The rows of both tables, with what the slower side loses in each, and causes beyond kernels."""

from collections.abc import Callable, Sequence

from simx.results.explanation.parts import parts_of, spread
from simx.results.explanation.roofline import work_of
from simx.results.schema.explanation import Row, Side
from simx.results.schema.kernels import Kernel, Step

Sides = tuple[Side, Side]

_FLUSHING_GAIN = 1.05
"""From this gain on, denormal numbers are a cause: it is above what one profile differs by."""

_FAULT_NS = 1000.0
"""The least that a page fault takes: the kernel is entered, and clears 4 KiB."""

_FAULTS_SHARE = 0.02
"""Of a call, from which on page faults are a cause."""


_FUSED_INTO = ("convolutions", "matrix products")
"""The ends of kinds that others are fused into, so that their kernels always have times."""


def by_kind(sides: Sides, slower: int, steps: Sequence[Step] = ()) -> tuple[Row, ...]:
    """Return a row for each kind of kernel, that with the largest loss first.

    Only work that is not fused into another kind's is counted.
    """
    own = [step for step in steps if step.kind.endswith(_FUSED_INTO)]
    rows = _rows(sides, slower, lambda kernel: [kernel.kind], own)
    return tuple(sorted(rows, key=lambda row: -row.gap_ns))


def by_part(sides: Sides, slower: int, steps: Sequence[Step] = ()) -> tuple[Row, ...]:
    """Return a row for each part of the network, in the order in which they are computed.

    Kernels that cannot be attributed have a row for each of their kinds, which come last. A kernel
    of several parts gives each of them an equal share.
    """
    parts = parts_of([side.kernels for side in sides])

    def names(kernel: Kernel | Step) -> Sequence[str]:
        return spread(kernel, parts) or [f"({kernel.kind})"]

    rows = {row.name: row for row in _rows(sides, slower, names, steps)}
    return tuple(rows[name] for name in dict.fromkeys((*parts.values(), *rows)) if name in rows)


def _rows(
    sides: Sides,
    slower: int,
    names: Callable[[Kernel | Step], Sequence[str]],
    steps: Sequence[Step],
) -> tuple[Row, ...]:
    work = work_of(steps, names)
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
        Row(
            name=name,
            ns=(one, other),
            gap_ns=gaps[name],
            lost=max(0.0, gaps[name]) / losses,
            flops=work.get(name, (0, 0))[0],
            bytes=work.get(name, (0, 0))[1],
        )
        for name, (one, other) in times.items()
    )


def share(side: Side, which: Callable[[Kernel], object]) -> float:
    """Return the share of a side's time in some kernels."""
    return sum(each.ns for each in side.kernels if which(each)) / side.profiled_ns


def has_denormals(side: Side) -> bool:
    """Whether a side computes with denormal numbers that cost time."""
    gain = side.flushed
    return gain is not None and (gain.low or 0.0) > 1 and gain.value >= _FLUSHING_GAIN


def gets_memory_anew(side: Side) -> bool:
    """Whether a side's memory is returned to the system after each call."""
    return (side.page_faults or 0.0) * _FAULT_NS >= _FAULTS_SHARE * side.forward.median_ns
