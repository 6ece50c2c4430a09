"""The workers that exports run in, seen from the parent; knows nothing of the store."""

import threading
from typing import Generic, TypeVar

import msgspec

from simx.exporter.jobs.deadline import export_seconds
from simx.exporter.jobs.messages import ExportFailed, ExportRequest, ReduceRequest
from simx.workers.forking import launcher
from simx.workers.worker import Launcher, WorkerError

T = TypeVar("T")


class LazyLauncher(Generic[T]):
    """Starts the workers' server with the first export: a full store needs none.

    Args:
        entry: what its workers run.
        replies: reads what they answer.
    """

    def __init__(self, entry: str, replies: msgspec.msgpack.Decoder[T | ExportFailed]) -> None:
        self._entry = entry
        self._replies = replies
        self._launcher: Launcher | None = None
        self._lock = threading.Lock()

    def run(self, request: ExportRequest | ReduceRequest) -> T | ExportFailed:
        """Run one export in a worker of its own."""
        seconds = export_seconds(request.backbone, request.embedding)
        try:
            with self._started().launch() as worker:
                return worker.request(request, self._replies, seconds)
        except WorkerError as error:
            return ExportFailed("worker", f"the export worker {error}", "backbone")

    def _started(self) -> Launcher:
        with self._lock:
            if self._launcher is None:
                self._launcher = launcher(self._entry)
            return self._launcher

    def close(self) -> None:
        """End the server, if one was started, and with it every worker that still runs."""
        if self._launcher is not None:
            self._launcher.close()
