"""No two entries of a block find the same bytes, and a cosine that was not computed is wrong."""

from itertools import pairwise

import numpy as np
import pytest

from simx.results.statistics.vector_math import cosine, relative_l2
from simx.runner.backends.contract import Array
from simx.runner.measure.rotating_inputs import RotatingInputs, SimilarityInputs, batches
from tests.runner.fakes import FakeBackend

PICTURES: Array = np.random.default_rng(2).standard_normal((4, 3, 8, 8)).astype(np.float32)
LEFT = np.array([[3.0, 0.0, 4.0]], dtype=np.float32)
RIGHT = np.array([[1.0, 2.0, 2.0]], dtype=np.float32)
COSINE = (3 + 8) / (5 * 3)


def contents(inputs: RotatingInputs) -> list[bytes]:
    return [array.tobytes() for array in inputs.placed]


def test_pictures_change_places_and_are_known_there() -> None:
    """Whatever the order is, each place holds the picture that it is said to hold."""
    inputs = RotatingInputs(PICTURES, lambda array: array)
    orders = set()
    for _ in range(40):
        inputs.shuffle()
        order = [inputs.pictures_at(place)[0] for place in range(4)]
        orders.add(tuple(order))

        assert contents(inputs) == [PICTURES[picture].tobytes() for picture in order]
    assert len(orders) > 1


def test_no_block_finds_the_order_of_the_block_before() -> None:
    """Some picture changes its place each time, so that answers kept for places are wrong."""
    inputs = RotatingInputs(PICTURES[:2], lambda array: array)
    orders = [inputs.pictures_at(0)]
    for _ in range(20):
        inputs.shuffle()
        orders.append(inputs.pictures_at(0))

    assert orders == [[0], [1]] * 10 + [[0]]


def test_a_single_picture_stays_in_its_place() -> None:
    """There is no other order that it could have."""
    inputs = RotatingInputs(PICTURES[:1], lambda array: array)
    inputs.shuffle()

    assert inputs.pictures_at(0) == [0]


def test_a_place_keeps_its_memory() -> None:
    """Pictures are written into it, so that an answer kept for the place is another one's."""
    inputs = RotatingInputs(PICTURES, lambda array: array)
    before = [id(array) for array in inputs.placed]
    inputs.shuffle()

    assert [id(array) for array in inputs.placed] == before


def test_no_bytes_are_met_twice() -> None:
    """What is nudged differs from all that was there before, and hardly."""
    inputs = RotatingInputs(PICTURES, lambda array: array)
    seen = set(contents(inputs))
    for turn in range(200):
        inputs.nudge(turn, 1)
        changed = inputs.placed[turn % 4].tobytes()

        assert changed not in seen
        seen.add(changed)
    errors = [relative_l2(placed, PICTURES[i]) for i, placed in enumerate(inputs.placed)]
    assert all(error is not None and error < 1e-6 for error in errors)


@pytest.mark.parametrize("level", [0.0, 1e-30, 1.0, 300.0])
def test_a_picture_of_one_colour_changes_too(level: float) -> None:
    """Its values have no zero nearby, or nothing else; none of them becomes a denormal number."""
    inputs = RotatingInputs(np.full_like(PICTURES[:1], level), lambda array: array)
    seen = set(contents(inputs))
    for turn in range(40):
        inputs.nudge(turn, 1)
        changed = inputs.placed[0]

        assert changed.tobytes() not in seen
        assert not np.any((changed != 0) & (np.abs(changed) < np.finfo(np.float32).tiny))
        seen.add(changed.tobytes())


def test_many_nudges_are_lost_in_the_sums_of_a_layer() -> None:
    """Together they stay below the resolution of float32 at 1, where a rounding could see them."""
    pictures = np.random.default_rng(3).standard_normal((2, 3, 96, 96)).astype(np.float32)
    inputs = RotatingInputs(pictures, lambda array: array)
    for turn in range(2000):
        inputs.nudge(turn, 1)

    errors = [np.abs(placed[0] - pictures[i]).max() for i, placed in enumerate(inputs.placed)]
    assert 0 < max(errors) < np.finfo(np.float32).eps


def test_only_what_comes_next_is_nudged() -> None:
    """Places beyond those that the next entry begins with stay; more of them nudge each once."""
    inputs = RotatingInputs(PICTURES, lambda array: array)
    before = contents(inputs)
    inputs.nudge(3, 2)
    after = contents(inputs)

    assert [old == new for old, new in zip(before, after, strict=True)] == [
        False,
        True,
        True,
        False,
    ]
    inputs.nudge(0, 99)
    assert all(old != new for old, new in zip(after, contents(inputs), strict=True))


def test_the_pictures_themselves_stay() -> None:
    """Others rely on them, and every shuffle starts from them."""
    before = PICTURES.tobytes()
    inputs = RotatingInputs(PICTURES, lambda array: array)
    inputs.nudge(0, 4)
    inputs.shuffle()

    assert PICTURES.tobytes() == before


class Watching(FakeBackend):
    """Keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[bytes] = []
        self.answers: list[float] = []

    def similarity(self, left: object, right: object) -> float:
        assert isinstance(right, np.ndarray)
        self.asked.append(right.tobytes())
        self.answers.append(super().similarity(left, right))
        return self.answers[-1]


def taken(backend: FakeBackend, entries: int, calls: int) -> list[float]:
    pair = SimilarityInputs(backend.similarity, LEFT, RIGHT, backend.place)
    pair()
    pair.start()
    for _ in range(entries):
        for _ in range(calls):
            pair()
        pair.look()
    return pair.cosines


def test_every_answer_is_the_pairs_cosine() -> None:
    """Whatever sign and length it was asked with, each counted answer can be compared with one."""
    assert taken(Watching(), 6, 3) == pytest.approx([COSINE] * 18, abs=1e-6)


@pytest.mark.parametrize("scale", [1e38, 1e-38, 1e-42])
def test_a_changed_length_stays_in_the_range(scale: float) -> None:
    """Embeddings at either end of float32's range become neither infinite nor zero."""
    embedding = (RIGHT * scale).astype(np.float32)
    asked: list[Array] = []
    pair = SimilarityInputs(lambda *_: 0.0, LEFT, embedding, lambda array: array)
    for _ in range(40):
        pair.start()
        asked.append(pair._changing)

    assert all(abs(cosine(each, embedding) or 0.0) == pytest.approx(1.0) for each in asked)
    assert len({each.tobytes() for each in asked}) > 4


def test_neighbouring_entries_ask_for_opposite_answers() -> None:
    """The sign changes from entry to entry, and the length changes too."""
    backend = Watching()
    taken(backend, 40, 1)

    counted = backend.answers[1:]
    assert all(a * b < 0 for a, b in pairwise(counted))
    assert len(set(backend.asked)) > 4


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("batch", [1, 2, 3, 4, 5, 64])
def test_batches_hold_every_picture_and_differ(count: int, batch: int) -> None:
    """Calls in turns never get what the call before got."""
    found = batches(count, batch)

    assert {len(each) for each in found} == {batch}
    assert {picture for each in found for picture in each} == set(range(count))
    assert len({tuple(each) for each in found}) == len(found) > 1


def test_a_place_holds_the_pictures_that_it_names() -> None:
    """In their order, after every shuffle."""
    inputs = RotatingInputs(PICTURES, lambda array: array, 3)
    for _ in range(3):
        inputs.shuffle()
        for place, placed in enumerate(inputs.placed):
            assert np.array_equal(placed, PICTURES[inputs.pictures_at(place)])
