"""PyTorch as a backend. Imports torch; runs inside a torch worker only."""

import os
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from simx.exporter.architecture import build_empty
from simx.exporter.heads import remove_head
from simx.exporter.weights.state import fill, load_state
from simx.runner.backend import (
    Array,
    BackendError,
    BackendFacts,
    Placed,
    RuntimeFacts,
    Task,
    canary_matrix,
)
from simx.runner.registry import TORCH_DEVICES
from simx.runner.worker import serve
from simx.workers.connection import Connection


class TorchBackend:
    """One headless backbone on one torch device."""

    def __init__(
        self, body: nn.Module, device: torch.device, memory_format: torch.memory_format
    ) -> None:
        self._body = body.to(device).to(memory_format=memory_format)
        self._device = device
        self._memory_format = memory_format
        self._matrix = torch.from_numpy(canary_matrix()).to(device)

    @property
    def facts(self) -> BackendFacts:
        """Where and how it runs; torch has no graph whose nodes could be counted."""
        return BackendFacts(
            placement={}, settings=self._settings(), resident=self._device.type != "cpu"
        )

    def place(self, array: Array) -> Placed:
        """Bring an input to the device; on the CPU the tensor shares the array's memory."""
        placed = torch.from_numpy(array).to(self._device)
        if placed.ndim == 4:  # noqa: PLR2004 - pictures; embeddings have no channels to move
            placed = placed.contiguous(memory_format=self._memory_format)
        self._finish()
        return placed

    def forward(self, image: Placed) -> Placed:
        """Compute embeddings."""
        with torch.inference_mode():
            embedding = self._body(image)
        self._finish()
        return embedding

    def fetch(self, embedding: Placed) -> Array:
        """Copy embeddings to the host; on the CPU the array shares the tensor's memory."""
        array: Array = embedding.cpu().numpy()
        return array

    def similarity(self, left: Placed, right: Placed) -> float:
        """Return the cosine of two embeddings."""
        with torch.inference_mode():
            return float(nn.functional.cosine_similarity(left, right).item())

    def canary(self) -> None:
        """Compute the fixed product."""
        with torch.inference_mode():
            torch.mm(self._matrix, self._matrix)
        self._finish()

    def _settings(self) -> dict[str, str]:
        return {
            "intra_op_threads": str(torch.get_num_threads()),
            "inter_op_threads": str(torch.get_num_interop_threads()),
            "memory_format": str(self._memory_format).removeprefix("torch."),
            "denormals": "flushed" if _flushes_denormals() else "kept",
            "openmp_wait_policy": os.environ.get("OMP_WAIT_POLICY", "default"),
            "grad_mode": "inference",
            "matmul_precision": torch.get_float32_matmul_precision(),
            "tf32": str(torch.backends.cudnn.allow_tf32).lower(),
            "cudnn_benchmark": str(torch.backends.cudnn.benchmark).lower(),
        }

    def _finish(self) -> None:
        """Wait for the device: work still queued would be charged to whatever is timed next."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)


class TorchRuntime:
    """Creates torch backends."""

    def create(self, task: Task) -> TorchBackend:
        """Build the backbone from the store's weights and cut its head off."""
        device = _device(task.provider)
        _pin(task)
        model = build_empty(task.backbone)
        fill(model, load_state(Path(task.weights_path)))
        body = remove_head(model, task.embedding).eval()
        last = "channels-last" in task.variants
        return TorchBackend(body, device, torch.channels_last if last else torch.contiguous_format)

    def describe(self) -> RuntimeFacts:
        """Return the devices it was built for."""
        built = torch.version.cuda
        return RuntimeFacts(
            providers=tuple(
                provider
                for provider, device in TORCH_DEVICES.items()
                if device != "cuda" or built is not None
            ),
            cuda=built,
        )

    def probe(self, provider: str, options: Sequence[str] = ()) -> dict[str, int]:
        """Add two numbers on the device; it has no options."""
        assert not options  # noqa: S101 - the registry lets torch have none
        device = _device(provider)
        try:
            total = torch.ones(2, device=device).sum().item()
        except RuntimeError as error:
            raise BackendError(str(error).splitlines()[0]) from None
        if total != 2.0:  # noqa: PLR2004 - one and one
            raise BackendError(f"device {device} computes {total} for 1 + 1")
        return {}


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
    """Set what would otherwise differ from ONNX Runtime, or from machine to machine."""
    torch.set_num_threads(task.threads)
    torch.set_flush_denormal("flush-denormals" in task.variants)
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


def _flushes_denormals() -> bool:
    """Look what the processor does, instead of believing what was asked for."""
    smallest = torch.finfo(torch.float32).tiny
    return float((torch.tensor(smallest) / 2).item()) == 0.0


def main(connection: Connection) -> None:
    """Run a torch worker."""
    serve(connection, TorchRuntime())
