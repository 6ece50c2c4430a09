"""How long an export may take, and which exports share a worker."""

from contextlib import closing
from typing import Self

import pytest

from simx.exporter.jobs import export_workers
from simx.exporter.jobs.export_workers import ExportWorkers, export_seconds
from simx.exporter.jobs.plan import (
    ExportDone,
    ExportRequest,
    NotExported,
    network_of,
    order_from_weights,
)
from simx.exporter.weights.cache import Source
from simx.models.catalogue import load
from simx.models.selection import Selection, select
from simx.workers.worker import Worker
from tests.faults.documents import manifest


def test_deadline_follows_the_size_between_half_an_hour_and_four() -> None:
    seconds = {each.model: export_seconds(each, "pooled") for each in load() if each.default}
    assert min(seconds.values()) >= 1800
    assert max(seconds.values()) == seconds["vit_h_14"] == 4 * 3600
    assert seconds["squeezenet1_1"] < seconds["resnet50"] < seconds["regnet_y_128gf"]


def test_smaller_embedding_takes_no_longer() -> None:
    vgg = next(each for each in load() if each.model == "vgg16" and each.default)
    assert export_seconds(vgg, "pooled") < export_seconds(vgg, "penultimate")


class Loader:
    """Stands for the launcher, its workers and their connections; notes what happens to them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *replies: ExportDone | NotExported) -> None:
        self._replies = list(replies)
        self.events: list[str] = []
        self._count = 0
        monkeypatch.setattr(export_workers, "launcher", lambda _entry: self)

    def launch(self) -> Worker:
        self._count += 1
        return OneOfMany(self, str(self._count))  # type: ignore[return-value]  # as much of one as it needs

    def reply(self) -> ExportDone | NotExported:
        return self._replies.pop(0)

    def close(self) -> None:
        self.events.append("end")


class OneOfMany:
    """A worker: a number."""

    def __init__(self, loader: Loader, name: str) -> None:
        self._loader, self._name = loader, name

    def request(self, request: ExportRequest, *_: object) -> ExportDone | NotExported:
        self._loader.events.append(f"{self._name} {request.order.backbone.name}")
        return self._loader.reply()

    def close(self) -> None:
        self._loader.events.append(f"{self._name} closed")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def asked(loader: Loader, *names: str) -> list[str]:
    """Export these, announced together, and return what happened."""
    orders = [
        order_from_weights(backbone, "pooled", Source("random"))
        for name in names
        for backbone in select(Selection(names=(name,)), load())
    ]
    with closing(ExportWorkers()) as workers:
        workers.expect(network_of(order.backbone) for order in orders)
        for order in orders:
            workers.run(ExportRequest(order, 1, "folder", "state"))
            workers.settled(network_of(order.backbone))
    return loader.events


DONE = ExportDone(manifest())


def test_weights_of_one_network_have_one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends with the last of them; another size of pictures is another network."""
    names = ("resnet50:v1", "resnet50:v2", "vit_b_16:v1", "vit_b_16:IMAGENET1K_SWAG_E2E_V1")
    events = asked(Loader(monkeypatch, DONE, DONE, DONE, DONE), *names)
    assert events == [
        "1 resnet50:IMAGENET1K_V1",
        "1 resnet50",
        "1 closed",
        "2 vit_b_16",
        "2 closed",
        "3 vit_b_16:IMAGENET1K_SWAG_E2E_V1",
        "3 closed",
        "end",
    ]


def test_what_fails_in_a_shared_worker_is_tried_in_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a worker in which something failed gets nothing more."""
    order = order_from_weights(load()[0], "pooled", Source("random"))
    failed = NotExported(backbone=order.backbone, precision="fp32", stage="export", reason="a fake")
    loader = Loader(monkeypatch, DONE, failed, DONE, DONE)
    names = ("regnet_y_16gf:v1", "regnet_y_16gf:v2", "regnet_y_16gf:IMAGENET1K_SWAG_LINEAR_V1")
    assert [each.partition(":")[0] for each in asked(loader, *names)] == [
        "1 regnet_y_16gf",
        "1 regnet_y_16gf",
        "1 closed",
        "2 regnet_y_16gf",
        "2 regnet_y_16gf",
        "2 closed",
        "end",
    ]
