"""Inspects files in the test's own process, by the worker's entry."""

from pathlib import Path
from typing import cast

from simx.exporter.own_models.described import Inspect, Inspected
from simx.exporter.own_models.inspection import main
from simx.models.backbone import Backbone, Layout, ModelFile, Preset
from simx.models.model_input import ModelInput
from simx.workers.connection import Connection
from tests.exporter.own_models.files import SIDE


class _Connection:
    """Has one request, and keeps the answer."""

    def __init__(self, request: Inspect) -> None:
        self._request = request
        self.answer: object = None

    def receive(self, _decoder: object) -> Inspect:
        return self._request

    def send(self, answer: object) -> None:
        self.answer = answer


def inspect(path: Path, layout: Layout = "NCHW", side: int = SIDE) -> Inspected:
    mean = std = (0.5, 0.5, 0.5)
    preset = Preset(crop=side, resize=side, interpolation="bilinear", mean=mean, std=std)
    connection = _Connection(Inspect(str(path), ModelInput(preset, layout)))
    main(cast("Connection", connection))
    assert isinstance(connection.answer, Inspected)
    return connection.answer


def accepted(path: Path, layout: Layout = "NCHW", side: int = SIDE) -> Backbone:
    found = inspect(path, layout, side)
    assert found.backbone is not None, found.problem
    return found.backbone


def file_of(found: Backbone) -> ModelFile:
    assert found.file is not None
    return found.file
