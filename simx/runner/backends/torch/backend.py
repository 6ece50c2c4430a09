"""PyTorch as a backend. Imports torch; runs inside a torch worker only."""

import os
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from simx.exporter.network.architecture import build_empty
from simx.exporter.network.heads import remove_head
from simx.exporter.verification.rounding import float32_error
from simx.exporter.weights.state import fill, load_state
from simx.results.schema.kernels import Kernels
from simx.runner.backends.contract import (
    LARGE_SIZE,
    Array,
    BackendError,
    BackendFacts,
    Placed,
    RuntimeFacts,
    Task,
    canary_matrix,
)
from simx.runner.backends.engine_settings import inductor_options
from simx.runner.backends.gpu.cuda_graph_buffers import HeldBuffer
from simx.runner.backends.ort.placement import CPU
from simx.runner.backends.registry import TORCH_DEVICES
from simx.runner.backends.torch.compilation import CompiledNetwork
from simx.runner.backends.torch.device import Body, Device, recorded
from simx.runner.backends.torch.profiling import profile
from simx.runner.measure.worker import serve
from simx.workers.connection import Connection

_SMALLEST = torch.finfo(torch.float32).tiny

_PICTURES = 4
"""Dimensions of a network's input; embeddings have two, and no channels to move."""


class TorchBackend:
    """One headless backbone on one torch device."""

    def __init__(self, body: nn.Module, device: Device, variants: Sequence[str] = ()) -> None:
        last = "channels-last" in variants
        self._memory_format = torch.channels_last if last else torch.contiguous_format
        self._body = body.to(device.device).to(memory_format=self._memory_format)
        self._device = device
        self._call: Body = self._body
        self._compiled: CompiledNetwork | None = None
        self._variants = tuple(variants)
        self._buffers = recorded(self._body, self._copied) if "cuda-graph" in variants else None
        self._matrix = torch.from_numpy(canary_matrix()).to(device.device)

    @property
    def facts(self) -> BackendFacts:
        """Where and how it runs; torch has no graph with countable nodes."""
        cached = os.environ.get("PYTORCH_NO_CUDA_MEMORY_CACHING") != "1"
        # Halved, it is a denormal number, which the processor keeps or flushes.
        smallest = torch.tensor(_SMALLEST)
        resident = self._device.has_own_memory
        settings = {
            "intra_op_threads": str(torch.get_num_threads()),
            "inter_op_threads": str(torch.get_num_interop_threads()),
            "memory_format": str(self._memory_format).removeprefix("torch."),
            "batch_norms": "fused" if "fused-batch-norms" in self._variants else "kept",
            "denormals": "flushed" if float((smallest / 2).item()) == 0.0 else "kept",
            "openmp_wait_policy": os.environ.get("OMP_WAIT_POLICY", "default"),
            "grad_mode": "inference",
            "matmul_precision": torch.get_float32_matmul_precision(),
            "tf32_matmul": str(torch.backends.cuda.matmul.allow_tf32).lower(),
            "tf32_convolution": str(torch.backends.cudnn.allow_tf32).lower(),
            "cudnn_benchmark": str(torch.backends.cudnn.benchmark).lower(),
            "cuda_graph": str(self._buffers is not None).lower(),
            "memory_arena": "on" if resident and cached else "off",
        }
        compiled = self._compiled
        return BackendFacts(
            placement={},
            settings=settings | compiled.settings if compiled else settings,
            resident=resident,
            is_cached=compiled is not None and compiled.is_cached,
        )

    def place(self, array: Array) -> Placed:
        """Bring an input to the device; on the CPU the tensor shares the array's memory."""
        if self._buffers is not None and array.ndim == _PICTURES:
            placed: Placed = self._buffers.hold(array)
        else:
            placed = self._copied(array)
        self._device.synchronise()
        return placed

    def forward(self, image: Placed) -> Placed:
        """Compute embeddings."""
        embedding = self._launch(image)
        self._device.synchronise()
        return embedding

    def fetch(self, embedding: Placed) -> Array:
        """Copy embeddings to the host; on the CPU the array shares the tensor's memory."""
        array: Array = _tensor(embedding).cpu().numpy()
        return array

    def similarity(self, left: Placed, right: Placed) -> float:
        """Return the cosine of two embeddings."""
        return cosine_of(_tensor(left), _tensor(right))

    def canary(self) -> None:
        """Compute the fixed product, which is the same work for all variants."""
        tf32 = "tf32" in self._variants
        if tf32:
            torch.backends.cuda.matmul.allow_tf32 = False
        try:
            with torch.inference_mode():
                torch.mm(self._matrix, self._matrix)
        finally:
            if tf32:
                torch.backends.cuda.matmul.allow_tf32 = True
        self._device.synchronise()

    def large_product(self) -> Callable[[], object]:
        """Return a larger product; threads that have no part of it never begin to spin."""
        matrix = torch.from_numpy(canary_matrix(LARGE_SIZE)).to(self._device.device)
        return lambda: torch.mm(matrix, matrix)

    def timed_by_device(self, image: Placed) -> int | None:
        """Compute embeddings between two events of the device."""
        return self._device.timed_by_events(lambda: self._launch(image))

    def peak_device_bytes(self) -> int | None:
        """Return the peak of torch's allocator."""
        return self._device.peak_bytes()

    def own_error(self, inputs: Sequence[Array]) -> float | None:
        """Compute the embeddings in float64 as well, on the CPU."""
        return float32_error(self._body, inputs)

    def compile(self, task: Task) -> None:
        """Let inductor compile the network for the task's batches of pictures.

        Raises:
            BackendError: it cannot be compiled.
        """
        crop = task.backbone.preset.crop
        example = self._copied(np.zeros((task.batch, 3, crop, crop), np.float32))
        with torch.inference_mode():
            self._call = self._compiled = CompiledNetwork(self._body, task, example)

    def profile(self, image: Array, calls: int) -> Kernels:
        """Profile calls with an input, float32 [N, 3, H, W], on the processor."""
        placed = self.place(image)
        return profile(self._body, lambda: self._launch(placed), calls)

    def _launch(self, image: Placed) -> Placed:
        with torch.inference_mode():
            if not isinstance(image, HeldBuffer):
                return self._call(image)
            image.buffer.replay()
            return image

    def _copied(self, array: Array) -> torch.Tensor:
        placed = torch.from_numpy(array).to(self._device.device)
        if placed.ndim != _PICTURES:
            return placed
        return placed.contiguous(memory_format=self._memory_format)


def _tensor(value: Placed) -> torch.Tensor:
    """Return the tensor of an embedding; for a buffer, the one that its recording writes."""
    tensor: torch.Tensor = value.buffer.target if isinstance(value, HeldBuffer) else value
    return tensor


def cosine_of(left: torch.Tensor, right: torch.Tensor) -> float:
    """Return the cosine of two embeddings, [1, D] each, as torch computes it."""
    with torch.inference_mode():
        return float(nn.functional.cosine_similarity(_scaled(left), _scaled(right)).item())


def _scaled(embedding: torch.Tensor) -> torch.Tensor:
    """Divide an embedding by its largest magnitude: its squares stay in float32's range."""
    return embedding / embedding.abs().amax(dim=-1, keepdim=True).clamp_min_(_SMALLEST)


class TorchRuntime:
    """Creates torch backends."""

    def create(self, task: Task) -> TorchBackend:
        """Build the backbone from the store's weights, without its head."""
        device = _device(task.provider)
        _pin(task)
        body = headless(task)
        if "fused-batch-norms" in task.variants:
            _fuse_batch_norms(body)
        backend = TorchBackend(body, Device(device), task.variants)
        if inductor_options(task.variants) is not None:
            backend.compile(task)
        return backend

    def profile(self, task: Task, image: Array, calls: int) -> Kernels:
        """Profile a backbone that is built anew, by torch's own profiler."""
        if task.provider != CPU:
            raise BackendError(f"only calls on the processor are profiled, not on {task.provider}")
        if inductor_options(task.variants) is not None:
            raise BackendError("what inductor compiled cannot be traced back to modules")
        return self.create(task).profile(image, calls)

    def describe(self) -> RuntimeFacts:
        """Return the devices it was built for."""
        cuda = torch.version.cuda
        devices = TORCH_DEVICES.items()
        return RuntimeFacts(
            providers=tuple(name for name, kind in devices if cuda or kind != "cuda"), cuda=cuda
        )

    def probe(self, provider: str, options: Sequence[str] = ()) -> dict[str, int]:
        """Add two numbers on the device; torch has no options."""
        assert not options  # noqa: S101 - the registry lets torch have none
        device = _device(provider)
        try:
            total = torch.ones(2, device=device).sum().item()
        except RuntimeError as error:
            raise BackendError(str(error).splitlines()[0]) from None
        if total != 2.0:  # noqa: PLR2004 - one and one
            raise BackendError(f"device {device} computes {total} for 1 + 1")
        return {}


def headless(task: Task) -> nn.Module:
    """Return the backbone with the store's weights, without its head."""
    model = build_empty(task.backbone)
    fill(model, load_state(Path(task.weights_path)))
    return remove_head(model, task.embedding).eval()


def _fuse_batch_norms(body: nn.Module) -> None:
    """Make batch norms a part of the convolutions before them, as the exported graph has them.

    Modules stand in the order in which they are called; the embedding is checked in any case.
    """
    for module in list(body.modules()):
        for (one, conv), (other, norm) in pairwise(list(module.named_children())):
            # A subclass may compute an activation, too.
            if isinstance(conv, nn.Conv2d) and type(norm) is nn.BatchNorm2d:
                setattr(module, one, fuse_conv_bn_eval(conv, norm))
                setattr(module, other, nn.Identity())


def _device(provider: str) -> torch.device:
    if provider not in TORCH_DEVICES:
        raise BackendError(f"torch has no device for {provider}")
    device = torch.device(TORCH_DEVICES[provider])
    if device.type == "cuda" and not torch.cuda.is_available():
        built = torch.version.cuda or "none"
        raise BackendError(
            f"torch {torch.__version__} finds no usable CUDA device (built for CUDA {built})"
        )
    return device


def _pin(task: Task) -> None:
    """Pin the settings that could differ from ONNX Runtime, or between machines."""
    tf32 = "tf32" in task.variants
    torch.set_num_threads(task.threads)
    torch.set_flush_denormal("flush-denormals" in task.variants)
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    torch.backends.cudnn.benchmark = "search-exhaustive" in task.variants
    torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cuda.matmul.allow_tf32 = tf32


def main(connection: Connection) -> None:
    """Run a torch worker."""
    serve(connection, TorchRuntime())
