"""Inspects files in the test's own process, by the worker's entry."""

from pathlib import Path
from typing import cast

from simx.exporter.own_models.described import Inspect, Inspected, Refused
from simx.exporter.own_models.inspection import main
from simx.models.backbone import Layout
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


def inspect(path: Path, layout: Layout = "NCHW", side: int = SIDE) -> Inspected | Refused:
    connection = _Connection(Inspect(str(path), side, layout))
    main(cast("Connection", connection))
    assert isinstance(connection.answer, Inspected | Refused)
    return connection.answer


def accepted(path: Path, layout: Layout = "NCHW", side: int = SIDE) -> Inspected:
    found = inspect(path, layout, side)
    assert isinstance(found, Inspected), found
    return found
