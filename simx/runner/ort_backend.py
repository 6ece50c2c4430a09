"""ONNX Runtime as a backend, on any of its providers. Imports onnxruntime and never torch."""

from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Protocol

import onnxruntime

from simx.runner.backend import (
    Array,
    BackendError,
    BackendFacts,
    Placed,
    PluginFacts,
    RuntimeFacts,
    Task,
    canary_matrix,
)
from simx.runner.ort_plugins import device_name, devices
from simx.runner.ort_proof import prove, recorded_nodes
from simx.runner.ort_session import SessionPlan, known_providers, open_session, source_of
from simx.runner.placement import Placement, placed
from simx.runner.plugins import Plugin, installed_plugins
from simx.runner.worker import serve
from simx.workers.connection import Connection

_GRAPHS = Path(str(files("simx.runner") / "graphs"))
_SIMILARITY = "similarity.onnx"
_CANARY = "canary.onnx"

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


class _Loaded:
    """A graph in a session, with proof of where its nodes run."""

    def __init__(self, plan: SessionPlan, *, allow_partial: bool = False) -> None:
        self._plan = plan
        self._allow_partial = allow_partial
        self._session = open_session(plan)
        record = recorded_nodes(self._session)
        if record:
            # What the record alone shows to be wrong is refused at once.
            placed(plan.provider, record=record, allow_partial=allow_partial)
        device = _DEVICES.get(plan.provider)
        self.graph: _Graph = (
            _HostGraph(self._session) if device is None else _DeviceGraph(self._session, device)
        )

    def prove(self) -> Placement:
        """Ask all witnesses that are needed; takes a session and a call, and must not be timed."""
        return prove(self._session, self._plan, allow_partial=self._allow_partial)


class OrtBackend:
    """One exported backbone in one session, with proof of where its nodes run."""

    def __init__(self, task: Task) -> None:
        self._task = task
        entries = _entries(task.variants)
        path = Path(task.model_path)
        self._loaded = _Loaded(_plan(path, task, entries), allow_partial=task.allow_partial)
        # Of simx's own graphs there is no share: all of them has to run on the provider.
        self._own = {
            name: _Loaded(_plan(_GRAPHS / name, task, its_entries))
            for name, its_entries in ((_SIMILARITY, entries), (_CANARY, _SESSION_ENTRIES))
        }
        self._network = self._loaded.graph
        self._similarity = self._own[_SIMILARITY].graph
        self._product = self._own[_CANARY].graph
        self._matrix = self._product.place(canary_matrix())

    @property
    def facts(self) -> BackendFacts:
        """Where and how it runs; asks for the proof, and is not to be timed."""
        for own in self._own.values():
            own.prove()
        placement = self._loaded.prove()
        return BackendFacts(
            placement=placement.nodes,
            shape_nodes=placement.shape_nodes,
            settings={
                **_settings(self._task),
                "placement_witness": placement.witness,
                "provider_source": source_of(self._task.provider),
            },
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
            providers=known_providers(),
            cuda=built or None,
            plugins=tuple(map(_plugin_facts, installed_plugins())),
        )

    def probe(self, provider: str, options: Sequence[str] = ()) -> dict[str, int]:
        """Run the similarity graph on the provider, and look where its nodes went."""
        plan = SessionPlan(
            path=_GRAPHS / _SIMILARITY,
            provider=provider,
            settings=_provider_settings(provider, options),
            threads=1,
            entries=_SESSION_ENTRIES,
        )
        loaded = _Loaded(plan)
        placement, graph = loaded.prove(), loaded.graph
        ones = graph.place(canary_matrix()[:1])
        cosine = float(graph.fetch(graph.run(ones, ones))[0])
        if abs(cosine - 1.0) > _PROBE_TOLERANCE:
            raise BackendError(f"{provider} computes {cosine} for a cosine of 1")
        return placement.nodes


def _plugin_facts(plugin: Plugin) -> PluginFacts:
    found: list[str] = []
    problems: list[str] = []
    for provider in plugin.providers:
        try:
            found += map(device_name, devices(plugin, provider))
        except BackendError as error:
            problems.append(str(error))
    return PluginFacts(
        name=plugin.name,
        providers=plugin.providers,
        devices=tuple(found),
        problem="; ".join(problems) or None,
    )


def _entries(variants: Iterable[str]) -> dict[str, str]:
    chosen = dict(_SESSION_ENTRIES)
    for variant in variants:
        chosen |= _VARIANT_ENTRIES[variant]
    return chosen


def _plan(path: Path, task: Task, entries: Mapping[str, str]) -> SessionPlan:
    return SessionPlan(
        path=path,
        provider=task.provider,
        settings=_provider_settings(task.provider, task.options),
        threads=task.threads,
        entries=entries,
    )


def _provider_settings(provider: str, options: Sequence[str]) -> dict[str, str]:
    """Return what is pinned, and what was asked for instead, each as ``key=value``."""
    asked = dict(option.split("=", 1) for option in options)
    return {**_PROVIDER_OPTIONS.get(provider, {}), **asked}


def _settings(task: Task) -> dict[str, str]:
    return {
        "intra_op_threads": str(task.threads),
        "inter_op_threads": "1",
        "execution_mode": "sequential",
        "graph_optimization": "all",
        "memory_arena": "on",
        "memory_pattern": "on",
        **_entries(task.variants),
        **_provider_settings(task.provider, task.options),
    }


def main(connection: Connection) -> None:
    """Run an ONNX Runtime worker."""
    serve(connection, OrtRuntime())
