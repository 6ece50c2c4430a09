"""How much of the machine's peaks each row of a table reaches.

S. Williams, A. Waterman and D. Patterson, "Roofline: an insightful visual performance model for
multicore architectures", Communications of the ACM 52, 2009.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from msgspec.structs import replace

from simx.results.schema.explanation import Ceilings, Reached, Row, Side
from simx.results.schema.kernels import Kernel, Step

Tables = Sequence[Sequence[Row]]

_SMALLEST_SHARE = 0.005
"""Of a side's time: of less, a profile is too coarse for a rate."""


def work_of(
    steps: Iterable[Step], names: Callable[[Kernel | Step], Sequence[str]]
) -> dict[str, tuple[int, int]]:
    """Return the operations of each row, and the bytes that it has to read and to write.

    What a row computes for itself alone need not leave the caches, and does not count.
    """
    rows: dict[str, list[Step]] = defaultdict(list)
    readers: dict[str, set[str]] = defaultdict(set)
    for step in steps:
        for name in names(step):
            rows[name].append(step)
            for value in step.reads:
                readers[value].add(name)
    found = {}
    for name, own in rows.items():
        written = {value: size for step in own for value, size in step.writes.items()}
        read = {value: size for step in own for value, size in step.reads.items()}
        moved = sum(size for value, size in read.items() if value not in written)
        moved += sum(size for value, size in written.items() if readers[value] != {name})
        found[name] = sum(step.flops for step in own), moved
    return found


def with_reached(
    tables: Tables, sides: tuple[Side, Side], measured: Ceilings
) -> tuple[list[tuple[Row, ...]], Ceilings]:
    """Return tables with what each row reaches, and the ceilings: the best that was reached."""
    rates = [
        [[_rates(row, side, at) for at, side in enumerate(sides)] for row in t] for t in tables
    ]
    every = [each for table in rates for row in table for each in row if each]
    flops, moved = (max(each) for each in zip(measured, *every, strict=True))

    def reached(rate: Ceilings | None) -> Reached | None:
        return rate and Reached(peak=rate[0] / flops, bandwidth=rate[1] / moved)

    return [
        tuple(
            replace(row, reached=(reached(one), reached(other)))
            for row, (one, other) in zip(table, its, strict=True)
        )
        for table, its in zip(tables, rates, strict=True)
    ], Ceilings(flops, moved)


def _rates(row: Row, side: Side, at: int) -> Ceilings | None:
    """Return the rates of a side; None where it is not in float32, or of too short a time."""
    ns = row.ns[at]
    if side.precision != "fp32" or not row.bytes or ns < _SMALLEST_SHARE * side.profiled_ns:
        return None
    seconds = ns * side.scale / 1e9
    return Ceilings(row.flops / seconds, row.bytes / seconds)
