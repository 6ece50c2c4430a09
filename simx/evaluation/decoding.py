"""Decodes pictures in parallel, in workers; a picture that ends its worker costs only itself."""

import queue
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Self

from simx.common.errors import SystemFailureError
from simx.results.schema.report import Failure
from simx.runner.bench.reading import READER
from simx.runner.bench.schedule import USUAL
from simx.runner.measure.messages import decoder
from simx.runner.measure.picture_messages import CropRead, ReadCrop
from simx.workers.forking import launcher
from simx.workers.worker import Worker, WorkerError, close_workers

_Answer = CropRead | Failure


class Decoders:
    """Workers that read pictures ahead of their use.

    Args:
        count: How many there are.
        entry: What each of them runs.
    """

    def __init__(self, count: int, entry: str = READER) -> None:
        self.count = count
        self.launcher = launcher(entry)
        self._idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        for _ in range(count):
            self._idle.put(self.launcher.launch())
        self._threads = ThreadPoolExecutor(count)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # Threads that wait for a worker go on when it ends.
        self.launcher.close()
        self._threads.shutdown(cancel_futures=True)
        close_workers((self._idle.get_nowait() for _ in range(self._idle.qsize())), at_once=True)

    def read(self, requests: Iterable[ReadCrop], ahead: int) -> Iterator[_Answer]:
        """Yield the answer to each request, in order; so many are read ahead."""
        waiting: deque[Future[_Answer]] = deque()
        for request in requests:
            waiting.append(self._threads.submit(self._read, request))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        for answer in waiting:
            yield answer.result()

    def _read(self, request: ReadCrop) -> _Answer:
        worker = self._idle.get()
        try:
            reply: _Answer = worker.request(request, decoder(CropRead), USUAL.of_pictures)
        except WorkerError as error:
            worker.close()
            worker = self.launcher.launch()
            reply = Failure(stage="pictures", reason=f"its decoder {error}")
        finally:
            self._idle.put(worker)
        return reply


@contextmanager
def decoding(count: int) -> Iterator[Decoders]:
    """Yield so many decoders, or raise SystemFailureError where they cannot run."""
    try:
        with Decoders(count) as decoders:
            yield decoders
    except WorkerError as error:
        raise SystemFailureError(f"pictures cannot be decoded here: {error}") from None
