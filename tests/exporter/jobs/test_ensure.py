"""Sound exports: what is lacking, outdated or damaged is exported again, and failures are kept."""

from pathlib import Path

import msgspec
import pytest

from simx.exporter.jobs.ensure import ensure
from simx.exporter.jobs.export_workers import ExportWorkers
from simx.exporter.jobs.plan import ExportListener, ExportPlan, NotExported
from simx.exporter.store import lookup
from simx.exporter.store.cache_key import OLDEST_RECIPE, RECIPE, export_key
from simx.exporter.store.entry import Entry
from simx.exporter.store.manifest import Manifest
from simx.exporter.store.store import Store
from simx.exporter.weights.request import WeightsRequest
from simx.models.backbone import Backbone, Precision
from tests.exporter.jobs.test_exporting_together import refused
from tests.exporter.store.test_store import RESNET18, RESNET34, publish
from tests.faults.exporting import write_fake

KEYS = {each: export_key(each, "pooled", "seed 0") for each in (RESNET18, RESNET34)}


class Heard(ExportListener):
    """Notes what is begun, and the messages."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.messages: list[str] = []

    def started(self, backbone: Backbone, precision: Precision) -> None:
        self.begun.append(f"{backbone.name} {precision}")

    def notice(self, text: str) -> None:
        self.messages.append(text)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty store, whose exports are fakes."""
    monkeypatch.setattr(ExportWorkers, "run", write_fake)
    return Store(tmp_path / "store")


@pytest.fixture
def heard() -> Heard:
    return Heard()


def plan(*precisions: Precision) -> ExportPlan:
    request = WeightsRequest("random")
    return ExportPlan(embedding="pooled", request=request, precisions=precisions, threads=1)


def of_an_earlier_recipe(manifest: Manifest) -> Manifest:
    return msgspec.structs.replace(manifest, recipe=OLDEST_RECIPE - 1)


def entry_of(outcome: Entry | NotExported) -> Entry:
    assert isinstance(outcome, Entry), outcome
    return outcome


def test_what_is_there_is_taken_and_the_rest_is_made(store: Store, heard: Heard) -> None:
    """A sound export is not made again."""
    held = publish(store, key=KEYS[RESNET18])
    found = ensure([RESNET18, RESNET34], store, plan("fp32"), heard)

    assert found.keys() == {(RESNET18, "fp32"), (RESNET34, "fp32")}
    assert found[RESNET18, "fp32"] == held
    assert entry_of(found[RESNET34, "fp32"]).damage() is None
    assert heard.begun == ["resnet34 fp32"]
    assert heard.messages == []


def test_a_damaged_export_is_discarded_and_made_again(store: Store, heard: Heard) -> None:
    """One bit in a file of the right size is enough."""
    held = publish(store, key=KEYS[RESNET18])
    held.model_path.write_bytes(b"Graph")
    found = ensure([RESNET18], store, plan("fp32"), heard)

    assert entry_of(found[RESNET18, "fp32"]).damage() is None
    (message,) = heard.messages
    assert "does not have the hash its manifest names; exporting resnet18 again" in message


def test_an_export_with_other_names_is_made_again_only_for_them(store: Store, heard: Heard) -> None:
    """Its numbers are right, so that a benchmark takes it; what reads the names does not."""

    def with_other_names(manifest: Manifest) -> Manifest:
        return msgspec.structs.replace(manifest, recipe=OLDEST_RECIPE)

    key = export_key(RESNET18, "pooled", "seed 0", OLDEST_RECIPE)
    old = publish(store, key=key, changed=with_other_names)

    assert OLDEST_RECIPE < RECIPE
    assert ensure([RESNET18], store, plan("fp32"), heard)[RESNET18, "fp32"] == old
    assert heard.messages == []

    newest = msgspec.structs.replace(plan("fp32"), newest=True)
    found = ensure([RESNET18], store, newest, heard)

    assert entry_of(found[RESNET18, "fp32"]).key == KEYS[RESNET18]
    assert heard.messages == [
        "resnet18: its export was made without the names of modules; exporting it again"
    ]
    assert ensure([RESNET18], store, newest, heard) == found


def test_an_outdated_export_is_made_again(store: Store, heard: Heard) -> None:
    """The reason is said, and the new export is the one that is returned."""
    old = publish(store, key="a" * 16, changed=of_an_earlier_recipe)
    found = ensure([RESNET18], store, plan("fp32"), heard)

    assert entry_of(found[RESNET18, "fp32"]).key == KEYS[RESNET18]
    assert old.damage() is None
    (message,) = heard.messages
    assert message.startswith("resnet18: its export was made by an earlier version of simx")


def test_where_nothing_can_be_exported_an_outdated_export_is_used(
    store: Store, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An environment without torch measures what it has, and says what that is."""
    monkeypatch.setattr(lookup, "can_export", lambda _source: False)
    old = publish(store, key="a" * 16, changed=of_an_earlier_recipe)
    found = ensure([RESNET18], store, plan("fp32"), heard)

    assert found[RESNET18, "fp32"] == old
    (message,) = heard.messages
    assert message.startswith("resnet18: measured from an export that was made by an earlier")


def test_other_precisions_need_an_fp32_export(
    store: Store, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """fp32 is ensured unasked, and its failure is that of every precision."""
    publish(store, key=KEYS[RESNET18])
    asked: list[str] = []

    monkeypatch.setattr(ExportWorkers, "run", lambda _, request: refused(asked, request))
    found = ensure([RESNET18, RESNET34], store, plan("int8"), heard)

    assert isinstance(found[RESNET18, "fp32"], Entry)
    for backbone in (RESNET18, RESNET34):
        failure = found[backbone, "int8"]
        assert isinstance(failure, NotExported)
        assert (failure.backbone, failure.precision) == (backbone, "int8")
        assert failure.reason == "a fake"
    assert asked == ["resnet34", "resnet18"]
