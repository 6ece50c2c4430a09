"""Benchmarks of fakes, from the journal's first line to the report."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from simx.models.pictures import PictureSet
from simx.results.files.journal import Journal, journal_path
from simx.results.schema.report import Report
from simx.runner.bench.bench import BenchPlan, Progress, begun_report, run_bench
from simx.runner.bench.targets import OpenLanes
from simx.runner.bench.workloads import Absent, Subject
from tests.results.builders import header


def run(
    plan: BenchPlan,
    opened: OpenLanes,
    subjects: Sequence[Subject | Absent],
    path: Path,
    progress: Progress = lambda *_: None,
) -> Report:
    """Measure in a new journal beside the report."""
    first = header(begun_report(plan, opened.lanes, opened.notes))
    with Journal.begin(journal_path(path), first) as journal:
        return run_bench(plan, opened, subjects, journal, path, progress)


def go_on(
    plan: BenchPlan,
    opened: OpenLanes,
    subjects: Sequence[Subject | Absent],
    path: Path,
    progress: Progress = lambda *_: None,
) -> Report:
    """Measure what is open in the journal beside the report."""
    with Journal.resume(journal_path(path)) as journal:
        return run_bench(plan, opened, subjects, journal, path, progress)


def small_pictures(folder: Path) -> PictureSet:
    """Write four pictures that take no time to decode."""
    generator = np.random.default_rng(3)
    paths = [folder / f"{name}.png" for name in ("anchor", "positive", "negative", "resized")]
    for path in paths:
        Image.fromarray(generator.integers(0, 256, (20, 24, 3), dtype=np.uint8)).save(path)
    anchor, positive, negative, resized = paths
    return PictureSet(anchor=anchor, positive=positive, negative=negative, negative_resized=resized)
