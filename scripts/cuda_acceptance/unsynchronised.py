"""Backends that do not wait for their device: what simx has to notice. Run as workers' entries."""

from unittest.mock import patch

from simx.runner.backends.contract import Placed
from simx.runner.backends.ort import backend as ort_backend
from simx.runner.backends.ort import device as ort_device
from simx.runner.backends.torch import backend as torch_backend
from simx.runner.backends.torch import device as torch_device
from simx.workers.connection import Connection


class _Impatient(torch_device.Device):
    """Queues its work and returns."""

    def synchronise(self) -> None:
        """Wait for nothing."""


class _ImpatientGraph(ort_device.DeviceGraph):
    """Tells the session to queue its work and return."""

    def run(self, *inputs: Placed) -> Placed:
        """Call the graph, and wait for nothing."""
        binding = self._session.io_binding()
        for name, value in zip(self._inputs, inputs, strict=True):
            binding.bind_ortvalue_input(name, value)
        binding.bind_output(self._output.name, self._device, self._device_id)
        options = self._run_options(disable_synchronize_execution_providers="1")
        self._session.run_with_iobinding(binding, options)
        return binding.get_outputs()[0]


def torch(connection: Connection) -> None:
    """Run a torch worker that does not wait."""
    with patch.object(torch_backend, "Device", _Impatient):
        torch_backend.main(connection)


def ort(connection: Connection) -> None:
    """Run an ONNX Runtime worker that does not wait."""
    with patch.object(ort_backend, "DeviceGraph", _ImpatientGraph):
        ort_backend.main(connection)
