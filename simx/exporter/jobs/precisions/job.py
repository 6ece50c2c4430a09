"""Making another precision inside a worker process: fp32 graph -> converted -> verified.

Needs onnx and onnxruntime, and no torch: the answers to verify with lie beside the fp32 graph.
"""

import time
from pathlib import Path

from simx.exporter.jobs.messages import REDUCE_REQUESTS, ExportFailed, ReduceDone, ReduceRequest
from simx.exporter.jobs.precisions.calibration import calibration_pixels
from simx.exporter.jobs.precisions.conversion import to_float16, to_int8
from simx.exporter.jobs.replies import failure_of, peak_bytes
from simx.exporter.store.manifest import DATA_FILE, MODEL_FILE, VERIFICATION_FILE
from simx.exporter.store.stored_files import copy_as_recorded, record_of
from simx.exporter.verification.inspection import Expectation
from simx.exporter.verification.outputs import verify_reduced
from simx.exporter.verification.reference import load_reference, verification_batches
from simx.images.preprocessing import normalise
from simx.results.statistics.parity import bounds_of
from simx.workers.connection import Connection


def main(connection: Connection) -> None:
    """Run a worker: one request, one answer."""
    request = connection.receive(REDUCE_REQUESTS)
    job = _Job(request)
    try:
        reply: ReduceDone | ExportFailed = job.run()
    # Whatever onnx or onnxruntime raise is this backbone's failure, told to the parent.
    except Exception as error:  # noqa: BLE001
        reply = failure_of(job.stage, error)
    connection.send(reply)


class _Job:
    """One export on its way to another precision."""

    def __init__(self, request: ReduceRequest) -> None:
        self.stage = "conversion"
        self._request = request
        self._folder = Path(request.folder)

    def run(self) -> ReduceDone:
        """Convert and verify.

        Raises:
            Exception: whatever stopped it; ``stage`` says where.
        """
        begun = time.monotonic()
        request, source = self._request, Path(self._request.source)
        path, answers = self._folder / MODEL_FILE, request.files[VERIFICATION_FILE]
        self._convert(source / MODEL_FILE, path)
        copy_as_recorded(source / VERIFICATION_FILE, answers, self._folder / VERIFICATION_FILE)

        self.stage = "verification"
        reference = load_reference(self._folder / VERIFICATION_FILE, answers)
        dim = reference.embeddings.shape[1]
        verified = verify_reduced(
            path,
            Expectation(
                batch=0,
                crop=request.backbone.preset.crop,
                dim=dim,
                weights=(),
                data_file=DATA_FILE,
            ),
            reference.inputs(request.backbone.preset),
            reference.embeddings,
            verification_batches(len(reference.pixels)),
            request.threads,
            bounds_of(request.precision),
        )
        return ReduceDone(
            files={each.name: record_of(each) for each in sorted(self._folder.iterdir())},
            embedding_dim=dim,
            parity=verified.parity,
            batches=verified.batches,
            margin=verified.margin,
            reference_margin=verified.reference_margin,
            seconds=time.monotonic() - begun,
            peak_bytes=peak_bytes(),
        )

    def _convert(self, source: Path, path: Path) -> None:
        if self._request.precision == "fp16":
            to_float16(source, path)
        else:
            preset = self._request.backbone.preset
            pixels = calibration_pixels(self._request.backbone)
            to_int8(source, path, (normalise(each[None], preset) for each in pixels))
