"""The processes that exports run in, seen from the parent; knows nothing of the store."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack

from simx.exporter.jobs.plan import REPLIES, ExportDone, ExportRequest, NotExported, network_of
from simx.models.backbone import Backbone, EmbeddingKind
from simx.workers.forking import launcher
from simx.workers.worker import Launcher, Worker, WorkerError

SLOWEST_GMACS = 0.5
"""1e9 multiply-accumulates a second of the slowest supported machine: a quarter of a small board's
single thread. Two cores of a server do 20 to 100."""

SLOWEST_READING = 5e6
"""Bytes of weights a second that the slowest supported machine reads, from a slow network disk."""

_TRANSLATION_SECONDS = 1800.0
"""For tracing and translating, which no figure of the catalogue predicts: twenty times what the
largest network takes on one core of a server."""

_CALLS = 14
"""torch's answers to four pictures, ONNX Runtime's at two batch sizes, and four in float16, which
are in a worker of their own and slower."""

_CALLS_OF_INT8 = 1000
"""Two for each of 128 pictures of calibration, and twelve for each of 64 graphs that are tried."""

_READINGS = 8
"""Weights are made or read, written, put into a graph, written, hashed, and loaded from it."""

_MOST_SECONDS = 4 * 3600.0


class ExportWorkers:
    """Runs each export in a worker of its own, but those of one network in one worker.

    May be used from several threads, by one at a time for each network. The server of a kind of
    worker starts with the first export of that kind: a full store needs none.
    """

    def __init__(self) -> None:
        self._launchers: dict[str, Launcher] = {}
        self._expected: Counter[str] = Counter()
        self._kept: dict[str, Worker] = {}
        self._lock = threading.Lock()
        self._is_closed = False

    def expect(self, networks: Iterable[str | None]) -> None:
        """Announce the networks of the exports that follow; a worker is kept for the next one."""
        self._expected = Counter(filter(None, networks))

    def settled(self, network: str | None) -> None:
        """Let the worker of a network go with the last of its exports."""
        if network is not None:
            self._expected[network] -= 1
            if self._expected[network] <= 0 and (kept := self._kept.pop(network, None)):
                kept.close()

    def run(self, request: ExportRequest) -> ExportDone | NotExported:
        """Run one export; one that takes far too long is ended.

        If it fails in a worker that has made another, it is made anew in one of its own.
        """
        order = request.order
        # Only the last imports torch.
        own = "from_weights" if order.backbone.file is None else "from_onnx"
        module = own if order.full is None else "from_fp32"
        if kept := self._kept.pop(network_of(order.backbone) or "", None):
            reply = self._answer(request, lambda: kept)
            if isinstance(reply, ExportDone) or reply.blame != "backbone":
                return reply
        entry = f"simx.exporter.jobs.{module}:main"
        return self._answer(request, lambda: self._launcher(entry).launch())

    def _answer(
        self, request: ExportRequest, start: Callable[[], Worker]
    ) -> ExportDone | NotExported:
        order, network = request.order, network_of(request.order.backbone)
        calls = _CALLS_OF_INT8 if order.identity.precision == "int8" else _CALLS
        seconds = export_seconds(order.backbone, order.identity.embedding, calls)
        try:
            with ExitStack() as unless_kept:
                worker = unless_kept.enter_context(start())
                reply = worker.request(request, REPLIES, seconds)
                if network and self._expected[network] > 1 and isinstance(reply, ExportDone):
                    self._kept[network] = worker
                    unless_kept.pop_all()
                return reply
        except WorkerError as error:
            return NotExported(
                backbone=order.backbone,
                precision=order.identity.precision,
                stage="worker",
                reason=f"the export worker {error}",
                weights_origin=order.identity.weights_origin,
            )

    def _launcher(self, entry: str) -> Launcher:
        with self._lock:
            if self._is_closed:
                raise WorkerError("was not started: all exports are being ended")
            if entry not in self._launchers:
                self._launchers[entry] = launcher(entry)
            return self._launchers[entry]

    def close(self) -> None:
        """End the servers, and with them every worker that still runs."""
        with self._lock:
            self._is_closed = True
        for worker in list(self._kept.values()):  # threads of exports may still change it
            worker.close()
        for each in self._launchers.values():
            each.close()


def export_seconds(backbone: Backbone, embedding: EmbeddingKind, calls: int = _CALLS) -> float:
    """Return how long an export may take; far more than a slow machine needs."""
    computing = calls * backbone.embedding_gmacs.of(embedding) / SLOWEST_GMACS
    reading = _READINGS * 4 * backbone.params / SLOWEST_READING
    return min(_MOST_SECONDS, _TRANSLATION_SECONDS + computing + reading)
