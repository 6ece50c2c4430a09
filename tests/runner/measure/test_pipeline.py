"""A pipeline's picture is the same every time, so what is around it must not be."""

from pathlib import Path

import numpy as np
import pytest

from simx.images.pictures import bundled
from simx.results.statistics.vector_math import relative_l2
from simx.runner.backends.contract import Array
from simx.runner.measure.pipeline import Pipeline
from tests.runner.fakes import PRESET, FakeBackend

PICTURES = bundled()


class Watching(FakeBackend):
    """Keeps what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[Array] = []

    def place(self, array: Array) -> Array:
        self.given.append(array)
        return array


def run(backend: Watching, decoy: Path | None, entries: int) -> Pipeline:
    """Take a block of entries of one call, after one that does not count."""
    pipeline = Pipeline(backend, PRESET, PICTURES.anchor, decoy)
    pipeline()
    pipeline.start()
    for _ in range(entries):
        pipeline()
        pipeline.keep_entry()
    return pipeline


def test_another_picture_comes_before_the_first_timed_call() -> None:
    """It is embedded after the uncounted calls, and has no time."""
    backend = Watching()
    pipeline = run(backend, PICTURES.positive, 2)
    settled, decoy, first, second = backend.given

    assert np.allclose(settled, first, atol=1e-5)
    assert np.allclose(first, second, atol=1e-5)
    assert not np.allclose(decoy, first, atol=0.1)
    assert {len(ns) for ns in pipeline.stages.values()} == {2}


def test_a_giant_goes_without() -> None:
    """Its call is too dear for one that is not timed."""
    backend = Watching()
    run(backend, None, 1)

    assert len(backend.given) == 2


def test_entries_differ_by_their_last_bits() -> None:
    """Hardly two entries give the network the same bytes, and all give it the same picture."""
    backend = Watching()
    run(backend, None, 20)
    counted = backend.given[1:]

    assert len({array.tobytes() for array in counted}) > 10
    assert all(
        relative_l2(array, backend.given[0]) == pytest.approx(0, abs=1e-6) for array in counted
    )
