"""The memory of cells: which fit into the machine, and which are measured side by side."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

import msgspec

from simx.exporter.jobs.memory import memory_for_exports
from simx.results.schema.environment import Memory
from simx.results.schema.report import FailedCell, Failure
from simx.runner.bench.cells import PlannedCell
from simx.runner.bench.schedule import Deadlines
from simx.runner.measure.messages import Weighed, WeighMemory, decoder
from simx.workers.worker import Launcher, WorkerError

_WEIGHED_BATCHES = (1, 4)
"""Between them the memory of a network grows with the batch as it does beyond."""

_MARGIN = 1.25
"""An allocator grows in steps, so that the growth between two batches is not exact."""

_WORKER_BYTES = 150 * 2**20
"""What a worker adds to the memory of its server before it loads a network, at the most."""

_INPUT_BYTES = 4 * 3 * 6
"""Of a pixel: three float32 channels, in up to six copies of a batch."""

_GIB = 2**30


def weighed(
    cells: Sequence[PlannedCell], launchers: Mapping[str, Launcher], deadlines: Deadlines
) -> list[PlannedCell]:
    """Return the cells with the memory that those on a GPU need, measured in their own workers.

    Its driver is queried while it works, which must not be timed. All other cells' memory is read
    in their launches. A cell whose worker fails has none: its first launch fails too, and has the
    reason.
    """
    return [
        cell
        if cell.task.cuda_device is None
        else msgspec.structs.replace(cell, memory=_memory(cell, launchers, deadlines))
        for cell in cells
    ]


def _memory(
    cell: PlannedCell, launchers: Mapping[str, Launcher], deadlines: Deadlines
) -> Memory | None:
    request, seconds = WeighMemory(cell.task, cell.reference), cell.loading_seconds(deadlines)
    try:
        with launchers[cell.target.backend.label].launch() as worker:
            reply = worker.request(request, decoder(Weighed), seconds)
    except WorkerError:
        return None
    return reply.memory if isinstance(reply, Weighed) else None


def admitted(
    cells: Sequence[PlannedCell | FailedCell],
    launchers: Mapping[str, Launcher],
    deadlines: Deadlines,
) -> list[PlannedCell | FailedCell]:
    """Return the cells with an estimate of their memory, or the failures of those too large.

    A cell that was measured before an interruption is never too large.

    Args:
        cells: of one backbone, smaller batches first.
        launchers: start the workers that are weighed.
        deadlines: for their answers.
    """
    planned = [each for each in cells if isinstance(each, PlannedCell)]
    sizes = {
        kind: [
            _network_bytes(msgspec.structs.replace(first, batch=batch), launchers, deadlines)
            for batch in _WEIGHED_BATCHES
        ]
        for kind, first in {_kind(each): each for each in reversed(planned)}.items()
    }
    available, failed = memory_for_exports(), list[PlannedCell]()

    def judged(cell: PlannedCell) -> PlannedCell | FailedCell:
        needed, failure = _needed(cell, *sizes[_kind(cell)]), refusal(cell, failed)
        if failure is None and needed > available and not cell.was_loaded:
            reason = (
                f"a batch of {cell.batch} needs about {needed / _GIB:.1f} GiB of memory, and "
                f"{available / _GIB:.1f} GiB are available"
            )
            failure = Failure(stage="memory", reason=reason)
        if failure is None:
            return msgspec.structs.replace(cell, needed_bytes=needed)
        failed.append(cell)
        return cell.failed(failure)

    return [judged(each) if isinstance(each, PlannedCell) else each for each in cells]


def _kind(cell: PlannedCell) -> tuple[object, ...]:
    """Return what the memory of a picture depends on; variants of a backend need about the same."""
    return cell.target.backend.runtime, cell.target.provider, cell.target.precision


def refusal(cell: PlannedCell, failed: Iterable[PlannedCell]) -> Failure | None:
    """Return why a cell is not tried, if a smaller batch of it is among those that failed."""
    smaller = [
        each.batch
        for each in failed
        if (each.target, each.threads, each.instances)
        == (cell.target, cell.threads, cell.instances)
        and each.batch < cell.batch
    ]
    if not smaller:
        return None
    reason = f"not tried, because a batch of {min(smaller)} failed"
    return Failure(stage="memory", reason=reason)


def _network_bytes(
    cell: PlannedCell, launchers: Mapping[str, Launcher], deadlines: Deadlines
) -> int:
    """Return what a network and its first call need; 0 if its worker fails or does not tell."""
    memory = _memory(cell, launchers, deadlines)
    return memory.peak - memory.before if memory else 0


def _needed(cell: PlannedCell, small: int, large: int) -> int:
    """Estimate the bytes of a cell's workers, in proportion to their pictures."""
    one, several = _WEIGHED_BATCHES
    growth = max(0, large - small) / (several - one)
    inputs = _INPUT_BYTES * cell.backbone.preset.crop**2 * cell.batch
    network = round(_MARGIN * (small + growth * (cell.batch - one)))
    return cell.processes * (_WORKER_BYTES + network + inputs)


def side_by_side(cells: Sequence[PlannedCell], available: int) -> list[list[int]]:
    """Return the places of cells, in parts whose workers fit into the memory together.

    All targets of a setting are in one part if they fit, because they are compared.

    Args:
        cells: with an estimate, smaller batches first.
        available: bytes of memory.
    """

    def fit(places: Sequence[int]) -> bool:
        return sum(cells[place].needed_bytes for place in places) <= available

    parts: list[list[int]] = [[]]
    for _, group in groupby(range(len(cells)), lambda at: (cells[at].batch, cells[at].threads)):
        places = list(group)
        for together in [places] if fit(places) else [[place] for place in places]:
            if fit([*parts[-1], *together]):
                parts[-1] += together
            else:
                parts.append(together)
    return [part for part in parts if part]
