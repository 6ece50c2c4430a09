"""Backends that are fast because they are wrong, each in a way of its own.

All are right while a cell is being prepared, and what they do instead of the work begins with the
timed calls. One server starts them all: the kind is the task's variant.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from simx.runner.backends.contract import Array, Task
from simx.runner.measure import warmup
from simx.runner.measure.worker import serve
from simx.workers.connection import Connection
from tests.runner.fakes import DIM, FakeBackend, FakeRuntime, embed

PREPARING = 9
"""Calls before anything is timed: the first, four of the reference's pictures, four of the
measured ones."""


class Cheat(FakeBackend):
    """Is right for as long as nothing is timed, and says where in the launch it is."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.since_canary = 0

    @property
    def is_timed(self) -> bool:
        return self.calls > PREPARING

    def forward(self, image: Any) -> Any:
        self.calls += 1
        self.since_canary += 1
        return self.cheat(image) if self.is_timed else embed(image)

    def cheat(self, image: Any) -> Any:
        return embed(image)

    def canary(self) -> None:
        super().canary()
        self.since_canary = 0


class Changing(Cheat):
    """Computes, and changes the answer."""

    def __init__(self, change: Callable[[Array], Array]) -> None:
        super().__init__()
        self._change = change

    def cheat(self, image: Any) -> Any:
        return self._change(embed(image))


class CachedFirst(Cheat):
    """Answers with what it computed for the first timed picture."""

    def __init__(self, *, honest: int = 0) -> None:
        super().__init__()
        self._honest = honest
        self._answer: Any = None

    def cheat(self, image: Any) -> Any:
        if self._answer is None or self.calls <= PREPARING + self._honest:
            self._answer = embed(image)
        return self._answer


class CachedByPlace(Cheat):
    """Computes once for each object it is handed, whatever has been written into it since."""

    def __init__(self) -> None:
        super().__init__()
        self._answers: dict[int, Any] = {}

    def cheat(self, image: Any) -> Any:
        return self._answers.setdefault(id(image), embed(image))


class Stale(Cheat):
    """Answers with the call before."""

    def __init__(self) -> None:
        super().__init__()
        self._before: Any = None

    def forward(self, image: Any) -> Any:
        before, self._before = self._before, super().forward(image)
        return before if self.is_timed else self._before


class RightAtFirst(Cheat):
    """Is right for as many calls as a check would look at if it looked at the first ones."""

    def cheat(self, image: Any) -> Any:
        answer = embed(image)
        return answer if self.since_canary < 4 else answer[:, ::-1]


class EverySecond(Cheat):
    """Computes every second call, and answers the others with it."""

    def __init__(self) -> None:
        super().__init__()
        self._answer: Any = None

    def cheat(self, image: Any) -> Any:
        if self.calls % 2 == 0 or self._answer is None:
            self._answer = embed(image)
        return self._answer


class Asynchronous(Cheat):
    """Returns at once; whoever fetches the answer waits for the work."""

    def __init__(self) -> None:
        super().__init__()
        self._pool = ThreadPoolExecutor(1)

    def cheat(self, image: Any) -> Any:
        copy = image.copy()

        def work() -> Array:
            time.sleep(0.004)
            return embed(copy)

        return self._pool.submit(work)

    def fetch(self, embedding: Any) -> Array:
        return super().fetch(embedding.result() if isinstance(embedding, Future) else embedding)


class Early(Cheat):
    """Returns an array that is filled a little later."""

    def cheat(self, image: Any) -> Any:
        answer, right = np.zeros((1, DIM), dtype=np.float32), embed(image)
        threading.Timer(0.004, np.copyto, (answer, right)).start()
        return answer


class CachedCosine(Cheat):
    """Answers with the first cosine it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self._answer: float | None = None

    def similarity(self, left: Any, right: Any) -> float:
        if self._answer is None:
            self._answer = super().similarity(left, right)
        return self._answer


class StaleCosine(Cheat):
    """Answers with the cosine of the call before."""

    def __init__(self) -> None:
        super().__init__()
        self._before = 0.0

    def similarity(self, left: Any, right: Any) -> float:
        before, self._before = self._before, super().similarity(left, right)
        return before


class ConstantCosine(Cheat):
    """Takes all pictures for alike."""

    def similarity(self, left: Any, right: Any) -> float:  # noqa: ARG002 - that is the cheat
        return 1.0


def bfloat16(array: Array) -> Array:
    """Round to the 8 significant bits of bfloat16."""
    bits = array.view(np.uint32) + np.uint32(0x8000)
    return (bits & np.uint32(0xFFFF0000)).view(np.float32)


def int8(array: Array) -> Array:
    """Round to 255 steps over the vector's range."""
    step = np.abs(array).max() / np.float32(127)
    result: Array = np.round(array / step) * step
    return result


def half(array: Array) -> Array:
    """Round to the 11 significant bits of float16."""
    return array.astype(np.float16).astype(np.float32)


def with_one(value: float) -> Callable[[Array], Array]:
    """Put a value into one component."""

    def change(array: Array) -> Array:
        array[0, 3] = value
        return array

    return change


CHEATS: dict[str, tuple[Callable[[], FakeBackend], str, str]] = {
    "cached": (CachedFirst, "forward", "differs from torch's"),
    "cached-later": (lambda: CachedFirst(honest=40), "forward", "differs from torch's"),
    "cached-by-place": (CachedByPlace, "forward", "differs from torch's"),
    "constant": (lambda: Changing(np.ones_like), "forward", "differs from torch's"),
    "zeros": (lambda: Changing(np.zeros_like), "forward", "differs from torch's"),
    "truncated": (lambda: Changing(lambda a: a[:, :-1]), "forward", f"{DIM - 1}) where"),
    "padded": (lambda: Changing(lambda a: np.pad(a, ((0, 0), (0, 1)))), "forward", "9) where"),
    "nan": (lambda: Changing(with_one(np.nan)), "forward", "differs from torch's"),
    "infinite": (lambda: Changing(with_one(np.inf)), "forward", "differs from torch's"),
    "shuffled": (lambda: Changing(lambda a: np.roll(a, 1, axis=1)), "forward", "differs from"),
    "scaled": (lambda: Changing(lambda a: a * np.float32(1.001)), "forward", "cosine 1.0000000"),
    "float16": (lambda: Changing(half), "forward", "relative L2 error"),
    "bfloat16": (lambda: Changing(bfloat16), "forward", "relative L2 error"),
    "int8": (lambda: Changing(int8), "forward", "relative L2 error"),
    "stale": (Stale, "forward", "differs from torch's"),
    "right-at-first": (RightAtFirst, "forward", "differs from torch's"),
    "every-second": (EverySecond, "forward", "differs from torch's"),
    "asynchronous": (Asynchronous, "forward", "returns before its result exists"),
    "early": (Early, "forward", "differs from torch's"),
    "constant-cosine": (ConstantCosine, "similarity", "computes a cosine of"),
    "cached-cosine": (CachedCosine, "similarity", "computes a cosine of"),
    "stale-cosine": (StaleCosine, "similarity", "computes a cosine of"),
}
"""What each of them is, at which stage it is caught, and a part of the reason that is given."""

HONEST = "honest"


class CheatingRuntime(FakeRuntime):
    """Creates what the task's variant names."""

    def create(self, task: Task) -> FakeBackend:
        (kind,) = task.variants
        return Cheat() if kind == HONEST else CHEATS[kind][0]()

    def probe(self, provider: str, options: Sequence[str] = ()) -> dict[str, int]:  # noqa: ARG002
        return {provider: 1}


def main(connection: Connection) -> None:
    """Run a worker of whichever it is, one that does not wait for its times to level off."""
    vars(warmup)["MOST_BLOCKS"] = 1
    serve(connection, CheatingRuntime("right"))
