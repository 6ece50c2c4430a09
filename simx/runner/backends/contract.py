"""The contract between the harness and whatever executes a network.

A backend returns values and sets nothing; it never looks at a clock. One contract suite of tests
runs over every backend. Adding one is a new file and a line in ``runner.registry``.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from simx.exporter.store.manifest import FileRecord
from simx.models.backbone import Backbone, EmbeddingKind
from simx.results.schema.diagnosis import PluginDiagnosis

Array = npt.NDArray[np.float32]

Placed = Any
"""A tensor where the backend's device wants it; only the backend that made one understands it."""

CANARY_SIZE = 512
"""n of the canary's n x n by n x n product: a few milliseconds on two cores, so that rounds stay
short, and far above the clock."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker is to load: one backbone on one provider. Paths are absolute.

    ``files`` are those that the backend executes, by their names beside each other, with what each
    of them has to be; ``variants`` are the names of what differs from the backend's pinned
    settings, and ``options`` those of the provider, each as ``key=value``. ``allow_partial`` tells
    that a share of its nodes on the provider suffices.
    """

    backbone: Backbone
    embedding: EmbeddingKind
    provider: str
    threads: int
    model_path: str
    weights_path: str
    files: dict[str, FileRecord] = {}
    variants: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    allow_partial: bool = False

    @property
    def cuda_device(self) -> int | None:
        """CUDA's number of the GPU it runs on, None where it runs on none of CUDA's."""
        if self.provider not in {"CUDAExecutionProvider", "TensorrtExecutionProvider"}:
            return None
        asked = dict(option.split("=", 1) for option in self.options)
        return int(asked.get("device_id", "0"))


class BackendError(Exception):
    """The backend cannot do what was asked; the text says why, and is recorded with the cell."""


class BackendFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Where and how a loaded network runs.

    ``placement`` counts graph nodes per provider, empty where the backend has no graph;
    ``shape_nodes`` of those on the CPU only compute shapes.
    ``settings`` are the pinned settings by name. ``resident`` tells that the device has a memory of
    its own, so that ``host`` differs from ``forward``.
    """

    placement: dict[str, int]
    settings: dict[str, str]
    resident: bool
    shape_nodes: int = 0


class RuntimeFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a runtime says of itself, which proves nothing.

    ``providers`` are those that it was built with or has a plug-in for, by ONNX Runtime's names.
    ``cuda`` is the version of CUDA it was built for, None where it was built without.
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
        """Bring an input, float32 [N, 3, H, W], to where the device wants it."""

    def forward(self, image: Placed) -> Placed:
        """Compute the embeddings of a placed input; they stay on the device."""

    def fetch(self, embedding: Placed) -> Array:
        """Bring embeddings to the host, float32 [N, D]."""

    def similarity(self, left: Placed, right: Placed) -> float:
        """Return the cosine of two embeddings, [1, D] each, as ``forward`` returned them."""

    def canary(self) -> None:
        """Compute one fixed matrix product of ``CANARY_SIZE`` on the device."""

    def timed_by_device(self, image: Placed) -> int | None:
        """Compute embeddings, and return the nanoseconds between two events of the device's own.

        The events lie around the call's work on the device's queue and are read by its clock: a
        cross-check of the harness's. None where a device has no events.
        """

    def peak_device_bytes(self) -> int | None:
        """Return the most of the device's memory that the backend's allocator has handed out.

        None where it does not tell.
        """


class Runtime(Protocol):
    """What creates backends: one per installed runtime."""

    def create(self, task: Task) -> Backend:
        """Load a network.

        Raises:
            BackendError: it did not load, or does not run where it was asked to.
        """

    def describe(self) -> RuntimeFacts:
        """Say what it was built for."""

    def probe(self, provider: str, options: Sequence[str] = ()) -> dict[str, int]:
        """Run something tiny on a provider, with proof that it ran there.

        Returns:
            Its nodes on each provider, empty where the runtime has no graph.

        Raises:
            BackendError: the provider cannot be used; the text says why.
        """


def canary_matrix() -> Array:
    """Return the canary's factor, float32 [CANARY_SIZE, CANARY_SIZE], the same every time."""
    generator = np.random.default_rng(0)
    return generator.standard_normal((CANARY_SIZE, CANARY_SIZE), dtype=np.float32)
