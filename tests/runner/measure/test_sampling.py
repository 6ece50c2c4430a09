"""Samples are of the calls that count, each of them as likely as any other."""

from collections import Counter
from collections.abc import Callable

import numpy as np

from simx.runner.backends.contract import Array
from simx.runner.measure.sampling import Sampler


def as_array(answer: int) -> Array:
    return np.array([[answer]], dtype=np.float32)


def sampled(entries: int, calls: int, pictures: int = 4, uncounted: int = 3) -> Sampler:
    """Run a block whose answers are the calls' numbers, negative for those that do not count."""
    sampler = Sampler(as_array, pictures)
    sampler.answers.extend(range(-uncounted, 0))
    sampler.start()
    for entry in range(entries):
        sampler.answers.extend(range(entry * calls, (entry + 1) * calls))
        sampler.look()
    return sampler


def test_first_and_last_are_taken_and_one_of_each_picture() -> None:
    """The places are those the calls took their inputs from, counting the uncounted ones too."""
    places, samples = sampled(entries=20, calls=1).taken()
    numbers = samples[:, 0].astype(int).tolist()

    assert (numbers[0], numbers[-1]) == (0, 19)
    assert places[1:-1] == [0, 1, 2, 3]
    assert places == [(number + 3) % 4 for number in numbers]


def test_several_calls_share_an_entry() -> None:
    """The first call of the first entry and the last call of the last one are among them."""
    places, samples = sampled(entries=30, calls=7).taken()
    numbers = samples[:, 0].astype(int).tolist()

    assert (numbers[0], numbers[-1]) == (0, 209)
    assert places == [(number + 3) % 4 for number in numbers]


def test_every_call_is_as_likely() -> None:
    """Over many blocks the one random sample of a picture falls on each of its calls."""
    kept = Counter(
        int(sampled(entries=8, calls=1, pictures=1).taken()[1][1, 0]) for _ in range(2000)
    )

    assert set(kept) == set(range(8))
    # 250 are expected of each; five standard deviations are 74.
    assert all(150 < count < 350 for count in kept.values())


def test_a_single_call_is_enough() -> None:
    """A giant's block may have no more."""
    places, samples = sampled(entries=1, calls=1, uncounted=0).taken()

    assert places == [0, 0, 0]
    assert samples[:, 0].tolist() == [0, 0, 0]


def test_samples_are_copies() -> None:
    """A backend that writes its next answer into the same memory does not mend its last one."""
    memory = np.zeros((1, 2), dtype=np.float32)
    fetch: Callable[[Array], Array] = lambda answer: answer  # noqa: E731
    sampler = Sampler(fetch)
    sampler.answers.append(memory)
    sampler.look()
    memory[:] = 7
    sampler.answers.append(memory)
    sampler.look()
    _, samples = sampler.taken()

    assert samples[0].tolist() == [0, 0]
    assert samples[-1].tolist() == [7, 7]


def test_fetching_is_timed_right_after_the_entry() -> None:
    """The least that one took is kept; a fetch that waits for every answer shows in it."""
    waited: list[int] = []

    def fetch(answer: int) -> Array:
        waited.append(answer)
        return as_array(answer)

    sampler = Sampler(fetch)
    sampler.answers.append(1)
    sampler.look()

    assert waited == [1]
    assert sampler.fetch_ns >= 0
