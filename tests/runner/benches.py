"""Benchmarks of fakes, from the journal's first line to the report."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import msgspec
import numpy as np
from PIL import Image

from simx.images.pictures import bundled
from simx.models.pictures import PictureSet
from simx.results.files.journal import Journal, journal_path
from simx.results.schema.config import Config, Schedule
from simx.results.schema.report import Report
from simx.runner.bench.bench import Progress, begun_report, run_bench
from simx.runner.bench.cells import Workload
from simx.runner.bench.schedule import USUAL, Deadlines
from simx.runner.bench.targets import OpenTargets
from tests.results.builders import header


class Plan(msgspec.Struct, frozen=True):
    """How fakes are measured."""

    config: Config
    pictures: PictureSet
    deadlines: Deadlines = USUAL

    def of(self, schedule: Schedule, pictures: PictureSet | None = None) -> Self:
        """Return the plan with another schedule, and other pictures."""
        config = msgspec.structs.replace(self.config, **msgspec.structs.asdict(schedule))
        return msgspec.structs.replace(self, config=config, pictures=pictures or self.pictures)


PLAN = Plan(
    Config(
        pilot=2,
        launches=2,
        rounds=2,
        seed=3,
        backends=("right",),
        providers=("CPUExecutionProvider",),
        embedding="pooled",
        precisions=("fp32",),
        threads=1,
        weights="random",
        profile="quick",
    ),
    bundled(),
)
"""Two launches of two rounds."""


def run(
    plan: Plan,
    opened: OpenTargets,
    workloads: Sequence[Workload],
    path: Path,
    progress: Progress = lambda *_: None,
) -> Report:
    """Measure in a new journal beside the report."""
    with Journal.begin(journal_path(path), header(begun_report(plan.config))) as journal:
        return _measure(plan, opened, workloads, journal, path, progress)


def go_on(
    plan: Plan,
    opened: OpenTargets,
    workloads: Sequence[Workload],
    path: Path,
    progress: Progress = lambda *_: None,
) -> Report:
    """Measure what is open in the journal beside the report."""
    with Journal.resume(journal_path(path)) as journal:
        return _measure(plan, opened, workloads, journal, path, progress)


def _measure(
    plan: Plan,
    opened: OpenTargets,
    workloads: Sequence[Workload],
    journal: Journal,
    path: Path,
    progress: Progress,
) -> Report:
    return run_bench(
        plan.config, plan.pictures, opened, workloads, journal, path, progress, plan.deadlines
    )


def small_pictures(folder: Path) -> PictureSet:
    """Write four pictures that take no time to decode."""
    generator = np.random.default_rng(3)
    paths = [folder / f"{name}.png" for name in ("anchor", "positive", "negative", "resized")]
    for path in paths:
        Image.fromarray(generator.integers(0, 256, (20, 24, 3), dtype=np.uint8)).save(path)
    anchor, positive, negative, resized = paths
    return PictureSet(anchor=anchor, positive=positive, negative=negative, negative_resized=resized)
