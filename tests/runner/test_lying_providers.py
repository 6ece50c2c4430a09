"""Providers that lie: listed and given nothing, given half, or fallen back from. Each is refused.

The session is a real one on the processor; what it says of itself is not.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import msgspec
import onnxruntime
import pytest

from simx.exporter.reference import load_reference
from simx.exporter.store import Entry
from simx.models.backbone import Backbone
from simx.runner.backend import BackendError, Task
from simx.runner.ort_backend import OrtRuntime

LYING = "LyingExecutionProvider"
REAL_SESSION = onnxruntime.InferenceSession
CPU = ["CPUExecutionProvider"]

Record = Callable[[list[Any]], list[Any]]


class LyingSession:
    """Takes any provider, runs on the processor, and tells what it is made to tell."""

    record: Record = staticmethod(lambda nodes: nodes)
    fails_at_run = False

    def __init__(self, path: str, options: Any, providers: list[Any]) -> None:
        self.asked = providers[0][0]
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


def everywhere(nodes: list[Any]) -> list[Any]:
    return [on(LYING, nodes)]


@pytest.fixture(name="lying_task")
def _lying_task(task: Task, monkeypatch: pytest.MonkeyPatch) -> Task:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [LYING, *CPU])
    monkeypatch.setattr(onnxruntime, "InferenceSession", LyingSession)
    return msgspec.structs.replace(task, provider=LYING)


@pytest.mark.parametrize(
    ("record", "complaint"),
    [
        (nowhere, f"no node was placed on {LYING}"),
        (half, f"nodes ran elsewhere than on {LYING}"),
        (lambda _: [], f"no node was placed on {LYING}"),
    ],
    ids=["nowhere", "half", "nothing recorded"],
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


def test_falling_back_while_running_is_a_failure(
    lying_task: Task, monkeypatch: pytest.MonkeyPatch, entry: Entry, backbone: Backbone
) -> None:
    """ONNX Runtime would repeat a call that failed on the processor, with a line on stdout."""
    monkeypatch.setattr(LyingSession, "record", staticmethod(everywhere))
    backend = OrtRuntime().create(lying_task)
    inputs = load_reference(entry.verification_path).inputs(backbone.preset)
    placed = backend.place(inputs[:1])
    backend.forward(placed)
    monkeypatch.setattr(LyingSession, "fails_at_run", True)

    with pytest.raises(RuntimeError, match=f"{LYING} failed while running"):
        backend.forward(placed)
