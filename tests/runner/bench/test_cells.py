"""What a report keeps of a cell beside its measurements."""

import pytest

from simx.results.schema.report import WeightsOrigin
from simx.runner.bench.cells import catalogue_figures
from tests.runner.fakes import BACKBONE


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
