"""torch's devices: synchronisation, events, memory, and recorded calls. Imports torch."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from simx.runner.backends.contract import Array
from simx.runner.backends.gpu.cuda_graph_buffers import GraphBuffers

_RECORDED_AFTER = 3
"""Calls before a recording, as torch's documentation requires: the first ones allocate memory and
choose algorithms, which a recording must not do."""

Body = Callable[[torch.Tensor], torch.Tensor]


class Device:
    """A device, with torch's module for its kind; tests replace its module and its kind."""

    def __init__(self, device: torch.device, module: Any = None, kind: str = "") -> None:  # noqa: ANN401 - a module
        self.device = device
        self.kind = kind or device.type
        self._module = module or torch.get_device_module(device)

    @property
    def has_own_memory(self) -> bool:
        """Whether its memory is not the host's."""
        return self.kind != "cpu"

    def synchronise(self) -> None:
        """Wait for all queued work, so that none of it counts for the next call."""
        if self.has_own_memory:
            self._module.synchronize()

    def timed_by_events(self, call: Callable[[], object]) -> int | None:
        """Make a call and return the nanoseconds of the device's clock between two events.

        They enclose the call in the device's queue. None for a device without events.
        """
        if self.kind != "cuda":
            return None
        start, end = self._events
        start.record()
        call()
        end.record()
        self.synchronise()
        milliseconds = float(start.elapsed_time(end))
        return round(milliseconds * 1_000_000)

    @cached_property
    def _events(self) -> tuple[Any, Any]:
        event = self._module.Event
        return event(enable_timing=True), event(enable_timing=True)

    def peak_bytes(self) -> int | None:
        """Return the peak of the allocated memory in bytes; None without an allocator."""
        return int(self._module.max_memory_allocated()) if self.kind == "cuda" else None


@dataclass(frozen=True, slots=True)
class GraphBuffer:
    """An input and an embedding at fixed addresses, and the replay of the recorded call."""

    source: torch.Tensor
    replay: Callable[[], object]
    target: torch.Tensor


def recorded(body: Body, place: Callable[[Array], torch.Tensor]) -> GraphBuffers[GraphBuffer]:
    """Return buffers whose calls are recorded as a CUDA graph when they are made."""

    def create(array: Array) -> GraphBuffer:
        source = place(array)
        with torch.inference_mode():
            replay, target = record(body, source)
        return GraphBuffer(source, replay, target)

    return GraphBuffers(create, lambda to, array: to.source.copy_(torch.from_numpy(array)))


def record(body: Body, source: torch.Tensor) -> tuple[Callable[[], object], torch.Tensor]:
    """Record one call of a network; return its replay and the tensor of its result."""
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(_RECORDED_AFTER):
            body(source)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        target = body(source)
    return graph.replay, target
