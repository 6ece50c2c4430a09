"""The processes that exports run in, seen from the parent; knows nothing of the store."""

import threading

from simx.exporter.jobs.deadline import export_seconds
from simx.exporter.jobs.messages import REPLIES, ExportDone, ExportRequest, FromFp32, FromWeights
from simx.exporter.jobs.plan import NotExported
from simx.workers.forking import launcher
from simx.workers.worker import Launcher, WorkerError

_ENTRIES: dict[type[FromWeights | FromFp32], str] = {
    FromWeights: "simx.exporter.jobs.from_weights:main",
    FromFp32: "simx.exporter.jobs.from_fp32:main",
}
"""What a worker runs; only the first imports torch."""


class ExportWorkers:
    """Runs each export in a worker of its own; may be used from several threads.

    The server of a kind of worker starts with the first export of that kind: a full store needs
    none.
    """

    def __init__(self) -> None:
        self._launchers: dict[str, Launcher] = {}
        self._lock = threading.Lock()
        self._is_closed = False

    def run(self, request: ExportRequest) -> ExportDone | NotExported:
        """Run one export; one that takes far too long is ended."""
        seconds = export_seconds(request.backbone, request.embedding)
        try:
            with self._launcher(_ENTRIES[type(request.source)]).launch() as worker:
                return worker.request(request, REPLIES, seconds)
        except WorkerError as error:
            return NotExported(
                backbone=request.backbone,
                precision=request.precision,
                stage="worker",
                reason=f"the export worker {error}",
                weights_origin=request.weights_origin,
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
        for each in self._launchers.values():
            each.close()
