"""The rules of a report beyond its types, on which the statistics rely. Raises nothing."""

from collections.abc import Iterator, Sequence

import msgspec

from simx.results.schema.partial_placement import partial_placement, partial_placement_in
from simx.results.schema.report import Identity, MeasuredCell, QuotedCell, QuotedMedian, Report
from simx.results.schema.times import Launch, Timing

_CPU = "CPUExecutionProvider"

_KINDS = (
    "a report is either measured, with environment and config, or quoted, with a source and "
    "nothing of a run"
)


def first_problem(report: Report) -> str | None:
    """Return what is wrong with a report and where (a path such as ``$.cells[3]``), or None."""
    return next(_problems(report), None)


def _problems(report: Report) -> Iterator[str]:
    yield from _kind_problems(report)
    seen: dict[Identity, int] = {}
    for index, cell in enumerate(report.cells):
        earlier = seen.setdefault(cell.identity, index)
        if earlier != index:
            name = ", ".join(map(str, msgspec.structs.astuple(cell.identity)))
            yield f"$.cells[{earlier}] and $.cells[{index}] are the same cell ({name})"
        acc1, acc5 = cell.catalogue.acc1, cell.catalogue.acc5
        if acc1 is not None and acc5 is not None and acc5 < acc1:
            yield f"$.cells[{index}].catalogue.acc5 is {acc5}, below acc1 ({acc1})"
        path = f"$.cells[{index}]"
        if isinstance(cell, QuotedCell):
            yield from _repeats(_scopes(cell.medians), f"{path}.medians", "scope")
        elif isinstance(cell, MeasuredCell):
            if cell.memory and cell.memory.peak < cell.memory.before:
                peak, before = cell.memory.peak, cell.memory.before
                yield f"{path}.memory.peak is {peak}, below before ({before})"
            yield from _placement_problems(cell, path)
            yield from _timings_problems(cell.timings, path)
    for index, preparation in enumerate(report.preparations):
        yield from _timings_problems(preparation.timings, f"$.preparations[{index}]")
    yield from _node_problems(report)
    for index, canary in enumerate(report.canary):
        yield from _launches_problems(canary.launches, f"$.canary[{index}].launches")


def _node_problems(report: Report) -> Iterator[str]:
    kinds = [kind.name for kind in report.kinds]
    yield from _repeats(kinds, "$.kinds", "name")
    is_per_kind = report.config is not None and report.config.per == "kind"
    for index, cell in enumerate(report.cells):
        kind = cell.identity.kind
        if kind not in kinds if is_per_kind else kind is not None:
            yield f"$.cells[{index}].identity.kind is {kind}, and the report has {kinds or 'none'}"
    for index, stop in enumerate(report.stops):
        if stop.node is not None and stop.node > len(report.nodes):
            yield f"$.stops[{index}].node is {stop.node}, and there are {len(report.nodes)}"
    for number, node in enumerate(report.nodes):
        for index, times in enumerate(node.reference):
            path = f"$.nodes[{number}].reference[{index}].launches"
            yield from _launches_problems(times.launches, path)


def _kind_problems(report: Report) -> Iterator[str]:
    quoted = report.source is not None
    for name in ("environment", "config"):
        if (getattr(report, name) is None) != quoted:
            yield f"$.{name} is {'given' if quoted else 'null'}; {_KINDS}"
    for name in ("canary", "preparations", "stops", "nodes", "kinds"):
        if quoted and getattr(report, name):
            yield f"$.{name} is given; {_KINDS}"
    for index, cell in enumerate(report.cells):
        if isinstance(cell, QuotedCell) != quoted:
            kind = "quoted" if isinstance(cell, QuotedCell) else "of a run"
            yield f"$.cells[{index}] is {kind}; {_KINDS}"
        if cell.identity.threads is None and not quoted:
            yield f"$.cells[{index}].identity.threads is null; a run knows how many it had"


def _timings_problems(timings: Sequence[Timing], path: str) -> Iterator[str]:
    yield from _repeats(_scopes(timings), f"{path}.timings", "scope")
    for index, timing in enumerate(timings):
        yield from _launches_problems(timing.launches, f"{path}.timings[{index}].launches")


def _placement_problems(cell: MeasuredCell, path: str) -> Iterator[str]:
    """The cell's name must state which part ran elsewhere, and only that."""
    its = cell.identity
    if cell.shape_nodes > cell.placement.get(_CPU, 0):
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


def _scopes(times: Sequence[Timing] | Sequence[QuotedMedian]) -> list[str]:
    return [f"{time.scope} {time.image or ''}".strip() for time in times]


def _launches_problems(launches: Sequence[Launch], path: str) -> Iterator[str]:
    yield from _repeats([launch.index for launch in launches], path, "launch index")
    for index, launch in enumerate(launches):
        blocks, events = launch.blocks, launch.events
        yield from _repeats([block.round for block in blocks], f"{path}[{index}].blocks", "round")
        if events is not None and len(events.wall_ns) != len(events.device_ns):
            yield (
                f"{path}[{index}].events has {len(events.wall_ns)} times by the clock and "
                f"{len(events.device_ns)} by events; each call has both"
            )


def _repeats(values: Sequence[object], path: str, name: str) -> Iterator[str]:
    if len(set(values)) < len(values):
        value = next(value for value in values if values.count(value) > 1)
        yield f"{path} has the {name} {value} twice"
