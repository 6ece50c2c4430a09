"""Whether the exports of timm's backbones compute what timm computes.

Each backbone is exported with random weights, unless the store holds that. A row shows its parity
as the manifest has it, and the worst relative L2 difference over three pictures of noise, in one
batch, between ONNX Runtime and timm in two ways that have nothing to do with simx's head removal: a
network that was built with ``num_classes=0``, and the classifier's ``forward_head`` with
``pre_logits``.

    python -m benchmarks.timm_parity [--store DIR] [SELECT...]
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from simx.exporter.jobs.export import export
from simx.exporter.jobs.plan import Exported, ExportPlan
from simx.exporter.store.entry import Entry
from simx.exporter.store.store import Store
from simx.exporter.weights.request import WeightsRequest
from simx.exporter.weights.state import load_state
from simx.models.backbone import TIMM_PREFIX, Backbone
from simx.models.catalogue import load
from simx.models.selection import Selection, select

MOST_ERROR = 1e-4

Array = NDArray[np.float32]


def main() -> int:
    """Print a row for each backbone, and return the process's exit status."""
    parser = argparse.ArgumentParser(description="Compare exports with timm's own networks.")
    parser.add_argument("--store", type=Path, default=Path(".simx/store"))
    parser.add_argument("select", nargs="*", default=["timm:*"])
    options = parser.parse_args()
    backbones = select(Selection(names=tuple(options.select)), load())
    plan = ExportPlan(embedding="pooled", request=WeightsRequest("random"), threads=2)
    print("| backbone | GFLOPS | D | cosine | L2 | L2, num_classes=0 | L2, pre_logits |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    failures = 0
    for outcome in export(backbones, Store(options.store), plan):
        if not isinstance(outcome, Exported):
            print(f"| {outcome.backbone.name} | {outcome.stage}: {outcome.reason} |")
            failures += 1
            continue
        entry, backbone = outcome.entry, outcome.backbone
        errors = differences(backbone, entry)
        failures += max(errors) > MOST_ERROR
        parity = entry.manifest.parity
        print(
            f"| {backbone.name.removeprefix(TIMM_PREFIX)} | {backbone.gflops:.2f} "
            f"| {entry.manifest.embedding_dim} | {parity.cosine:.7f} | {parity.relative_l2:.0e} "
            f"| {errors[0]:.0e} | {errors[1]:.0e} |",
            flush=True,
        )
    print(f"\n{len(backbones)} backbones, {failures} failures")
    return 1 if failures else 0


def differences(backbone: Backbone, entry: Entry) -> tuple[float, float]:
    """Return the relative L2 differences from timm's two ways."""
    images = np.random.default_rng(1).normal(size=(3, 3, *2 * (backbone.preset.crop,)))
    images = images.astype(np.float32)
    session = onnxruntime.InferenceSession(entry.model_path, providers=["CPUExecutionProvider"])
    (exported,) = session.run(None, {"image": images})
    headless, classifier = built(backbone, entry, num_classes=0), built(backbone, entry)
    with torch.inference_mode():
        inputs = torch.from_numpy(images)
        without = headless(inputs)
        before = classifier.forward_head(classifier.forward_features(inputs), pre_logits=True)
    return relative(exported, without.numpy()), relative(exported, before.numpy())


def built(backbone: Backbone, entry: Entry, **options: int) -> Any:  # noqa: ANN401 - timm is untyped
    """Build a network by timm alone, with the weights that were exported."""
    import timm  # noqa: PLC0415 - an extra

    name = f"{backbone.model.removeprefix(TIMM_PREFIX)}.{backbone.weights}"
    model = timm.create_model(name, pretrained=False, **options)
    state = load_state(entry.weights_path)
    model.load_state_dict({name: state[name] for name in model.state_dict()})
    return model.eval()


def relative(found: Array, expected: Array) -> float:
    """Return the worst relative L2 difference of rows."""
    lengths = np.linalg.norm(expected, axis=1)
    return float((np.linalg.norm(found - expected, axis=1) / lengths).max())


if __name__ == "__main__":
    sys.exit(main())
