"""One export inside a worker process: weights -> torch's answers -> ONNX file -> verified.

Imports torch through its neighbours; the parent only ever sees the messages. Each stage is named,
so that a failure says how far it came.
"""

import contextlib
import gc
import importlib
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from simx.exporter.jobs.messages import REQUESTS, ExportDone, ExportFailed, ExportRequest
from simx.exporter.jobs.replies import failure_of, peak_bytes
from simx.exporter.network.architecture import build_empty
from simx.exporter.network.graph import EXPORTED_BATCH, export_graph
from simx.exporter.network.heads import prepare_for_export, remove_head
from simx.exporter.store.manifest import DATA_FILE, MODEL_FILE, VERIFICATION_FILE
from simx.exporter.store.stored_files import record_of
from simx.exporter.verification.inspection import Expectation
from simx.exporter.verification.outputs import verify_export
from simx.exporter.verification.reference import (
    Reference,
    verification_batches,
    verification_pixels,
)
from simx.exporter.weights.load import load
from simx.exporter.weights.locate import Source
from simx.exporter.weights.state import fill, save_state
from simx.images.preprocessing import normalise
from simx.workers.connection import Connection

_LOADED_LATE = ("torch.export._trace", "onnxscript.function_libs.torch_lib.ops")
"""What torch's exporter loads on its way, with hundreds of modules behind it."""

# Loaded before the first worker is forked, it is shared by all of them.
for _name in _LOADED_LATE:
    with contextlib.suppress(ImportError):  # another version of the library has it elsewhere
        importlib.import_module(_name)


def main(connection: Connection) -> None:
    """Run an export worker: one request, one answer."""
    # A short-lived process: what it would collect is little, and looking for it takes a tenth of
    # the time.
    gc.disable()
    request = connection.receive(REQUESTS)
    job = _Job(request)
    try:
        reply: ExportDone | ExportFailed = job.run()
    # Whatever torch, onnx or onnxruntime raise is this backbone's failure, told to the parent.
    except Exception as error:  # noqa: BLE001
        reply = failure_of(job.stage, error)
    connection.send(reply)


class _Job:
    """One backbone on its way through the stages."""

    def __init__(self, request: ExportRequest) -> None:
        self.stage = "weights"
        self._request = request
        self._folder = Path(request.folder)

    def run(self) -> ExportDone:
        """Go through all stages.

        Raises:
            Exception: whatever stopped it; ``stage`` says where.
        """
        begun = time.monotonic()
        request, backbone = self._request, self._request.backbone
        torch.set_num_threads(request.threads)
        path = None if request.source_path is None else Path(request.source_path)
        source = Source(request.origin, path, request.source_sha256, request.seed)
        state = load(backbone, source)
        save_state(state, Path(request.weights_path))

        self.stage = "reference"
        body = self._headless(state)
        pixels = verification_pixels(backbone)
        reference = Reference(pixels, _embed(body, pixels, request))
        reference.save(self._folder / VERIFICATION_FILE)

        self.stage = "export"
        export_graph(body, backbone.preset.crop, self._folder / MODEL_FILE)
        expected = _expectation(body, request)
        del body, state

        self.stage = "verification"
        verified = verify_export(
            self._folder / MODEL_FILE,
            expected,
            reference.inputs(backbone.preset),
            reference.embeddings,
            verification_batches(len(pixels)),
            request.threads,
        )
        return ExportDone(
            weights=record_of(Path(request.weights_path)),
            files={path.name: record_of(path) for path in sorted(self._folder.iterdir())},
            embedding_dim=reference.embeddings.shape[1],
            parity=verified.parity,
            batches=verified.batches,
            seconds=time.monotonic() - begun,
            peak_bytes=peak_bytes(),
            margin=verified.margin,
            reference_margin=verified.reference_margin,
        )

    def _headless(self, state: dict[str, torch.Tensor]) -> torch.nn.Module:
        model = build_empty(self._request.backbone)
        fill(model, state)
        return prepare_for_export(remove_head(model, self._request.embedding))


def _expectation(body: torch.nn.Module, request: ExportRequest) -> Expectation:
    backbone = request.backbone
    return Expectation(
        batch=EXPORTED_BATCH,
        crop=backbone.preset.crop,
        dim=backbone.embedding_dims.of(request.embedding),
        weights=tuple(tuple(parameter.shape) for parameter in body.parameters()),
        data_file=DATA_FILE,
    )


def _embed(
    body: torch.nn.Module, pixels: npt.NDArray[np.uint8], request: ExportRequest
) -> npt.NDArray[np.float32]:
    """Return torch's embeddings of the verification pictures, [N, D], one picture at a time."""
    inputs = torch.from_numpy(normalise(pixels, request.backbone.preset))
    with torch.inference_mode():
        rows = [body(inputs[row : row + 1]) for row in range(len(inputs))]
    embeddings: npt.NDArray[np.float32] = torch.cat(rows).numpy()
    expected = request.backbone.embedding_dims.of(request.embedding)
    if embeddings.shape[1] != expected:
        raise ValueError(
            f"the embedding has {embeddings.shape[1]} dimensions, the catalogue says {expected}"
        )
    if not np.isfinite(embeddings).all():
        raise ValueError("torch's own embedding holds values that are not finite")
    return embeddings
