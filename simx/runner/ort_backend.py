"""ONNX Runtime as a backend, on any of its providers. Imports onnxruntime and never torch."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Protocol

import onnxruntime

from simx.runner.backend import (
    Array,
    BackendError,
    BackendFacts,
    Placed,
    RuntimeFacts,
    Task,
    canary_matrix,
)
from simx.runner.ort_device import CapturedGraph, DeviceGraph
from simx.runner.ort_settings import DEVICES, Settings, settings_of
from simx.runner.placement import Node, count_placement
from simx.runner.worker import serve
from simx.workers.connection import Connection

_GRAPHS = files("simx.runner") / "graphs"

_LOG_ERRORS = 3
_PROBE_TOLERANCE = 1e-3


class _Graph(Protocol):
    """A loaded graph, called with placed inputs in the graph's order."""

    def place(self, array: Array) -> Placed: ...

    def run(self, *inputs: Placed) -> Placed: ...

    def fetch(self, output: Placed) -> Array: ...


class _HostGraph:
    """A graph whose inputs and outputs lie in host memory."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self._inputs = tuple(value.name for value in session.get_inputs())
        self._outputs = [value.name for value in session.get_outputs()]

    def place(self, array: Array) -> Placed:
        return array

    def run(self, *inputs: Placed) -> Placed:
        feeds = dict(zip(self._inputs, inputs, strict=True))
        return self._session.run(self._outputs, feeds)[0]

    def fetch(self, output: Placed) -> Array:
        array: Array = output
        return array


class OrtBackend:
    """One exported backbone in one session, with proof of where its nodes run."""

    def __init__(self, task: Task) -> None:
        self._settings = settings_of(task.provider, task.variants, task.options)
        session = _session(Path(task.model_path), task.provider, task.threads, self._settings)
        self._placement = count_placement(_nodes(session), task.provider)
        self._network = _graph(session, task.provider, self._settings)
        similar = settings_of(task.provider, task.variants, task.options, own=True)
        pinned = settings_of(task.provider, (), task.options, own=True)
        self._similarity = _bundled_graph("similarity.onnx", task, similar)
        # The canary is the same work whatever the variant, so that it can be compared.
        self._product = _bundled_graph("canary.onnx", task, pinned)
        self._matrix = self._product.place(canary_matrix())
        self._task = task

    @property
    def facts(self) -> BackendFacts:
        """Where and how it runs."""
        return BackendFacts(
            placement=self._placement,
            settings=_settings(self._task.threads, self._settings),
            resident=self._task.provider in DEVICES,
        )

    def place(self, array: Array) -> Placed:
        """Bring an input to the device; on the CPU it is there already."""
        return self._network.place(array)

    def forward(self, image: Placed) -> Placed:
        """Compute embeddings."""
        return self._network.run(image)

    def fetch(self, embedding: Placed) -> Array:
        """Bring embeddings to the host."""
        return self._network.fetch(embedding)

    def similarity(self, left: Placed, right: Placed) -> float:
        """Return the cosine of two embeddings."""
        return float(self._similarity.fetch(self._similarity.run(left, right))[0])

    def canary(self) -> None:
        """Compute the fixed product."""
        self._product.run(self._matrix, self._matrix)

    def timed_by_device(self, image: Placed) -> int | None:  # noqa: ARG002 - part of the contract
        """Return None: its stream is its own, and a stream given to it changes how it waits."""
        return None

    def peak_device_bytes(self) -> int | None:
        """Return None: Python cannot ask its allocator."""
        return None


class OrtRuntime:
    """Creates ONNX Runtime backends."""

    def create(self, task: Task) -> OrtBackend:
        """Load an exported backbone."""
        return OrtBackend(task)

    def describe(self) -> RuntimeFacts:
        """Return what it was built with."""
        built = getattr(onnxruntime, "cuda_version", "")
        return RuntimeFacts(
            providers=tuple(onnxruntime.get_available_providers()), cuda=built or None
        )

    def probe(self, provider: str, options: Sequence[str] = ()) -> dict[str, int]:
        """Run the similarity graph on the provider, and look where its nodes went."""
        path = Path(str(_GRAPHS / "similarity.onnx"))
        settings = settings_of(provider, (), options, own=True)
        session = _session(path, provider, 1, settings)
        placement = count_placement(_nodes(session), provider)
        graph = _graph(session, provider, settings)
        ones = graph.place(canary_matrix()[:1])
        cosine = float(graph.fetch(graph.run(ones, ones))[0])
        if abs(cosine - 1.0) > _PROBE_TOLERANCE:
            raise BackendError(f"{provider} computes {cosine} for a cosine of 1")
        return placement


def _session(
    path: Path, provider: str, threads: int, settings: Settings
) -> onnxruntime.InferenceSession:
    available = onnxruntime.get_available_providers()
    if provider not in available:
        raise BackendError(
            f"onnxruntime {onnxruntime.__version__} was built without {provider}; "
            f"it offers {', '.join(available)}"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.enable_cpu_mem_arena = settings.arena
    options.enable_mem_pattern = settings.arena
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = _LOG_ERRORS
    for name, value in settings.session.items():
        options.add_session_config_entry(name, value)
    try:
        session = onnxruntime.InferenceSession(
            path, options, providers=[(provider, settings.provider)]
        )
    # ONNX Runtime raises classes of its own that share no base below Exception.
    except Exception as error:
        raise BackendError(f"no session on {provider}: {str(error).splitlines()[0]}") from error
    # Without this a failing call would be repeated on the CPU, with a line on stdout.
    session.disable_fallback()
    return session


def _nodes(session: onnxruntime.InferenceSession) -> list[Node]:
    return [
        Node(subgraph.ep_name, node.op_type)
        for subgraph in session.get_provider_graph_assignment_info()
        for node in subgraph.get_nodes()
    ]


def _graph(session: onnxruntime.InferenceSession, provider: str, settings: Settings) -> _Graph:
    device = DEVICES.get(provider)
    if device is None:
        return _HostGraph(session)
    kind = CapturedGraph if settings.captures else DeviceGraph
    return kind(session, device, settings.device_id, settings.run)


def _bundled_graph(name: str, task: Task, settings: Settings) -> _Graph:
    session = _session(Path(str(_GRAPHS / name)), task.provider, task.threads, settings)
    return _graph(session, task.provider, settings)


def _settings(threads: int, settings: Settings) -> dict[str, str]:
    return {
        "intra_op_threads": str(threads),
        "inter_op_threads": "1",
        "execution_mode": "sequential",
        "graph_optimization": "all",
        **settings.stated,
    }


def main(connection: Connection) -> None:
    """Run an ONNX Runtime worker."""
    serve(connection, OrtRuntime())
