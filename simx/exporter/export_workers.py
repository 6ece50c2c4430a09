"""The workers that exports run in, seen from the parent; knows nothing of the store."""

import threading

from simx.exporter.deadline import export_seconds
from simx.exporter.messages import REPLIES, ExportDone, ExportFailed, ExportRequest
from simx.workers.launchers import launcher
from simx.workers.worker import Launcher, WorkerError

_ENTRY = "simx.exporter.job:main"


class LazyLauncher:
    """Starts the export workers' server with the first export: a full store needs none."""

    def __init__(self) -> None:
        self._launcher: Launcher | None = None
        self._lock = threading.Lock()

    def run(self, request: ExportRequest) -> ExportDone | ExportFailed:
        """Run one export in a worker of its own."""
        reply: ExportDone | ExportFailed
        try:
            with self._started().launch() as worker:
                seconds = export_seconds(request.backbone, request.embedding)
                reply = worker.request(request, REPLIES, seconds)
        except WorkerError as error:
            reply = ExportFailed("worker", f"the export worker {error}", "backbone")
        return reply

    def _started(self) -> Launcher:
        with self._lock:
            if self._launcher is None:
                self._launcher = launcher(_ENTRY)
            return self._launcher

    def close(self) -> None:
        """End the server, if one was started, and with it every worker that still runs."""
        if self._launcher is not None:
            self._launcher.close()
