"""ONNX Runtime as a backend, on any of its providers. Imports onnxruntime and never torch."""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import onnxruntime

from simx.results.schema.diagnosis import PluginDiagnosis
from simx.results.schema.kernels import Kernels
from simx.runner.backends.contract import (
    CANARY_GRAPH,
    LARGE_SIZE,
    PROBE_TOLERANCE,
    SIMILARITY_GRAPH,
    Array,
    BackendError,
    BackendFacts,
    Placed,
    RuntimeFacts,
    Task,
    canary_matrix,
)
from simx.runner.backends.ort.device import CapturedGraph, DeviceGraph
from simx.runner.backends.ort.placement import Placement, needs_profile, placed
from simx.runner.backends.ort.plugins import Plugin, installed_plugins
from simx.runner.backends.ort.session import (
    SessionPlan,
    devices,
    known_providers,
    open_session,
    optimised_offline,
    profiled_calls,
    profiled_nodes,
    recorded_nodes,
    source_of,
)
from simx.runner.backends.ort.settings import DEVICES, SessionSettings, settings_of
from simx.runner.backends.registry import FIXED
from simx.runner.measure.worker import serve
from simx.workers.connection import Connection

_SAVED = "onnxruntime"
"""The folder of graphs that were optimised offline."""


class _HostGraph:
    """A graph with inputs and outputs in host memory, called with inputs in the graph's order."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self._inputs = tuple(value.name for value in session.get_inputs())

    def place(self, array: Array) -> Placed:
        return array

    def run(self, *inputs: Placed) -> Placed:
        return self._session.run(None, dict(zip(self._inputs, inputs, strict=True)))[0]

    def fetch(self, output: Array) -> Array:
        return output


class _Loaded:
    """A graph in a session, with proof of where its nodes run."""

    def __init__(self, plan: SessionPlan, *, allow_partial: bool = False) -> None:
        self._plan = plan
        self._allow_partial = allow_partial
        self._session = open_session(plan)
        record = recorded_nodes(self._session)
        if record:
            # A wrong placement in the record is refused at once.
            placed(plan.provider, record=record, allow_partial=allow_partial)
        self.graph = _graph(self._session, plan)

    def prove(self) -> Placement:
        """Return the proven placement; must not be timed."""
        plan, record = self._plan, recorded_nodes(self._session)
        profile = profiled_nodes(plan) if needs_profile(record, plan.provider) else ()
        return placed(
            plan.provider, record=record, profile=profile, allow_partial=self._allow_partial
        )


class OrtBackend:
    """One exported backbone in one session, with proof of where its nodes run."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._settings = _set(task, task.variants)
        self._is_cached = self._settings.offline and task.code_folder(_SAVED).exists()
        self._loaded = _Loaded(_network(task), allow_partial=task.allow_partial)
        similar = _set(task, task.variants, own=True)
        # The canary is the same work for all variants, so that it can be compared.
        pinned = _set(task, (), own=True)
        # All nodes of simx's own graphs have to run on the provider.
        self._own = (
            _Loaded(_plan(SIMILARITY_GRAPH, task, similar)),
            _Loaded(_plan(CANARY_GRAPH, task, pinned)),
        )
        self._network = self._loaded.graph
        self._similarity, self._product = (own.graph for own in self._own)
        self._matrix = self._product.place(canary_matrix())

    @property
    def facts(self) -> BackendFacts:
        """Where and how it runs, proven; must not be timed."""
        for own in self._own:
            own.prove()
        task, placement = self._task, self._loaded.prove()
        return BackendFacts(
            placement=placement.nodes,
            shape_nodes=placement.shape_nodes,
            settings={
                "graph_batch": str(task.batch) if FIXED in task.variants else "free",
                **self._settings.stated,
                "placement_witness": placement.witness,
                "provider_source": source_of(task.provider),
            },
            resident=task.provider in DEVICES,
            is_cached=self._is_cached,
        )

    def place(self, array: Array) -> Placed:
        """Bring an input to the device; on the CPU nothing is copied."""
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

    def large_product(self) -> Callable[[], object]:
        """Return a larger product, in a session of its own whose threads do not spin."""
        passive = _set(self._task, ("passive",), own=True)
        graph = _Loaded(_plan(CANARY_GRAPH, self._task, passive)).graph
        matrix = graph.place(canary_matrix(LARGE_SIZE))
        return lambda: graph.run(matrix, matrix)

    def timed_by_device(self, image: Placed) -> int | None:  # noqa: ARG002 - part of the contract
        """Return None: its stream is not accessible, and another one changes how it waits."""
        return None

    def peak_device_bytes(self) -> int | None:
        """Return None: its allocator is not accessible from Python."""
        return None

    def own_error(self, inputs: Sequence[Array]) -> float | None:  # noqa: ARG002 - see above
        """Return None: its graph is in float32."""
        return None


class OrtRuntime:
    """Creates ONNX Runtime backends."""

    def create(self, task: Task) -> OrtBackend:
        """Load an exported backbone."""
        return OrtBackend(task)

    def profile(self, task: Task, image: Array, calls: int) -> Kernels:
        """Profile an exported backbone, in a session of its own."""
        if task.provider in DEVICES:
            raise BackendError(f"only calls on the processor are profiled, not on {task.provider}")
        return profiled_calls(_network(task), image, calls, Path(task.model_path))

    def describe(self) -> RuntimeFacts:
        """Return its providers, plug-ins and CUDA version."""
        return RuntimeFacts(
            providers=known_providers(),
            cuda=getattr(onnxruntime, "cuda_version", "") or None,
            plugins=tuple(map(_plugin_diagnosis, installed_plugins())),
        )

    def probe(self, provider: str, options: Sequence[str] = ()) -> dict[str, int]:
        """Run the similarity graph on the provider, and return its proven placement."""
        plan = SessionPlan(
            path=SIMILARITY_GRAPH,
            provider=provider,
            settings=settings_of(provider, (), options, threads=1, own=True),
        )
        loaded = _Loaded(plan)
        placement, graph = loaded.prove(), loaded.graph
        ones = graph.place(canary_matrix()[:1])
        cosine = float(graph.fetch(graph.run(ones, ones))[0])
        if abs(cosine - 1.0) > PROBE_TOLERANCE:
            raise BackendError(f"{provider} computes {cosine} for a cosine of 1")
        return placement.nodes


def _plugin_diagnosis(plugin: Plugin) -> PluginDiagnosis:
    found: list[str] = []
    problems: list[str] = []
    for provider in plugin.providers:
        try:
            hardware = [each.device for each in devices(plugin, provider)]
            found += [
                f"{each.type.name} of {each.vendor or 'an unknown vendor'}" for each in hardware
            ]
        except BackendError as error:
            problems.append(str(error))
    return PluginDiagnosis(
        name=plugin.name,
        providers=plugin.providers,
        devices=tuple(found),
        problem="; ".join(problems) or None,
    )


def _network(task: Task) -> SessionPlan:
    """Return how to make the session of a task's network."""
    plan = _plan(Path(task.model_path), task, _set(task, task.variants))
    if FIXED in task.variants:
        plan = msgspec.structs.replace(plan, batch=task.batch)
    return optimised_offline(plan, task.code_folder(_SAVED)) if plan.settings.offline else plan


def _set(task: Task, variants: Sequence[str], *, own: bool = False) -> SessionSettings:
    # Spinning after a call would disturb the next cell's calls. Under load none follow.
    usual = ("spinning",) if task.is_under_load else ()
    every = (*usual, *variants)
    return settings_of(task.provider, every, task.options, task.threads, own=own)


def _plan(path: Path, task: Task, settings: SessionSettings) -> SessionPlan:
    return SessionPlan(path=path, provider=task.provider, settings=settings)


def _graph(session: onnxruntime.InferenceSession, plan: SessionPlan) -> _HostGraph | DeviceGraph:
    device = DEVICES.get(plan.provider)
    if device is None:
        return _HostGraph(session)
    kind = CapturedGraph if plan.settings.captures else DeviceGraph
    return kind(session, device, plan.settings.device_id, plan.settings.run)


def main(connection: Connection) -> None:
    """Run an ONNX Runtime worker."""
    serve(connection, OrtRuntime())
