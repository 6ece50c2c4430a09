"""How long ``simx export --all`` takes where the store has everything already.

The store is filled with entries of made-up content, for what is in the files is not looked at by a
warm run: manifests are read, and files are there with their sizes.

    python benchmarks/warm_export.py [--runs N]
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from simx.exporter.store.cache_key import RECIPE, export_key, library_versions
from simx.exporter.store.entry import record_of
from simx.exporter.store.manifest import MODEL_FILE, VERIFICATION_FILE, ExportIdentity, Manifest
from simx.exporter.store.store import Store
from simx.models.backbone import Backbone
from simx.models.catalogue import of_torchvision
from simx.results.schema.report import Parity

SOURCE = "seed 0"


def main() -> None:
    """Fill a store, and time warm runs on it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory(prefix="simx-") as folder:
        store = Store(Path(folder) / "store")
        backbones = [backbone for backbone in of_torchvision() if backbone.default]
        for backbone in backbones:
            _publish(store, backbone)
        seconds = sorted(_warm(store) for _ in range(runs))
    print(
        f"warm export of {len(backbones)} backbones: median {statistics.median(seconds):.2f} s "
        f"of {runs} runs, {seconds[0]:.2f} to {seconds[-1]:.2f} s; {_cpu_seconds() / runs:.2f} s "
        "of processor time each"
    )


def _cpu_seconds() -> float:
    """Return the processor time of all runs, which others on the machine do not lengthen much."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _warm(store: Store) -> float:
    command = ["export", "--all", "--weights", "random", "--format", "csv"]
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "simx", *command, "--store", str(store.root)],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds = time.monotonic() - begun
    states = {line.split(",")[2] for line in done.stdout.splitlines()[1:]}
    if states != {"present"}:
        raise SystemExit(f"the run was not warm: {states}")
    return seconds


def _publish(store: Store, backbone: Backbone) -> None:
    """Publish an entry under the key that an export would have."""
    with store.workspace() as workspace:
        folder, weights = workspace / "entry", workspace / "weights.safetensors"
        folder.mkdir()
        (folder / MODEL_FILE).write_bytes(b"graph")
        (folder / VERIFICATION_FILE).write_bytes(b"answers")
        weights.write_bytes(backbone.name.encode())
        identity = ExportIdentity(
            model=backbone.model,
            weights=backbone.weights,
            embedding="pooled",
            precision="fp32",
            weights_origin="random",
        )
        manifest = Manifest(
            identity=identity,
            source=SOURCE,
            preset=backbone.preset,
            embedding_dim=backbone.embedding_dims.pooled,
            parity=Parity(cosine=1.0, relative_l2=0.0),
            verified_batches=(1, 4),
            weights=record_of(weights),
            files={path.name: record_of(path) for path in sorted(folder.iterdir())},
            recipe=RECIPE,
            versions=dict(library_versions()),
            created="2026-01-01T00:00:00",
            seconds=10.0,
            peak_bytes=10**9,
        )
        store.publish(folder, weights, manifest, export_key(backbone, "pooled", SOURCE))


if __name__ == "__main__":
    main()
