"""What memory a cell's worker needs, looked at in a worker of its own of which nothing is timed."""

from collections.abc import Sequence

import msgspec

from simx.results.schema.environment import Memory
from simx.runner.bench.cells import PlannedCell
from simx.runner.bench.launch import Bench
from simx.runner.measure.messages import WEIGHED, Weighed, WeighMemory
from simx.workers.worker import WorkerError


def weighed(cells: Sequence[PlannedCell], bench: Bench) -> list[PlannedCell]:
    """Return the cells with their memory.

    One whose worker fails stays without: its first launch fails too, and says why.
    """
    return [msgspec.structs.replace(cell, memory=_memory(cell, bench)) for cell in cells]


def _memory(cell: PlannedCell, bench: Bench) -> Memory | None:
    request = WeighMemory(cell.task, cell.reference)
    try:
        with bench.launchers[cell.lane.choice.name].launch() as worker:
            seconds = cell.loading_seconds(bench.deadlines)
            reply = worker.request(request, WEIGHED, seconds)
    except WorkerError:
        return None
    return reply.memory if isinstance(reply, Weighed) else None
