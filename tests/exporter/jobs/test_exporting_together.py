"""Processes that want the same export at the same time: one makes it, the others take it."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from simx.exporter.jobs.export import export
from simx.exporter.jobs.export_workers import ExportWorkers
from simx.exporter.jobs.plan import Exported, ExportListener, ExportPlan, ExportRequest, NotExported
from simx.exporter.store.cache_key import export_key
from simx.exporter.store.manifest import ExportIdentity
from simx.exporter.store.store import Store
from simx.exporter.weights.request import WeightsRequest
from simx.models.backbone import Backbone
from tests.exporter.store.test_store import RESNET18, RESNET34, publish

PLAN = ExportPlan(embedding="pooled", request=WeightsRequest("random"), threads=1)
KEY = export_key(RESNET18, "pooled", "seed 0")
IDENTITY = ExportIdentity(
    model=RESNET18.model,
    weights=RESNET18.weights,
    embedding="pooled",
    precision="fp32",
    weights_origin="random",
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


class Waiting(ExportListener):
    """Notes what is waited for, and lets the other process finish then."""

    def __init__(self, other: ExitStack, publish: Callable[[], object]) -> None:
        self._other = other
        self._publish = publish
        self.names: list[str] = []

    def waiting(self, backbones: Sequence[Backbone]) -> None:
        self.names.extend(backbone.name for backbone in backbones)
        self._publish()
        self._other.close()


def test_what_another_process_exports_is_taken(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is waited for when all others are finished, and never done twice."""
    asked: list[str] = []
    monkeypatch.setattr(ExportWorkers, "run", lambda _, request: refused(asked, request))
    with ExitStack() as other:
        other.enter_context(store.exporting(IDENTITY, KEY, wait=False))
        listener = Waiting(other, lambda: publish(store, key=KEY))
        taken, failed = export([RESNET18, RESNET34], store, PLAN, listener)

    assert listener.names == ["resnet18"]
    assert asked == ["resnet34"]
    assert failed.backbone == RESNET34
    assert isinstance(taken, Exported)
    assert not taken.fresh


def test_what_another_process_failed_to_export_is_exported(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Waiting ends when the other one has ended, whatever came of it."""
    asked: list[str] = []
    monkeypatch.setattr(ExportWorkers, "run", lambda _, request: refused(asked, request))
    with ExitStack() as other:
        other.enter_context(store.exporting(IDENTITY, KEY, wait=False))
        listener = Waiting(other, lambda: None)
        export([RESNET18, RESNET34], store, PLAN, listener)

    assert listener.names == ["resnet18"]
    assert asked == ["resnet34", "resnet18"]


def refused(asked: list[str], request: ExportRequest) -> NotExported:
    """Stand for a worker that is asked and fails."""
    asked.append(request.order.backbone.name)
    return NotExported(
        backbone=request.order.backbone,
        precision=request.order.identity.precision,
        stage="export",
        reason="a fake",
    )


def test_one_entry_is_exported_by_one_process(store: Store) -> None:
    """Whoever does not want to wait is told; other entries are not concerned."""
    with (
        store.exporting(IDENTITY, KEY, wait=False) as first,
        store.exporting(IDENTITY, KEY, wait=False) as second,
        store.exporting(IDENTITY, "f" * 16, wait=False) as other,
    ):
        assert (first, second, other) == (True, False, True)

    with store.exporting(IDENTITY, KEY, wait=False) as again:
        assert again
