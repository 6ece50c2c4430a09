"""The rules of a report beyond its types, on which the statistics rely. Raises nothing."""

from collections.abc import Iterator, Sequence

import msgspec

from simx.results.files.bounds import LARGEST, excesses
from simx.results.schema.partial_placement import partial_placement, partial_placement_in
from simx.results.schema.report import (
    FailedCell,
    Identity,
    MeasuredCell,
    QuotedCell,
    QuotedMedian,
    Report,
)
from simx.results.schema.times import Block, DeviceEvents, Launch, Timing

_LARGEST_CANARY = 2**16

_CPU = "CPUExecutionProvider"

_KINDS = (
    "a report is either measured, with environment and config, or quoted, with a source and "
    "nothing of a run"
)

_MOST_DECIMALS = 6
"""A millisecond is kept in whole nanoseconds."""


def first_problem(report: Report) -> str | None:
    """Return what is wrong with a report and where (a path such as ``$.cells[3]``), or None."""
    return next(_problems(report), None)


def _problems(report: Report) -> Iterator[str]:
    yield from excesses(report)
    yield from _kind_problems(report)
    yield from _repeated_cells(report)
    for index, cell in enumerate(report.cells):
        if not isinstance(cell, FailedCell):
            yield from _cell_problems(cell, f"$.cells[{index}]")
    for index, canary in enumerate(report.canary):
        if not 1 <= canary.size <= _LARGEST_CANARY:
            yield f"$.canary[{index}].size is {canary.size}; it is from 1 to {_LARGEST_CANARY}"
        yield from _launches_problems(canary.launches, f"$.canary[{index}].launches")


def _kind_problems(report: Report) -> Iterator[str]:
    quoted = report.source is not None
    for name in ("environment", "config"):
        if (getattr(report, name) is None) != quoted:
            yield f"$.{name} is {'given' if quoted else 'null'}; {_KINDS}"
    for name in ("canary", "stops"):
        if quoted and getattr(report, name):
            yield f"$.{name} is given; {_KINDS}"
    for index, cell in enumerate(report.cells):
        if isinstance(cell, QuotedCell) != quoted:
            kind = "quoted" if isinstance(cell, QuotedCell) else "of a run"
            yield f"$.cells[{index}] is {kind}; {_KINDS}"
        if cell.identity.threads is None and not quoted:
            yield f"$.cells[{index}].identity.threads is null; a run knows how many it had"


def _repeated_cells(report: Report) -> Iterator[str]:
    seen: dict[Identity, int] = {}
    for index, cell in enumerate(report.cells):
        earlier = seen.setdefault(cell.identity, index)
        if earlier != index:
            yield (
                f"$.cells[{earlier}] and $.cells[{index}] are the same cell "
                f"({', '.join(map(str, msgspec.structs.astuple(cell.identity)))})"
            )


def _cell_problems(cell: MeasuredCell | QuotedCell, path: str) -> Iterator[str]:
    if cell.embedding_dim < 1:
        yield f"{path}.embedding_dim is {cell.embedding_dim}; an embedding has a component"
    for name, value in msgspec.structs.asdict(cell.similarity).items():
        if value is not None and abs(value) > 100:  # noqa: PLR2004 - percent
            yield f"{path}.similarity.{name} is {value}; a similarity is from -100 to 100 percent"
    if isinstance(cell, QuotedCell):
        yield from _quotation_problems(cell, path)
        return
    yield from _placement_problems(cell, path)
    yield from _repeats(_scopes(cell.timings), f"{path}.timings", "scope")
    for index, timing in enumerate(cell.timings):
        yield from _launches_problems(timing.launches, f"{path}.timings[{index}].launches")


def _placement_problems(cell: MeasuredCell, path: str) -> Iterator[str]:
    """The cell's name must state which part ran elsewhere, and only that."""
    its = cell.identity
    if min((cell.shape_nodes, *cell.placement.values())) < 0:
        yield f"{path}.placement has a negative number of nodes"
    elif cell.shape_nodes > cell.placement.get(_CPU, 0):
        yield f"{path}.shape_nodes is {cell.shape_nodes}, more than there are on {_CPU}"
    elif cell.placement and not cell.placement.get(its.provider):
        yield f"{path}.placement has no node on {its.provider}"
    else:
        stated = partial_placement_in(its.backend)
        share = partial_placement(cell.placement, cell.shape_nodes, its.provider)
        if stated != share:
            yield (
                f"{path}.identity.backend says that {stated or 'all'} of its nodes ran on "
                f"{its.provider}; by its placement it is {share or 'all'}"
            )


def _quotation_problems(cell: QuotedCell, path: str) -> Iterator[str]:
    if not 0 <= cell.decimals <= _MOST_DECIMALS:
        yield f"{path}.decimals is {cell.decimals}; it is from 0 to {_MOST_DECIMALS}"
    yield from _repeats(_scopes(cell.medians), f"{path}.medians", "scope")
    for index, median in enumerate(cell.medians):
        if not 1 <= median.ns <= LARGEST:
            yield f"{path}.medians[{index}].ns is {median.ns}; a time is at least 1 ns"


def _scopes(times: Sequence[Timing] | Sequence[QuotedMedian]) -> list[str]:
    return [f"{time.scope} {time.image or ''}".strip() for time in times]


def _launches_problems(launches: Sequence[Launch], path: str) -> Iterator[str]:
    if not launches:
        yield f"{path} is empty"
    yield from _repeats([launch.index for launch in launches], path, "launch index")
    for index, launch in enumerate(launches):
        yield from _blocks_problems(launch.blocks, f"{path}[{index}].blocks")
        if launch.events is not None:
            yield from _events_problems(launch.events, f"{path}[{index}].events")


def _events_problems(events: DeviceEvents, path: str) -> Iterator[str]:
    if not events.wall_ns or len(events.wall_ns) != len(events.device_ns):
        yield (
            f"{path} has {len(events.wall_ns)} times by the clock and {len(events.device_ns)} by "
            "events; each call has both"
        )
    # The device's clock has steps, and two events may fall into one.
    for least, times in ((1, events.wall_ns), (0, events.device_ns)):
        for ns in times:
            if not least <= ns <= LARGEST:
                yield f"{path} holds {ns}; a time is at least {least} ns, and within 64 bits"


def _blocks_problems(blocks: Sequence[Block], path: str) -> Iterator[str]:
    if not blocks:
        yield f"{path} is empty"
    yield from _repeats([block.round for block in blocks], path, "round")
    for number, block in enumerate(blocks):
        # A report has hundreds of thousands of blocks, so only an unsound one's path is made.
        if not 1 <= block.calls <= LARGEST:
            yield f"{path}[{number}].calls is {block.calls}; it counts from 1"
        if not block.ns:
            yield f"{path}[{number}].ns is empty"
        elif min(block.ns) < 1:
            yield f"{path}[{number}].ns holds {min(block.ns)}; a time is at least 1 ns"
        elif max(block.ns) > LARGEST:
            yield f"{path}[{number}].ns holds {max(block.ns)}, which is beyond 64 bits"


def _repeats(values: Sequence[object], path: str, name: str) -> Iterator[str]:
    if len(set(values)) < len(values):
        value = next(value for value in values if values.count(value) > 1)
        yield f"{path} has the {name} {value} twice"
