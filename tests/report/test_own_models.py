"""A model of the user's own in every rendering of a report."""

import msgspec
import pytest

from simx.models.backbone import Preset
from simx.results.schema.config import OwnModel
from simx.results.schema.report import MeasuredCell, Report
from simx.results.summaries.summary import OUTSIDE
from tests.report.every import differences, renderings
from tests.report.samples import rendered
from tests.results.builders import identity, measured, report

PRESET = Preset(crop=32, resize=36, interpolation="bilinear", mean=(0, 0, 0), std=(1, 1, 1))


def own_cell() -> MeasuredCell:
    """Return one whose multiply-accumulates are not known."""
    cell = measured(identity("mine", "file", "ort"), origin="file")
    unknown = msgspec.structs.replace(cell.catalogue, gflops=None, embedding_gmacs=None)
    return msgspec.structs.replace(cell, catalogue=unknown)


def of_own() -> Report:
    found = report(own_cell(), measured(identity(backend="ort")))
    assert found.config is not None
    models = {"mine:file": OwnModel(sha256="ab" * 32, preset=PRESET)}
    return msgspec.structs.replace(
        found, config=msgspec.structs.replace(found.config, models=models)
    )


def test_unknown_gflops_are_in_no_range_and_are_no_figure() -> None:
    """The model has a table of its own, and its field is empty."""
    output = rendered(of_own())
    _, outside = output.split(OUTSIDE, 1)

    assert "mine:file" in outside
    assert "resnet18" in output.split(OUTSIDE, 1)[0]
    assert "1.81" not in outside


def test_a_file_is_named_by_its_own_hash() -> None:
    """It is the one that other programs give for the file."""
    assert f"file with SHA-256 {'ab' * 6}" in rendered(of_own())


@pytest.mark.parametrize("name", [name for name, _ in renderings(report(measured()))])
def test_every_form_shows_it(name: str) -> None:
    """By the name of its file; a choice of backbones by accuracy leaves it out."""
    output = dict(renderings(of_own()))[name]

    assert "mine" in output
    assert "None" not in output.replace("None of these", "")


def test_two_reports_of_it_are_compared() -> None:
    """They are paired by its name, in a group without a range."""
    for _, output in differences(of_own(), of_own()):
        assert "mine" in output
