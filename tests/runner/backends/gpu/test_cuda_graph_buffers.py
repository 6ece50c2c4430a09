"""Fixed addresses: what is held is never written over, and what nobody holds is used again."""

import numpy as np

from simx.runner.backends.contract import Array
from simx.runner.backends.gpu.cuda_graph_buffers import GraphBuffers


class Written:
    """A buffer that remembers what was written into it."""

    def __init__(self, array: Array) -> None:
        self.values = array.copy()

    def write(self, array: Array) -> None:
        self.values[:] = array


def picture(value: float, pixels: int = 2) -> Array:
    return np.full((1, 3, pixels, pixels), value, dtype=np.float32)


def test_what_is_held_keeps_its_slot() -> None:
    """An input that somebody holds stays as it is while others come and go."""
    buffers = GraphBuffers(Written, Written.write)
    held = buffers.hold(picture(1))
    for value in (2, 3):
        buffers.hold(picture(value))

    assert (held.buffer.values == 1).all()


def test_a_slot_is_used_again_when_nobody_holds_it() -> None:
    """Otherwise every call of a pipeline would be recorded anew, and memory would grow."""
    made: list[Written] = []

    def create(array: Array) -> Written:
        made.append(Written(array))
        return made[-1]

    buffers = GraphBuffers(create, Written.write)
    for value in range(5):
        held = buffers.hold(picture(value))
        assert (held.buffer.values == value).all()
        del held

    assert len(made) == 1


def test_a_slot_is_of_one_shape() -> None:
    """A recording is of one batch and one size."""
    buffers = GraphBuffers(Written, Written.write)
    buffers.hold(picture(1, pixels=2))

    assert buffers.hold(picture(2, pixels=4)).buffer.values.shape == (1, 3, 4, 4)
