"""Processes that export into one store, and processes that load what they find there.

Run as ``python -m tests.faults.exporting ROLE STORE SEED SECONDS KIND``. With the kind ``real``
exports are torch's and loads are ONNX Runtime's; with ``fake`` an export writes files that say
whose they are. Prints what it has done, as JSON.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import msgspec
import numpy as np

from simx.exporter.jobs.export import export
from simx.exporter.jobs.export_workers import ExportWorkers
from simx.exporter.jobs.plan import ExportDone, Exported, ExportPlan, ExportRequest
from simx.exporter.store.cache_key import library_versions
from simx.exporter.store.entry import Entry, confined, record_of
from simx.exporter.store.manifest import (
    INPUT_NAME,
    MODEL_FILE,
    OUTPUT_NAME,
    VERIFICATION_FILE,
)
from simx.exporter.store.pruning import prune
from simx.exporter.store.store import Store
from simx.exporter.verification.reference import Reference, load_reference
from simx.exporter.weights.request import WeightsRequest
from simx.models.backbone import Backbone
from simx.models.catalogue import load
from simx.results.statistics.parity import worst_parity
from tests.faults.documents import manifest

BACKBONES = tuple(each for each in load() if each.name in {"squeezenet1_1", "mnasnet0_5"})
SEEDS_A_SECOND = {"fake": 3.0, "real": 0.1}
"""How fast there is something new to export; everybody draws from what there is."""


class Done(msgspec.Struct, frozen=True):
    """What a process has done: exports made, exports taken from others, or entries loaded."""

    made: int = 0
    taken: int = 0
    loaded: int = 0


def mark(model: str, source: str) -> bytes:
    """Return what every file of a fake export is made of."""
    return f"{model} {source}; ".encode()


def write_fake(_self: ExportWorkers, request: ExportRequest) -> ExportDone:
    """Do a worker's job with files that say whose they are, slowly enough to be met in the act."""
    order, folder, weights = request.order, Path(request.folder), Path(request.state_path)
    assert order.full is None
    content = mark(order.backbone.model, order.source) * 1000
    (folder / MODEL_FILE).write_bytes(content)
    pixels = np.frombuffer(content[: 2 * 8 * 8 * 3], np.uint8).reshape(2, 8, 8, 3)
    time.sleep(0.02)
    Reference(pixels, np.ones((2, 5), np.float32)).save(folder / VERIFICATION_FILE)
    weights.write_bytes(content)
    return ExportDone(
        msgspec.structs.replace(
            manifest(order.backbone),
            identity=order.identity,
            source=order.source,
            weights=record_of(weights),
            files={path.name: record_of(path) for path in sorted(folder.iterdir())},
            embedding_dim=5,
            versions=dict(library_versions()),
            peak_bytes=1000,
        )
    )


def until(seconds: float) -> Iterator[float]:
    """Yield the seconds that have passed, until they are over."""
    begun = time.monotonic()
    while (passed := time.monotonic() - begun) < seconds:
        yield passed


def export_all_the_while(store: Store, chance: Random, seconds: float, kind: str) -> Done:
    """Export what others export too, most of the time."""
    if kind == "fake":
        ExportWorkers.run = write_fake  # type: ignore[method-assign,assignment]
    made = taken = 0
    for passed in until(seconds):
        seed = chance.randrange(1 + int(passed * SEEDS_A_SECOND[kind]))
        plan = ExportPlan(
            embedding="pooled", request=WeightsRequest("random"), threads=1, seed=seed
        )
        for outcome in export(BACKBONES, store, plan):
            assert isinstance(outcome, Exported), outcome
            made += outcome.fresh
            taken += not outcome.fresh
    return Done(made=made, taken=taken)


def load_all_the_while(store: Store, chance: Random, seconds: float, kind: str) -> Done:
    """Find and load entries; what was found once is never gone, and no entry is of two exports."""
    seen: set[Path] = set()
    loaded = 0
    for _ in until(seconds):
        held = [(each, entry) for each in BACKBONES for entry in store.held(each, "pooled")]
        folders = {entry.folder for _, entry in held}
        assert seen <= folders, f"{seen - folders} are gone"
        seen = folders
        if not held:
            time.sleep(0.1)
            continue
        backbone, entry = chance.choice(held)
        with confined(entry.folder, entry.manifest.graph_files) as folder:
            record = entry.manifest.files[VERIFICATION_FILE]
            reference = load_reference(entry.verification_path, record)
            check = check_fake if kind == "fake" else check_real
            check(backbone, entry, folder / MODEL_FILE, reference)
        loaded += 1
    return Done(loaded=loaded)


def check_fake(backbone: Backbone, entry: Entry, model: Path, reference: Reference) -> None:
    """Look for the mark in every file."""
    content = mark(backbone.model, entry.manifest.source) * 1000
    assert model.read_bytes() == content
    assert reference.pixels.tobytes() == content[: reference.pixels.size]
    with confined(entry.weights_path.parent, {entry.weights_path.name: entry.manifest.weights}):
        assert entry.weights_path.read_bytes() == content


def check_real(backbone: Backbone, entry: Entry, model: Path, reference: Reference) -> None:
    """Run the graph: with other weights its answers would be other ones than those stored."""
    import onnxruntime  # noqa: PLC0415 - takes a second, and fakes need none

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options)
    inputs = reference.inputs(backbone.preset)[:1]
    (answers,) = session.run([OUTPUT_NAME], {INPUT_NAME: inputs})
    parity = worst_parity(zip(answers, reference.embeddings[:1], strict=True))
    assert parity.cosine > 0.99999, (entry.folder, parity)


def prune_all_the_while(store: Store, _chance: Random, seconds: float, _kind: str) -> Done:
    """Prune a store in which everything is needed."""
    for _ in until(seconds):
        removed = [each for each in prune(store, load()) if each.status == "removed"]
        assert removed == [], removed
        time.sleep(0.5)
    return Done()


ROLES = {"export": export_all_the_while, "load": load_all_the_while, "prune": prune_all_the_while}

if __name__ == "__main__":
    role, root, number, seconds, kind = sys.argv[1:]
    done = ROLES[role](Store(Path(root)), Random(int(number)), float(seconds), kind)
    sys.stdout.write(msgspec.json.encode(done).decode())
