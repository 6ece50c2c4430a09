"""Providers that lie: listed and given nothing, given half, or fallen back from. Each is refused.

The session is a real one on the processor; what it says of itself is not.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import msgspec
import onnxruntime
import pytest

from simx.exporter.store.entry import Entry
from simx.exporter.store.manifest import VERIFICATION_FILE
from simx.exporter.verification.reference import load_reference
from simx.models.backbone import Backbone
from simx.results.schema.partial_placement import partial_placement
from simx.runner.backends.contract import BackendError, Task
from simx.runner.backends.ort import backend, session
from simx.runner.backends.ort.backend import OrtRuntime
from simx.runner.backends.ort.placement import Node

LYING = "LyingExecutionProvider"
REAL_SESSION = onnxruntime.InferenceSession
CPU = ["CPUExecutionProvider"]
SMALL = 20
"""Nodes that simx's own graphs have at the most."""

Record = Callable[[list[Any]], list[Any]]


class LyingSession:
    """Takes any provider, runs on the processor, and tells what it is made to tell."""

    record: Record = staticmethod(lambda nodes: nodes)
    fails_at_run = False
    fails_at_creation = False

    def __init__(
        self, path: str, options: Any, providers: list[Any], enable_fallback: int = 1
    ) -> None:
        self.asked = providers[0][0]
        if self.fails_at_creation and not enable_fallback:
            raise ValueError(f"/src/state.cc:9 void make(const int&) {self.asked} has no colour")
        self.falls_back = True
        self._real = REAL_SESSION(path, options, providers=CPU)

    def get_provider_graph_assignment_info(self) -> list[Any]:
        real = self._real.get_provider_graph_assignment_info()
        nodes = [node for subgraph in real for node in subgraph.get_nodes()]
        return type(self).record(nodes)

    def disable_fallback(self) -> None:
        self.falls_back = False

    def run(self, outputs: list[str], feeds: dict[str, Any]) -> Any:
        if self.fails_at_run and not self.falls_back:
            raise RuntimeError(f"{self.asked} failed while running")
        return self._real.run(outputs, feeds)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def on(provider: str, nodes: list[Any]) -> Any:
    return SimpleNamespace(ep_name=provider, get_nodes=lambda: nodes)


def nowhere(nodes: list[Any]) -> list[Any]:
    return [on(CPU[0], nodes)]


def half(nodes: list[Any]) -> list[Any]:
    middle = len(nodes) // 2
    return [on(LYING, nodes[:middle]), on(CPU[0], nodes[middle:])]


def half_of_the_network(nodes: list[Any]) -> list[Any]:
    return half(nodes) if len(nodes) > SMALL else everywhere(nodes)


def half_where_it_is_small(nodes: list[Any]) -> list[Any]:
    return everywhere(nodes) if len(nodes) > SMALL else half(nodes)


def all_but_what_could_be_shapes(nodes: list[Any]) -> list[Any]:
    shapes = [node for node in nodes if node.op_type == "Concat"]
    return [on(LYING, [node for node in nodes if node not in shapes]), on(CPU[0], shapes)]


def everywhere(nodes: list[Any]) -> list[Any]:
    return [on(LYING, nodes)]


@pytest.fixture(name="lying_task")
def _lying_task(task: Task, monkeypatch: pytest.MonkeyPatch) -> Task:
    monkeypatch.setattr(session, "BUILT_IN", (LYING, *CPU))
    monkeypatch.setattr(onnxruntime, "InferenceSession", LyingSession)
    return msgspec.structs.replace(task, provider=LYING)


@pytest.mark.parametrize(
    ("record", "complaint"),
    [
        (nowhere, f"no node was placed on {LYING}"),
        (half, f"nodes ran elsewhere than on {LYING}"),
    ],
    ids=["nowhere", "half"],
)
def test_a_provider_without_its_nodes_is_refused(
    lying_task: Task, monkeypatch: pytest.MonkeyPatch, record: Record, complaint: str
) -> None:
    """Although it is listed, and although its embeddings would be right."""
    monkeypatch.setattr(LyingSession, "record", staticmethod(record))

    with pytest.raises(BackendError, match=complaint):
        OrtRuntime().create(lying_task)


def test_the_probe_is_not_deceived_either(
    lying_task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that such a provider is refused before anything is measured."""
    monkeypatch.setattr(LyingSession, "record", staticmethod(nowhere))

    with pytest.raises(BackendError, match=f"no node was placed on {LYING}"):
        OrtRuntime().probe(lying_task.provider)


def profiled(monkeypatch: pytest.MonkeyPatch, *ran: Node) -> None:
    """Make the second witness say that these nodes ran."""
    monkeypatch.setattr(backend, "profiled_nodes", lambda _: ran)


def test_half_of_the_nodes_can_be_allowed(
    lying_task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the share is told, so that it becomes part of the cell's name."""
    monkeypatch.setattr(LyingSession, "record", staticmethod(half_of_the_network))
    profiled(monkeypatch, Node(LYING, "Conv", 4096), Node(CPU[0], "Concat", 4096))
    task = msgspec.structs.replace(lying_task, allow_partial=True)
    facts = OrtRuntime().create(task).facts
    there, total = facts.placement[LYING], sum(facts.placement.values())

    assert partial_placement(facts.placement, facts.shape_nodes, LYING) == f"{there}/{total}"
    assert 0 < there < total


def test_none_of_the_nodes_is_never_allowed(
    lying_task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A share of nothing is a figure of the processor."""
    monkeypatch.setattr(LyingSession, "record", staticmethod(nowhere))
    task = msgspec.structs.replace(lying_task, allow_partial=True)

    with pytest.raises(BackendError, match=f"no node was placed on {LYING}"):
        OrtRuntime().create(task)


def test_half_of_simx_s_own_graphs_is_never_allowed(
    lying_task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cosine is timed, too, and has no name of its own that could tell a share."""
    monkeypatch.setattr(LyingSession, "record", staticmethod(half_where_it_is_small))
    task = msgspec.structs.replace(lying_task, allow_partial=True)

    with pytest.raises(BackendError, match="nodes ran elsewhere"):
        OrtRuntime().create(task)


@pytest.mark.parametrize("hidden", ["empty", "refused"])
def test_without_a_record_the_profile_is_asked(
    task: Task, monkeypatch: pytest.MonkeyPatch, hidden: str
) -> None:
    """For real: the same nodes are proven by what ran instead of by what was assigned."""

    class Silent(LyingSession):
        def get_provider_graph_assignment_info(self) -> list[Any]:
            if hidden == "refused":
                raise RuntimeError("this build keeps no record")
            return []

    monkeypatch.setattr(onnxruntime, "InferenceSession", Silent)
    facts = OrtRuntime().create(task).facts

    assert set(facts.placement) == {CPU[0]}
    assert facts.placement[CPU[0]] > 20
    assert facts.settings["placement_witness"] == "profile"


def test_the_profile_is_not_deceived(lying_task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a record, a session that runs on the processor is found out by its profile."""
    monkeypatch.setattr(LyingSession, "record", staticmethod(lambda _: []))
    backend = OrtRuntime().create(lying_task)

    with pytest.raises(BackendError, match=f"no node was placed on {LYING}"):
        _ = backend.facts


def test_a_record_that_the_profile_contradicts_is_refused(
    lying_task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record that leaves something open makes simx look, and then nothing ran there."""
    monkeypatch.setattr(LyingSession, "record", staticmethod(all_but_what_could_be_shapes))
    backend = OrtRuntime().create(lying_task)

    with pytest.raises(BackendError, match=f"no node was placed on {LYING}"):
        _ = backend.facts


def test_falling_back_while_being_made_is_a_failure(
    lying_task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ONNX Runtime would print what is wrong, and make a session on the processor instead."""
    monkeypatch.setattr(LyingSession, "fails_at_creation", True)

    with pytest.raises(BackendError, match=f": {LYING} has no colour$"):
        OrtRuntime().create(lying_task)


def test_falling_back_while_running_is_a_failure(
    lying_task: Task, monkeypatch: pytest.MonkeyPatch, entry: Entry, backbone: Backbone
) -> None:
    """ONNX Runtime would repeat a call that failed on the processor, with a line on stdout."""
    monkeypatch.setattr(LyingSession, "record", staticmethod(everywhere))
    backend = OrtRuntime().create(lying_task)
    inputs = load_reference(
        entry.verification_path, entry.manifest.files[VERIFICATION_FILE]
    ).inputs(backbone.preset)
    placed = backend.place(inputs[:1])
    backend.forward(placed)
    monkeypatch.setattr(LyingSession, "fails_at_run", True)

    with pytest.raises(RuntimeError, match=f"{LYING} failed while running"):
        backend.forward(placed)
