"""Graphs with inputs and outputs on a device, by IO binding. Imports onnxruntime.

``run_with_iobinding`` waits for the provider's stream unless a run option disables that, and
``synchronize_outputs`` waits for outputs that another stream writes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import onnxruntime

from simx.runner.backends.contract import Array, BackendError, Placed
from simx.runner.backends.gpu.cuda_graph_buffers import GraphBuffers, HeldBuffer

_PICTURES = 4
"""Dimensions of a network's input; embeddings have two."""


class DeviceGraph:
    """A graph that is launched kernel by kernel."""

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        device: str,
        device_id: int = 0,
        run: Mapping[str, str] | None = None,
    ) -> None:
        self._session = session
        self._device = device
        self._device_id = device_id
        self._run = dict(run or {})
        self._options = self._run_options()
        self._inputs = tuple(value.name for value in session.get_inputs())
        self._output = session.get_outputs()[0]

    def place(self, array: Array) -> Placed:
        """Copy an array to the device."""
        return onnxruntime.OrtValue.ortvalue_from_numpy(array, self._device, self._device_id)

    def run(self, *inputs: Placed) -> Placed:
        """Call the graph, and return when its output exists."""
        binding = self._session.io_binding()
        for name, value in zip(self._inputs, inputs, strict=True):
            binding.bind_ortvalue_input(name, on_device(value))
        binding.bind_output(self._output.name, self._device, self._device_id)
        self._session.run_with_iobinding(binding, self._options)
        binding.synchronize_outputs()
        return binding.get_outputs()[0]

    def fetch(self, output: Placed) -> Array:
        """Copy an output to the host."""
        array: Array = on_device(output).numpy()
        return array

    def _run_options(self, **further: str) -> onnxruntime.RunOptions:
        options = onnxruntime.RunOptions()
        for name, value in {**self._run, **further}.items():
            options.add_run_config_entry(name, value)
        return options


@dataclass(frozen=True, slots=True)
class _GraphBuffer:
    """An input and an output at fixed addresses, bound; ``options`` number their recording."""

    source: Any
    target: Any
    binding: Any
    options: onnxruntime.RunOptions


class CapturedGraph(DeviceGraph):
    """A network whose call is recorded as a CUDA graph once for each buffer, and replayed."""

    _recordings = 0

    @cached_property
    def _buffers(self) -> GraphBuffers[_GraphBuffer]:
        return GraphBuffers(self._recorded, lambda to, array: to.source.update_inplace(array))

    def place(self, array: Array) -> Placed:
        """Put a picture into a buffer; an embedding is only copied."""
        return self._buffers.hold(array) if array.ndim == _PICTURES else super().place(array)

    def run(self, *inputs: Placed) -> Placed:
        """Replay the buffer's recording."""
        (held,) = inputs
        buffer = held.buffer
        self._session.run_with_iobinding(buffer.binding, buffer.options)
        buffer.binding.synchronize_outputs()
        return held

    def _recorded(self, array: Array) -> _GraphBuffer:
        source = super().place(array)
        length = self._output.shape[-1]
        if not isinstance(length, int):
            raise BackendError(
                f"the graph's output has no fixed length ({length}), which a CUDA graph needs"
            )
        target = onnxruntime.OrtValue.ortvalue_from_shape_and_type(
            [len(array), length], np.float32, self._device, self._device_id
        )
        binding = self._session.io_binding()
        binding.bind_ortvalue_input(self._inputs[0], source)
        binding.bind_ortvalue_output(self._output.name, target)
        self._recordings += 1
        options = self._run_options(gpu_graph_id=str(self._recordings))
        # Recorded now, because the first call with a buffer may be a timed one.
        self._session.run_with_iobinding(binding, options)
        return _GraphBuffer(source, target, binding, options)


def on_device(value: Placed) -> Any:  # noqa: ANN401 - the runtime's own type
    """Return the runtime's value of an input or an output; for a buffer, the embedding."""
    return value.buffer.target if isinstance(value, HeldBuffer) else value
