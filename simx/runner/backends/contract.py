"""The contract between the harness and a backend, which executes networks.

A backend returns values and never reads a clock. A new one needs a file and a line in ``registry``.
"""

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np
import numpy.typing as npt
from numpy.random import default_rng

from simx.exporter.store.manifest import FileRecord
from simx.models.backbone import Backbone, EmbeddingKind
from simx.results.schema.diagnosis import PluginDiagnosis
from simx.results.schema.kernels import Kernels

Array = npt.NDArray[np.float32]

Placed = Any
"""A tensor where the backend's device needs it; only the backend that made it can use it."""

CANARY_SIZE = 512
"""Rows and columns of the canary's factors; the product takes a few milliseconds on two cores."""

LARGE_SIZE = 1024
"""The same of the larger product, which keeps the threads of any processor busy."""


_GRAPHS = Path(str(files("simx.runner.measure") / "graphs"))
SIMILARITY_GRAPH, CANARY_GRAPH = _GRAPHS / "similarity.onnx", _GRAPHS / "canary.onnx"

PROBE_TOLERANCE = 1e-3
"""By which the cosine of a vector with itself may differ from 1 in a probe."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker loads: one backbone on one provider. Paths are absolute.

    Timed calls take ``batch`` pictures each. Its process runs on the processor cores ``cores``, on
    all if empty. With ``is_under_load`` no other network is called between two of its calls.
    ``files`` are those that the backend executes, by name, in one folder. ``variants`` are named
    changes of the pinned settings, ``options`` the provider's, each as ``key=value``. With
    ``allow_partial`` a part of the nodes on the provider suffices. ``label`` is the backend's,
    which no other one of the run has.
    """

    backbone: Backbone
    embedding: EmbeddingKind
    provider: str
    threads: int
    model_path: str
    weights_path: str
    batch: int = 1
    cores: tuple[int, ...] = ()
    is_under_load: bool = False
    files: dict[str, FileRecord] = {}
    variants: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    allow_partial: bool = False
    label: str = ""

    @property
    def cuda_device(self) -> int | None:
        """CUDA's number of its GPU; None for a provider without CUDA."""
        if self.provider not in {"CUDAExecutionProvider", "TensorrtExecutionProvider"}:
            return None
        options = dict(option.split("=", 1) for option in self.options)
        return int(options.get("device_id", "0"))

    def code_folder(self, compiler: str) -> Path:
        """Return the folder of the cell's compiled code, among the run's temporary files."""
        # Their hashes differ with weights and precision; each worker has them at another path.
        files = sorted(self.files.items())
        backbone = self.backbone.name, self.embedding
        cell = (self.label, *backbone, files, self.batch, self.threads)
        key = hashlib.sha256(repr(cell).encode()).hexdigest()
        return Path(tempfile.gettempdir(), f"simx-{compiler}", key)


class BackendError(Exception):
    """The backend cannot do this; the text gives the reason, and is recorded with the cell."""


class BackendFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Where and how a loaded network runs.

    ``placement`` counts graph nodes per provider, empty for a backend without a graph;
    ``shape_nodes`` of those on the CPU only compute shapes. ``settings`` are pinned. ``resident``
    means that the device has its own memory, so that ``host`` differs from ``forward``.
    ``is_cached`` means that an earlier launch left compiled code, so that this was no first start.
    """

    placement: dict[str, int]
    settings: dict[str, str]
    resident: bool
    shape_nodes: int = 0
    is_cached: bool = False


class RuntimeFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a runtime reports of itself, without proof.

    ``providers`` are those of its build and plug-ins, by ONNX Runtime's names. ``cuda`` is the
    version of CUDA that it was built for, None for a build without CUDA.
    """

    providers: tuple[str, ...]
    cuda: str | None
    plugins: tuple[PluginDiagnosis, ...] = ()


class Backend(Protocol):
    """One network, loaded on one device. Every method returns only when its result exists."""

    @property
    def facts(self) -> BackendFacts:
        """Where and how it runs."""

    def place(self, array: Array) -> Placed:
        """Bring an input, float32 [N, 3, H, W], to the device."""

    def forward(self, image: Placed) -> Placed:
        """Compute the embeddings of a placed input; they stay on the device."""

    def fetch(self, embedding: Placed) -> Array:
        """Bring embeddings to the host, float32 [N, D]."""

    def similarity(self, left: Placed, right: Placed) -> float:
        """Return the cosine of two embeddings, [1, D] each, as ``forward`` returned them."""

    def canary(self) -> None:
        """Compute one fixed matrix product of ``CANARY_SIZE`` on the device."""

    def large_product(self) -> Callable[[], object]:
        """Return a call that computes a product of ``LARGE_SIZE``, whose idle threads sleep.

        It is not timed. With it the threads are counted that really compute.
        """

    def timed_by_device(self, image: Placed) -> int | None:  # noqa: ARG002 - by default unused
        """Compute embeddings, and return the nanoseconds between two events of the device.

        The device's clock cross-checks the harness's. None for a device without events.
        """
        return None

    def peak_device_bytes(self) -> int | None:
        """Return the peak of the allocator's device memory in bytes; None if it is unknown."""
        return None

    def own_error(self, inputs: Sequence[Array]) -> float | None:  # noqa: ARG002 - likewise
        """Return the largest relative L2 error of its float32 embeddings against float64 ones.

        None for a backend that does not compute in float64.
        """
        return None


class Runtime(Protocol):
    """Creates backends; one per installed runtime."""

    def create(self, task: Task) -> Backend:
        """Load a network.

        Raises:
            BackendError: it did not load, or does not run on the requested provider.
        """

    def profile(self, task: Task, image: Array, calls: int) -> Kernels:  # noqa: ARG002 - by default unused
        """Load a network, and profile calls with an input, float32 [N, 3, H, W].

        Returns:
            The kernels of a typical call, by the runtime's own profiler.

        Raises:
            BackendError: it did not load, or cannot be profiled.
        """
        raise BackendError("this backend has no profiler; compare others, such as torch and ort")

    def describe(self) -> RuntimeFacts:
        """Return its providers and its CUDA version."""

    def probe(self, provider: str, options: Sequence[str] = ()) -> dict[str, int]:
        """Run a tiny graph on a provider, with proof that it ran there.

        Returns:
            Its nodes per provider, empty for a runtime without a graph.

        Raises:
            BackendError: the provider cannot be used.
        """


def canary_matrix(size: int = CANARY_SIZE) -> Array:
    """Return the constant factor of a product, float32 [size, size]."""
    return default_rng(0).standard_normal((size, size), dtype=np.float32)
