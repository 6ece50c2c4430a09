"""How much memory an export needs, and how exports run side by side within what is there."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

import psutil

from simx.common.cgroups import memory_left
from simx.exporter.store.store import Store
from simx.models.backbone import Backbone, Precision

Task = TypeVar("Task")
Result = TypeVar("Result")

_BASE_BYTES = 900 * 2**20
"""What a worker needs before the first parameter: the libraries, and tracing a small network."""

_COPIES = 4.5
"""Copies of the parameters at the peak: the state, the module, the graph, its file in memory, and
two in an ONNX Runtime session that loads. ``benchmarks/RESULTS.md`` saw three to four."""

_BYTES_PER_PIXEL = 6000
"""Of one input, for the activations of the pictures that are run together in verification."""

_USUAL_BYTES = 2 * 2**30
"""Four of five networks need less."""

_MARGIN = 1.1
"""A later export of the same network may need a little more than the earlier one did."""

_SHARE = 0.85
"""Of the available memory; the rest is for other programs."""

_GRACE_SECONDS = 1.0
"""For abandoned tasks to clean up; one that waits for a network is left behind."""


def needed_bytes(backbone: Backbone, store: Store, precision: Precision = "fp32") -> int:
    """Return what an export needs at its peak: from an earlier export, or estimated."""
    seen = store.peak_bytes(backbone, precision)
    if seen is not None:
        return round(_MARGIN * seen)
    parameters = 4 * backbone.params
    return _BASE_BYTES + round(_COPIES * parameters) + _BYTES_PER_PIXEL * backbone.preset.crop**2


def default_jobs(cores: int) -> int:
    """Return how many exports run side by side: one per core, if each has the usual memory."""
    return max(1, min(cores, memory_for_exports() // _USUAL_BYTES))


def memory_for_exports() -> int:
    """Return the bytes that exports may use together: of the machine or the container."""
    available, left = psutil.virtual_memory().available, memory_left()
    return round(_SHARE * (available if left is None else min(available, left)))


def run_admitted(
    tasks: Sequence[Task],
    work: Callable[[Task], Result],
    needs: Callable[[Task], int],
    *,
    side_by_side: int,
    memory_bytes: int,
    group: Callable[[Task], str | None] = lambda _: None,
    on_start: Callable[[Task], None],
    on_abandon: Callable[[], None],
) -> Iterator[Result]:
    """Do tasks, largest first, and yield their results as they come.

    A task begins when its need and those of the running tasks fit into the memory, or when nothing
    else runs: a task that needs more than the memory is still tried.

    Args:
        tasks: what to do. Each works in a process of its own; its thread here only waits.
        work: does a task, in another thread.
        needs: estimates a task's peak of memory in bytes.
        side_by_side: how many may run at a time.
        memory_bytes: what they may need together.
        group: names tasks of which one at a time runs, one directly after the other.
        on_start: called in the caller's thread just before a task begins.
        on_abandon: called when the caller stops, or a task raises, while others still run; it has
            to make their work end.

    Raises:
        Exception: what the first failing task raised; no further task begins.
    """
    begun: SimpleQueue[tuple[int, Task] | None] = SimpleQueue()
    ended: SimpleQueue[tuple[tuple[int, Task], Future[Result]]] = SimpleQueue()
    # Not an executor's, which the process would wait for at its end. They live as long as there may
    # be tasks: a worker process may ask the kernel to end it with the thread that started it.
    arguments = (work, begun, ended)
    threads = [Thread(target=_work, args=arguments, daemon=True) for _ in tasks[:side_by_side]]
    for thread in threads:
        thread.start()
    waiting = sorted(((needs(task), task) for task in tasks), key=lambda each: -each[0])
    running: list[tuple[int, str | None]] = []

    def next_fitting() -> tuple[int, Task] | None:
        if len(running) >= side_by_side:
            return None
        left = memory_bytes - sum(need for need, _ in running)
        busy = {name for _, name in running if name}
        free = (each for each in waiting if group(each[1]) not in busy)
        return next((each for each in free if each[0] <= left or not running), None)

    try:
        while waiting or running:
            while found := next_fitting():
                waiting.remove(found)
                on_start(found[1])
                running.append((found[0], group(found[1])))
                begun.put(found)
            (need, task), future = ended.get()
            running.remove((need, name := group(task)))
            # Stable: the largest are still first among the others.
            waiting.sort(key=lambda each: name is None or group(each[1]) != name)
            yield future.result()
    finally:
        if running:
            on_abandon()
        for _ in threads:
            begun.put(None)
        for thread in threads:
            thread.join(_GRACE_SECONDS)


def _work(
    work: Callable[[Task], Result],
    begun: SimpleQueue[tuple[int, Task] | None],
    ended: SimpleQueue[tuple[tuple[int, Task], Future[Result]]],
) -> None:
    """Do one task after the other, until None comes."""
    while (taken := begun.get()) is not None:
        future: Future[Result] = Future()
        try:
            future.set_result(work(taken[1]))
        except BaseException as error:  # noqa: BLE001 - it is raised in the caller's thread
            future.set_exception(error)
        ended.put((taken, future))
