"""What is run for real: simx itself, as a user runs it, and backends that do not wait."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from scripts.cuda_acceptance.checks import CUDA, TENSORRT, check_placement
from scripts.cuda_acceptance.verdict import Verdict
from simx.exporter.store.lookup import find_export
from simx.exporter.store.store import Store
from simx.exporter.weights.request import WeightsRequest
from simx.images.pictures import bundled
from simx.models.catalogue import load
from simx.results.files.report import read
from simx.results.schema.config import Schedule
from simx.results.schema.report import FailedCell, Report
from simx.results.statistics.noise import ReferenceWorkloadHistory
from simx.runner.backends.registry import backend_named
from simx.runner.bench.cells import PlannedCell
from simx.runner.bench.launch import Bench, run_launch
from simx.runner.bench.reading import READER, PictureReader
from simx.runner.bench.schedule import USUAL
from simx.runner.bench.targets import Target, open_targets
from simx.workers.forking import launcher

ROOT = Path(__file__).resolve().parent.parent.parent

MODELS = ("resnet50", "vit_b_32")
"""One of convolutions and one of products; both keep nearly all their weights without the head."""

VARIANTS = ("channels-last", "cuda-graph", "no-arena", "search-exhaustive", "tf32")

_UNUSABLE = 4
_HIDDEN = {"CUDA_VISIBLE_DEVICES": "-1"}
_THREADS = 1


class Ended(NamedTuple):
    """How a command ended, and the last thing that it said."""

    code: int
    said: str


def simx(*arguments: str | Path, variables: Mapping[str, str] | None = None) -> Ended:
    """Run a command of simx's."""
    ended = subprocess.run(
        [sys.executable, "-m", "simx", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **(variables or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = (ended.stderr or ended.stdout).strip().splitlines()
    return Ended(ended.returncode, lines[-1] if lines else "")


def bench(folder: Path, store: Path, backends: Sequence[str], providers: Sequence[str]) -> Report:
    """Measure the models on backends and providers.

    Raises:
        RuntimeError: no report came of it.
    """
    path = folder / "report.json"
    path.unlink(missing_ok=True)
    ended = simx(
        *("bench", *MODELS, "--store", store, "-o", path),
        *("--profile", "quick", "--threads", str(_THREADS)),
        *(part for name in backends for part in ("--backend", name)),
        *(part for name in providers for part in ("--provider", name)),
    )
    if not path.exists():
        raise RuntimeError(f"simx bench ended with {ended.code}: {ended.said}")
    return read(path)


def check_doctor() -> Verdict:
    """The doctor says that CUDA works, with proof."""
    ended = simx("doctor", "--provider", "cuda")
    return Verdict("FAIL" if ended.code else "PASS", "doctor", f"it ends with {ended.code}")


def check_fallback(backend: str, store: Path) -> Verdict:
    """Without a visible GPU CUDA is refused, and not one cell is written."""
    name = f"a fallback of {backend} is refused"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.json"
        ended = simx(
            *("bench", MODELS[0], "--store", store, "-o", path),
            *("--backend", backend, "--provider", "cuda", "--launches", "1"),
            variables=_HIDDEN,
        )
        if ended.code == _UNUSABLE and not path.exists():
            return Verdict("PASS", name, ended.said)
        return Verdict("FAIL", name, f"it ends with {ended.code}: {ended.said}")


def check_tensorrt(folder: Path, store: Path) -> Verdict:
    """TensorRT is measured where it is there."""
    ended = simx("doctor", "--provider", "tensorrt")
    if ended.code:
        return Verdict("SKIP", "TensorRT", "it cannot be used here; see simx doctor")
    report = bench(folder, store, ["ort"], ["tensorrt"])
    failed = [cell for cell in report.cells if isinstance(cell, FailedCell)]
    if failed:
        return Verdict("FAIL", "TensorRT", f"{failed[0].stage}: {failed[0].reason}")
    return check_placement(report, TENSORRT)


def check_unsynchronised(backend: str, store: Path) -> Verdict:
    """A backend that does not wait for the GPU is noticed, and its cell fails."""
    name = f"a missing synchronise of {backend} is noticed"
    backbone = next(each for each in load() if each.model == MODELS[0] and each.default)
    entry = find_export(Store(store), backbone, "pooled", WeightsRequest("auto", None))
    if entry is None:
        return Verdict("FAIL", name, f"{backbone.name} is not exported")
    usual = backend_named(backend)
    spec = msgspec.structs.replace(usual, entry=f"scripts.cuda_acceptance.unsynchronised:{backend}")
    # Workers are isolated from the current folder, and have to find this one.
    os.environ["PYTHONPATH"] = str(ROOT)
    with open_targets([Target(spec, CUDA)]) as opened, launcher(READER) as reading:
        once = Bench(
            launchers=opened.launchers,
            reader=PictureReader(reading, dict(bundled().files()), USUAL.of_pictures),
            schedule=Schedule(pilot=1, launches=1, rounds=1),
            history=ReferenceWorkloadHistory(),
        )
        planned = PlannedCell(backbone, opened.targets[0], entry, _THREADS)
        (cell,) = run_launch(once, [planned], 0).finished.cells
    if isinstance(cell, FailedCell) and cell.stage in {"synchronise", "events", "parity"}:
        return Verdict("PASS", name, f"at {cell.stage}: {cell.reason}")
    stage = f"it fails at {cell.stage}: {cell.reason}" if isinstance(cell, FailedCell) else "a time"
    return Verdict("FAIL", name, f"{stage} came of it")
