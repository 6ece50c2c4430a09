"""One export in a worker process: a graph and torch's answers are made, then verified.

``from_weights`` makes them with torch, ``from_fp32`` and ``from_onnx`` without. Imports no torch.
"""

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import UNSET, UnsetType

from simx.common.errors import InputError, SimxError, SystemFailureError, disk_failure
from simx.exporter.jobs.plan import REQUESTS, Blame, ExportDone, ExportRequest, NotExported, Order
from simx.exporter.store.cache_key import RECIPE, library_versions
from simx.exporter.store.entry import record_of
from simx.exporter.store.manifest import MODEL_FILE, FileRecord, Manifest, Quantised
from simx.exporter.verification.inspection import Expectation
from simx.exporter.verification.outputs import VerificationError, verify_export
from simx.exporter.verification.reference import Reference
from simx.exporter.weights.file_reading import FileReading
from simx.results.statistics.parity import amplified_rounding, bounds_of
from simx.workers.connection import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """An export that is not yet verified.

    ``reference`` is the verification input with torch's answers, ``expected`` what the graph has
    to be (None for a user's own graph), and ``weights`` its state dict. ``full`` is the manifest of
    the fp32 export that another precision was made from. ``own_error`` computes how far torch's
    answers are from its own in float64, where there is torch. ``file_reading`` says how a weights
    file was read, ``quantised`` how int8 was made.
    """

    reference: Reference
    expected: Expectation | None
    weights: FileRecord
    full: Manifest | None = None
    own_error: Callable[[], float] | None = None
    file_reading: FileReading | UnsetType = UNSET
    quantised: Quantised | UnsetType = UNSET


Stage = Callable[[str], None]
"""Notes the name of the stage that begins, for the report of a failure."""

Make = Callable[[ExportRequest, Stage], Made]
"""Writes the graph, and torch's answers, into a request's folder."""


def answer(connection: Connection, make: Make) -> None:
    """Run an export worker: one request, one answer."""
    request = connection.receive(REQUESTS)
    stages = ["start"]
    try:
        reply: ExportDone | NotExported = ExportDone(_export(request, make, stages.append))
    # Any error of torch, onnx or onnxruntime is this backbone's failure; the parent gets it.
    except Exception as error:  # noqa: BLE001
        reply = failure_of(request.order, stages[-1], error)
    connection.send(reply)


def _export(request: ExportRequest, make: Make, stage: Stage) -> Manifest:
    begun = time.monotonic()
    order, folder = request.order, Path(request.folder)
    made = make(request, stage)
    stage("verification")
    bounds = bounds_of(order.identity.precision)
    try:
        verified = verify_export(
            folder / MODEL_FILE,
            made.expected,
            made.reference.inputs(order.backbone.preset),
            made.reference.embeddings,
            request.threads,
            bounds,
        )
    except VerificationError as error:
        if error.found is None or made.own_error is None:
            raise
        text = amplified_rounding(made.own_error(), bounds)
        raise VerificationError(text or str(error), error.found) from error
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    before = made.full
    is_pretrained = order.identity.weights_origin == "pretrained"
    return Manifest(
        identity=order.identity,
        source=order.source,
        license=(order.backbone.license or UNSET) if is_pretrained else UNSET,
        file_reading=before.file_reading if before else made.file_reading,
        made_from=before.graph_sha256 if before else None,
        quantised=made.quantised,
        preset=before.preset if before else order.backbone.preset,
        embedding_dim=made.reference.embeddings.shape[1],
        weights=made.weights,
        files={path.name: record_of(path) for path in sorted(folder.iterdir())},
        recipe=before.recipe if before else RECIPE,
        versions={**(before.versions if before else {}), **library_versions()},
        created=datetime.now(UTC).isoformat(timespec="microseconds"),
        seconds=time.monotonic() - begun,
        peak_bytes=peak if sys.platform == "darwin" else 1024 * peak,
        **msgspec.structs.asdict(verified),
    )


def failure_of(order: Order, stage: str, error: Exception) -> NotExported:
    """Return the record of what stopped an export, with the figures that verification found."""
    blame: Blame = "backbone"
    if isinstance(error, InputError):
        blame = "input"
    elif isinstance(error, SystemFailureError) or disk_failure(error):
        blame = "system"
    lines = str(error).strip().splitlines() or ["no message"]
    named = isinstance(error, SimxError | VerificationError)
    return NotExported(
        backbone=order.backbone,
        precision=order.identity.precision,
        stage=stage,
        reason=("" if named else f"{type(error).__name__}: ") + lines[0].strip(),
        blame=blame,
        weights_origin=order.identity.weights_origin,
        verified=error.found if isinstance(error, VerificationError) else None,
    )
