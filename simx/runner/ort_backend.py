"""ONNX Runtime as a backend, on any of its providers. Imports onnxruntime and never torch."""

from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple, Protocol

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
from simx.runner.placement import Node, count_placement
from simx.runner.worker import serve
from simx.workers.connection import Connection

_GRAPHS = files("simx.runner") / "graphs"

_SESSION_ENTRIES = {
    "session.intra_op.allow_spinning": "1",
    # Threads that spin after a call steal the cores from whatever is timed next.
    "session.force_spinning_stop": "1",
    "session.set_denormal_as_zero": "0",
    # The proof of where each node runs; see runner.placement.
    "session.record_ep_graph_assignment_info": "1",
}

_VARIANT_ENTRIES = {
    "flush-denormals": {"session.set_denormal_as_zero": "1"},
    "passive": {"session.intra_op.allow_spinning": "0"},
    "spinning": {"session.force_spinning_stop": "0"},
}

_PROVIDER_OPTIONS = {
    "CUDAExecutionProvider": {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"},
}
"""What is pinned so that both backends compute alike: full float32, and no exhaustive search where
torch does none."""

_DEVICES = {"CUDAExecutionProvider": "cuda", "TensorrtExecutionProvider": "cuda"}
"""Providers whose memory is a device's own; the others take and return host memory."""


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


class _DeviceGraph:
    """A graph whose inputs and outputs stay on the device, by IO binding."""

    def __init__(self, session: onnxruntime.InferenceSession, device: str) -> None:
        self._session = session
        self._device = device
        self._inputs = tuple(value.name for value in session.get_inputs())
        self._output = session.get_outputs()[0].name

    def place(self, array: Array) -> Placed:
        return onnxruntime.OrtValue.ortvalue_from_numpy(array, self._device, 0)

    def run(self, *inputs: Placed) -> Placed:
        binding = self._session.io_binding()
        for name, value in zip(self._inputs, inputs, strict=True):
            binding.bind_ortvalue_input(name, value)
        binding.bind_output(self._output, self._device)
        self._session.run_with_iobinding(binding)
        binding.synchronize_outputs()
        return binding.get_outputs()[0]

    def fetch(self, output: Placed) -> Array:
        array: Array = output.numpy()
        return array


class OrtBackend:
    """One exported backbone in one session, with proof of where its nodes run."""

    def __init__(self, task: Task) -> None:
        entries = _entries(task.variants)
        session = _session(
            Path(task.model_path), _Provider(task.provider, task.options), task.threads, entries
        )
        self._placement = count_placement(_nodes(session), task.provider)
        self._network = _graph(session, task.provider)
        self._similarity = _bundled_graph("similarity.onnx", task, entries)
        self._product = _bundled_graph("canary.onnx", task, _SESSION_ENTRIES)
        self._matrix = self._product.place(canary_matrix())
        self._task = task

    @property
    def facts(self) -> BackendFacts:
        """Where and how it runs."""
        return BackendFacts(
            placement=self._placement,
            settings=_settings(self._task),
            resident=self._task.provider in _DEVICES,
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
        session = _session(path, _Provider(provider, tuple(options)), 1, _SESSION_ENTRIES)
        placement = count_placement(_nodes(session), provider)
        graph = _graph(session, provider)
        ones = graph.place(canary_matrix()[:1])
        cosine = float(graph.fetch(graph.run(ones, ones))[0])
        if abs(cosine - 1.0) > _PROBE_TOLERANCE:
            raise BackendError(f"{provider} computes {cosine} for a cosine of 1")
        return placement


def _entries(variants: Iterable[str]) -> dict[str, str]:
    chosen = dict(_SESSION_ENTRIES)
    for variant in variants:
        chosen |= _VARIANT_ENTRIES[variant]
    return chosen


class _Provider(NamedTuple):
    """A provider, and what was asked for of it, each as ``key=value``."""

    name: str
    options: tuple[str, ...] = ()

    @property
    def settings(self) -> dict[str, str]:
        """What is pinned, and what was asked for instead."""
        asked = dict(option.split("=", 1) for option in self.options)
        return {**_PROVIDER_OPTIONS.get(self.name, {}), **asked}


def _session(
    path: Path, provider: _Provider, threads: int, entries: Mapping[str, str]
) -> onnxruntime.InferenceSession:
    available = onnxruntime.get_available_providers()
    if provider.name not in available:
        raise BackendError(
            f"onnxruntime {onnxruntime.__version__} was built without {provider.name}; "
            f"it offers {', '.join(available)}"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.enable_cpu_mem_arena = True
    options.enable_mem_pattern = True
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = _LOG_ERRORS
    for name, value in entries.items():
        options.add_session_config_entry(name, value)
    try:
        session = onnxruntime.InferenceSession(
            path, options, providers=[(provider.name, provider.settings)]
        )
    # ONNX Runtime raises classes of its own that share no base below Exception.
    except Exception as error:
        raise BackendError(
            f"no session on {provider.name}: {str(error).splitlines()[0]}"
        ) from error
    # Without this a failing call would be repeated on the CPU, with a line on stdout.
    session.disable_fallback()
    return session


def _nodes(session: onnxruntime.InferenceSession) -> list[Node]:
    return [
        Node(subgraph.ep_name, node.op_type)
        for subgraph in session.get_provider_graph_assignment_info()
        for node in subgraph.get_nodes()
    ]


def _graph(session: onnxruntime.InferenceSession, provider: str) -> _Graph:
    device = _DEVICES.get(provider)
    return _HostGraph(session) if device is None else _DeviceGraph(session, device)


def _bundled_graph(name: str, task: Task, entries: Mapping[str, str]) -> _Graph:
    provider = _Provider(task.provider, task.options)
    session = _session(Path(str(_GRAPHS / name)), provider, task.threads, entries)
    return _graph(session, task.provider)


def _settings(task: Task) -> dict[str, str]:
    return {
        "intra_op_threads": str(task.threads),
        "inter_op_threads": "1",
        "execution_mode": "sequential",
        "graph_optimization": "all",
        "memory_arena": "on",
        "memory_pattern": "on",
        **_entries(task.variants),
        **_Provider(task.provider, task.options).settings,
    }


def main(connection: Connection) -> None:
    """Run an ONNX Runtime worker."""
    serve(connection, OrtRuntime())
