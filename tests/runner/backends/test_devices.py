"""Devices without one: every call waits, events are read the right way round, buffers are replayed.

What torch's module of a device does is remembered by a stand-in; tensors lie on the CPU.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
import onnxruntime
import pytest
import torch

from simx.exporter.network.architecture import build_empty
from simx.exporter.network.heads import remove_head
from simx.runner.backends.contract import SIMILARITY_GRAPH, Array, Task, canary_matrix
from simx.runner.backends.ort.device import CapturedGraph, DeviceGraph
from simx.runner.backends.torch import device
from simx.runner.backends.torch.backend import TorchBackend, TorchRuntime
from simx.runner.backends.torch.device import Device

PICTURE: Array = np.ones((1, 3, 4, 4), dtype=np.float32)


class FakeEvent:
    """An event of a device whose clock moves by 2.5 ms with everything that is called."""

    def __init__(self, device: "FakeModule") -> None:
        self._device = device
        self.at = 0.0

    def record(self) -> None:
        self._device.log.append("record")
        self.at = self._device.now

    def elapsed_time(self, end: "FakeEvent") -> float:
        """Milliseconds from this one to another, negative if that one came first."""
        assert self._device.log[-1] == "synchronise", "an event was read before it had happened"
        return end.at - self.at


class FakeModule:
    """What torch.cuda is to a CUDA device."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.now = 100.0

    def synchronize(self) -> None:
        self.log.append("synchronise")

    def Event(self, *, enable_timing: bool) -> FakeEvent:  # noqa: N802 - torch's name
        assert enable_timing
        return FakeEvent(self)

    def max_memory_allocated(self) -> int:
        return 123


class FakeDevice(Device):
    """Is a CUDA device, whose tensors lie on the CPU."""

    def __init__(self, module: FakeModule) -> None:
        super().__init__(torch.device("cpu"), module, kind="cuda")


class Network(torch.nn.Module):
    """The mean of each channel; it tells when it is called."""

    def __init__(self, module: FakeModule) -> None:
        super().__init__()
        self._module = module

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        self._module.log.append("launch")
        self._module.now += 2.5
        return image.mean(dim=(2, 3))


def on_fake(module: FakeModule, variants: Sequence[str] = ()) -> TorchBackend:
    return TorchBackend(Network(module), FakeDevice(module), variants)


CALLS: list[Callable[[TorchBackend, Any], object]] = [
    lambda backend, _: backend.place(PICTURE),
    lambda backend, placed: backend.forward(placed),
    lambda backend, _: backend.canary(),
]


@pytest.mark.parametrize("call", CALLS, ids=["place", "forward", "canary"])
def test_every_call_ends_by_waiting_for_the_device(
    call: Callable[[TorchBackend, Any], object],
) -> None:
    """Otherwise its work would be charged to whatever is timed next."""
    module = FakeModule()
    backend = on_fake(module)
    placed = backend.place(PICTURE)
    module.log.clear()
    call(backend, placed)

    assert module.log[-1] == "synchronise"


def test_nothing_of_a_network_is_left_on_the_host(task: Task) -> None:
    """Inputs, weights, embeddings and the canary are on the device; torch refuses a mixture.

    The device is torch's own stand-in for one, which knows shapes and computes no values.
    """
    body = remove_head(build_empty(task.backbone), task.embedding).eval()
    backend = TorchBackend(body, Device(torch.device("meta"), FakeModule()), ("channels-last",))
    crop = task.backbone.preset.crop
    placed = backend.place(np.zeros((1, 3, crop, crop), dtype=np.float32))
    embedding = backend.forward(placed)
    backend.canary()

    assert placed.device.type == embedding.device.type == "meta"
    assert embedding.shape == (1, 512)
    assert placed.is_contiguous(memory_format=torch.channels_last)
    assert backend.facts.resident


def test_events_are_read_from_the_first_to_the_second_in_milliseconds() -> None:
    """A call of 2.5 ms is 2,500,000 ns, and not -2.5 ms or 2.5 µs."""
    module = FakeModule()
    backend = on_fake(module)
    placed = backend.place(PICTURE)
    module.log.clear()

    assert backend.timed_by_device(placed) == 2_500_000
    assert module.log == ["record", "launch", "record", "synchronise"]


def test_the_processor_has_no_events_and_no_memory_of_its_own() -> None:
    """Its times are the host's, and so is its memory."""
    device = Device(torch.device("cpu"))

    assert device.timed_by_events(lambda: None) is None
    assert device.peak_bytes() is None
    assert not device.has_own_memory


def test_the_allocator_is_asked_for_its_peak() -> None:
    """Of a GPU."""
    assert on_fake(FakeModule()).peak_device_bytes() == 123


def test_a_recorded_network_computes_what_lies_in_its_slot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each input keeps its embedding, and a buffer that is free again gets the next input's."""
    recordings: list[torch.Tensor] = []

    def record(
        body: Callable[[torch.Tensor], torch.Tensor], source: torch.Tensor
    ) -> tuple[Callable[[], object], torch.Tensor]:
        recordings.append(source)
        target = torch.zeros_like(body(source))
        return lambda: target.copy_(body(source)), target

    monkeypatch.setattr(device, "record", record)
    backend = on_fake(FakeModule(), ("cuda-graph",))
    kept = backend.forward(backend.place(PICTURE))
    for value in (2.0, 3.0):
        again = backend.fetch(backend.forward(backend.place(PICTURE * np.float32(value))))
        assert np.allclose(again, value)

    assert np.allclose(backend.fetch(kept), 1)
    assert len(recordings) == 2
    assert backend.facts.settings["cuda_graph"] == "true"
    assert backend.similarity(kept, backend.place(np.ones((1, 3), dtype=np.float32))) == (
        pytest.approx(1)
    )


@pytest.mark.parametrize(
    ("variant", "setting", "value", "otherwise"),
    [
        ("tf32", "tf32_matmul", "true", "false"),
        ("tf32", "tf32_convolution", "true", "false"),
        ("tf32", "matmul_precision", "high", "highest"),
        ("search-exhaustive", "cudnn_benchmark", "true", "false"),
    ],
)
def test_torch_s_variants_for_cuda_are_switches_of_torch(
    task: Task, variant: str, setting: str, value: str, otherwise: str
) -> None:
    """They are in force, stated, and off again for the next network."""
    runtime = TorchRuntime()
    with_it = runtime.create(msgspec.structs.replace(task, variants=(variant,))).facts.settings
    without = runtime.create(task).facts.settings

    assert (with_it[setting], without[setting]) == (value, otherwise)


def test_the_canary_is_the_same_work_in_tf32(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is computed in full precision, and the variant is in force again afterwards."""
    runtime = TorchRuntime()
    backend = runtime.create(msgspec.structs.replace(task, variants=("tf32",)))
    seen: list[bool] = []
    real = torch.mm

    def product(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        seen.append(torch.backends.cuda.matmul.allow_tf32)
        return real(left, right)

    monkeypatch.setattr(torch, "mm", product)
    backend.canary()
    after = torch.backends.cuda.matmul.allow_tf32
    runtime.create(task)

    assert seen == [False]
    assert after


@pytest.fixture(name="similarity")
def _similarity() -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(SIMILARITY_GRAPH), providers=["CPUExecutionProvider"])


def test_a_graph_with_bound_inputs_computes_what_one_with_arrays_does(
    similarity: onnxruntime.InferenceSession,
) -> None:
    """Binding by device works the same with the processor as the device."""
    graph = DeviceGraph(similarity, "cpu", run={"disable_synchronize_execution_providers": "0"})
    rows = canary_matrix()[:2]
    left, right = graph.place(rows[:1]), graph.place(rows[1:])
    names = [value.name for value in similarity.get_inputs()]
    (expected,) = similarity.run(None, dict(zip(names, (rows[:1], rows[1:]), strict=True)))

    assert graph.fetch(graph.run(left, right)) == pytest.approx(expected)
    assert graph.fetch(graph.run(left, left)) == pytest.approx(1)


def test_a_captured_network_keeps_its_addresses(task: Task) -> None:
    """Each input has its own; one that is free again is written over, and the answer is right."""
    session = onnxruntime.InferenceSession(task.model_path, providers=["CPUExecutionProvider"])
    plain, captured = DeviceGraph(session, "cpu"), CapturedGraph(session, "cpu")
    generator = np.random.default_rng(0)
    size = task.backbone.preset.crop
    pictures = [generator.standard_normal((1, 3, size, size), dtype=np.float32) for _ in range(3)]
    expected = [plain.fetch(plain.run(plain.place(each))) for each in pictures]
    kept = captured.run(captured.place(pictures[0]))
    # On the processor a fetched array is the buffer's own memory; from a device it is a copy.
    passing = [captured.fetch(captured.run(captured.place(each))).copy() for each in pictures[1:]]

    assert np.allclose(captured.fetch(kept), expected[0])
    assert all(np.allclose(*pair) for pair in zip(passing, expected[1:], strict=True))
