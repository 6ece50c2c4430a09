"""The processes that exports run in, seen from the parent; knows nothing of the store."""

import threading

from simx.exporter.jobs.deadline import export_seconds
from simx.exporter.jobs.orders import REPLIES, ExportDone, ExportRequest
from simx.exporter.jobs.plan import NotExported
from simx.workers.forking import launcher
from simx.workers.worker import Launcher, WorkerError


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
        order = request.order
        seconds = export_seconds(order.backbone, order.identity.embedding)
        # Only the first imports torch.
        module = "from_weights" if order.full is None else "from_fp32"
        try:
            with self._launcher(f"simx.exporter.jobs.{module}:main").launch() as worker:
                return worker.request(request, REPLIES, seconds)
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
        for each in self._launchers.values():
            each.close()
