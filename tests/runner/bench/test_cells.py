"""What a report keeps of a cell beside its measurements."""

import shlex
from pathlib import Path

import msgspec
import pytest

from simx.exporter.jobs.plan import NotExported
from simx.exporter.store.entry import Entry
from simx.results.schema.config import Setting
from simx.results.schema.report import Failure, WeightsOrigin
from simx.runner.bench.cells import (
    PlannedCell,
    Workload,
    catalogue_figures,
    failed_cell,
    identify,
)
from tests.runner.benches import PLAN
from tests.runner.fakes import BACKBONE, OWN, entry_in, target


@pytest.mark.parametrize(
    ("origin", "accuracies"),
    [
        ("pretrained", (70.0, 90.0)),
        ("random", (70.0, 90.0)),
        (None, (70.0, 90.0)),
        ("file", (None, None)),
    ],
)
def test_published_accuracies_are_not_those_of_a_file(
    origin: WeightsOrigin | None, accuracies: tuple[float | None, float | None]
) -> None:
    """They hold for the published weights, whose architecture random ones stand in for."""
    found = catalogue_figures(BACKBONE, "pooled", origin)

    assert (found.acc1, found.acc5) == accuracies
    assert (found.gflops, found.params) == (0.5, 1000)


def of_a_file(folder: Path) -> Entry:
    """An export that was made from a weights file."""
    entry = entry_in(folder)
    identity = msgspec.structs.replace(entry.manifest.identity, weights_origin="file")
    manifest = msgspec.structs.replace(entry.manifest, identity=identity)
    return Entry(folder, folder, manifest)


@pytest.mark.parametrize("stage", ["verify", "load"])
def test_the_command_of_a_failure_names_the_network_in_the_weights_file(
    tmp_path: Path, stage: str
) -> None:
    """Whether the export failed or what came after it; in a form for a shell."""
    failed = NotExported(
        backbone=BACKBONE, precision="fp32", stage=stage, reason="", weights_origin="file"
    )
    export = failed if stage == "verify" else of_a_file(tmp_path)
    cell = Workload(BACKBONE, {"fp32": export}, "model ema").cell(
        target("right"), PLAN.config, Setting(1, 1)
    )
    if isinstance(cell, PlannedCell):
        cell = cell.failed(Failure(stage=stage, reason=""))
    words = shlex.split(cell.command)

    assert words[:2] == ["simx", "bench"]
    assert words[words.index("--weights") + 1] == "FILE"
    assert words[words.index("--weights-key") + 1] == "model ema"


@pytest.mark.parametrize(("is_counted", "gflops"), [(True, 0.5), (False, None)])
def test_work_that_is_counted_in_part_has_no_figure(
    is_counted: bool,  # noqa: FBT001 - pytest's own way
    gflops: float | None,
) -> None:
    """A part would put the model into a range of smaller ones."""
    assert OWN.file is not None
    file = msgspec.structs.replace(OWN.file, is_counted=is_counted)
    found = catalogue_figures(msgspec.structs.replace(OWN, file=file), "pooled", "file")

    assert found.gflops == gflops
    assert (found.embedding_gmacs is None) == (gflops is None)


def test_the_command_of_a_failed_model_of_ones_own_has_no_path() -> None:
    """A report has none; the user knows the file."""
    its = identify(OWN, "pooled", target("right"), Setting(1, 2))
    failed = failed_cell(OWN, its, "ort", "file", Failure(stage="prepare", reason="no memory"))

    assert failed.command.startswith("simx bench --model FILE --preprocess PRESET --backend ort ")
    assert "--weights" not in failed.command
    assert "somebody" not in msgspec.json.encode(failed).decode()
