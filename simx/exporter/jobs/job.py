"""One export inside a worker process: a graph and torch's answers are made, then verified.

What makes them is given: ``from_weights``, which needs torch, or ``from_fp32``, which does not.
Each stage is named, so that a failure says how far it came. Imports no torch.
"""

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from simx.common.errors import InputError, SimxError, SystemFailureError, disk_failure
from simx.exporter.jobs.messages import REQUESTS, ExportDone, ExportRequest
from simx.exporter.jobs.plan import Blame, NotExported
from simx.exporter.store.manifest import MODEL_FILE, FileRecord
from simx.exporter.store.stored_files import record_of
from simx.exporter.verification.inspection import Expectation
from simx.exporter.verification.outputs import VerificationError, verify_export
from simx.exporter.verification.reference import Reference
from simx.results.statistics.parity import bounds_of
from simx.workers.connection import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What lies in an export's folder, still unverified.

    ``reference`` is the verification input with torch's answers, ``expected`` what the graph has
    to be, and ``weights`` the state dict that it was made from.
    """

    reference: Reference
    expected: Expectation
    weights: FileRecord


Stage = Callable[[str], None]
"""Notes the name of the stage that begins."""

Make = Callable[[ExportRequest, Stage], Made]
"""Writes the graph, and torch's answers, into a request's folder."""


def answer(connection: Connection, make: Make) -> None:
    """Run an export worker: one request, one answer."""
    request = connection.receive(REQUESTS)
    stages = ["start"]
    try:
        reply: ExportDone | NotExported = _export(request, make, stages.append)
    # Whatever torch, onnx or onnxruntime raise is this backbone's failure, and sent to the parent.
    except Exception as error:  # noqa: BLE001
        reply = failure_of(request, stages[-1], error)
    connection.send(reply)


def _export(request: ExportRequest, make: Make, stage: Stage) -> ExportDone:
    begun = time.monotonic()
    folder = Path(request.folder)
    made = make(request, stage)
    stage("verification")
    verified = verify_export(
        folder / MODEL_FILE,
        made.expected,
        made.reference.inputs(request.backbone.preset),
        made.reference.embeddings,
        request.threads,
        bounds_of(request.precision),
    )
    return ExportDone(
        files={path.name: record_of(path) for path in sorted(folder.iterdir())},
        weights=made.weights,
        embedding_dim=made.reference.embeddings.shape[1],
        verified=verified,
        seconds=time.monotonic() - begun,
        peak_bytes=_peak_bytes(),
    )


def _peak_bytes() -> int:
    """Return the most memory that this process has had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def failure_of(request: ExportRequest, stage: str, error: Exception) -> NotExported:
    """Return the record of what stopped an export, with the figures that verification found."""
    return NotExported(
        backbone=request.backbone,
        precision=request.precision,
        stage=stage,
        reason=_reason(error),
        blame=_blame(error),
        weights_origin=request.weights_origin,
        verified=error.found if isinstance(error, VerificationError) else None,
    )


def _blame(error: Exception) -> Blame:
    if isinstance(error, InputError):
        return "input"
    return "system" if isinstance(error, SystemFailureError) or disk_failure(error) else "backbone"


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else "no message"
    named = isinstance(error, SimxError | VerificationError)
    return text if named else f"{type(error).__name__}: {text}"
