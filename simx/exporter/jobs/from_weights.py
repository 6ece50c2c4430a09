"""An export of a network with its weights, in fp32: weights -> torch's answers -> ONNX file.

Imports torch; runs inside an export worker only.
"""

import contextlib
import functools
import gc
import importlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from msgspec import UNSET
from torch import nn

from simx.common.errors import InputError
from simx.exporter.jobs.job import Made, Stage, answer
from simx.exporter.jobs.plan import ExportRequest, Order
from simx.exporter.network.architecture import build_empty
from simx.exporter.network.graph import EXPORTED_BATCH, TracedNetwork, export_graph
from simx.exporter.network.heads import prepare_for_export, remove_head
from simx.exporter.store.entry import record_of
from simx.exporter.store.manifest import MODEL_FILE, VERIFICATION_FILE
from simx.exporter.verification.inspection import Expectation
from simx.exporter.verification.outputs import VerificationError
from simx.exporter.verification.pictures import verification_pixels
from simx.exporter.verification.reference import Reference
from simx.exporter.verification.rounding import float32_error
from simx.exporter.weights.load import load
from simx.exporter.weights.state import fill, load_state, save_state
from simx.images.normalisation import normalise
from simx.workers.connection import Connection

# torch's exporter loads these late, with hundreds of modules. Loaded before the first worker is
# forked, all workers share them. Another version of the library has them elsewhere.
for _name in ("torch.export._trace", "onnxscript.function_libs.torch_lib.ops"):
    with contextlib.suppress(ImportError):
        importlib.import_module(_name)


def main(connection: Connection) -> None:
    """Run an export worker: networks that differ in their weights alone are traced once."""
    # The process is short-lived; collecting garbage frees little and takes a tenth of the time.
    gc.disable()
    traces: list[TracedNetwork] = []
    with contextlib.suppress(EOFError):
        while True:
            answer(connection, functools.partial(make, traces=traces))


def make(request: ExportRequest, stage: Stage, traces: list[TracedNetwork]) -> Made:
    """Write a backbone's graph, torch's answers and the state dict.

    ``traces`` has the trace of the export before, if there is one, and gets this one's.

    Raises:
        Exception: the libraries' own errors; the stage that was named last has failed.
    """
    order, folder, state_path = request.order, Path(request.folder), Path(request.state_path)
    backbone = order.backbone
    stage("weights")
    torch.set_num_threads(request.threads)
    assert order.weights is not None  # noqa: S101 - this entry is for such orders
    state, file_reading = load(backbone, order.identity.embedding, order.weights)
    save_state(state, state_path)

    stage("reference")
    body = _headless(state, order)
    pixels = verification_pixels(backbone)
    reference = Reference(pixels, _embed(body, pixels, order))
    reference.save(folder / VERIFICATION_FILE)

    stage("export")
    path = folder / MODEL_FILE
    traces[:] = [export_graph(body, backbone.preset.crop, path, *traces)]
    expected = Expectation(
        batch=EXPORTED_BATCH,
        crop=backbone.preset.crop,
        dim=reference.embeddings.shape[1],
        weights=tuple(tuple(parameter.shape) for parameter in body.parameters()),
    )

    def own_error() -> float:
        # Made again, because a module that is kept would take memory during verification.
        again = _headless(load_state(state_path), order)
        return float32_error(again, reference.inputs(backbone.preset)[:, np.newaxis])

    return Made(
        reference=reference,
        expected=expected,
        weights=record_of(state_path),
        own_error=own_error,
        file_reading=file_reading if file_reading.text() else UNSET,
    )


def _headless(state: dict[str, torch.Tensor], order: Order) -> nn.Module:
    model = build_empty(order.backbone)
    fill(model, state)
    return prepare_for_export(remove_head(model, order.identity.embedding))


def _embed(body: nn.Module, pixels: npt.NDArray[np.uint8], order: Order) -> npt.NDArray[np.float32]:
    """Return torch's embeddings of the verification pictures, [N, D], one picture at a time."""
    inputs = torch.from_numpy(normalise(pixels, order.backbone.preset))
    with torch.inference_mode():
        rows = [body(inputs[row : row + 1]) for row in range(len(inputs))]
    embeddings: npt.NDArray[np.float32] = torch.cat(rows).numpy()
    expected = order.backbone.embedding_dims.of(order.identity.embedding)
    if embeddings.shape[1] != expected:
        raise ValueError(
            f"the embedding has {embeddings.shape[1]} dimensions, the catalogue says {expected}"
        )
    if not np.isfinite(embeddings).all():
        problem = f"torch's own embedding is not finite: {_overflowing(body, inputs)}"
        if order.weights is not None and order.weights.origin == "file":
            raise InputError(f"weights file {order.weights.path}: {problem}; use other weights")
        raise VerificationError(problem)
    return embeddings


def _overflowing(body: nn.Module, inputs: torch.Tensor) -> str:
    """Name the first layer whose result is not finite."""
    names: list[str] = []

    def look(name: str, result: object) -> None:
        if isinstance(result, torch.Tensor) and not result.isfinite().all():
            names.append(name)

    for name, module in body.named_modules():
        if not list(module.children()):
            module.register_forward_hook(lambda _, __, result, name=name: look(name, result))
    with torch.inference_mode():
        body(inputs)
    return f"{names[0] if names else 'a function of the network'} leaves float32's range"
