"""The notes under a range's tables."""

import msgspec
import pytest

from simx.models.ranges import DEFAULT_RANGES
from simx.report.words.legend import legend
from simx.report.words.names import backbone_name
from simx.report.words.notes import mark_notes
from simx.results.schema.report import WeightsOrigin
from simx.results.summaries.derivation import by_range
from tests.results.builders import identity, measured, report


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        (1.01, ["resnet18:V1 on torch cpu: 1.0 threads computed a large product, and 2 were re"]),
        (1.86, []),
        (None, []),
    ],
)
def test_fewer_threads_than_requested_are_said(used: float | None, expected: list[str]) -> None:
    """A cell is labelled with the threads that were requested, and another count is a note."""
    of = msgspec.structs.replace(identity(), threads=2)
    cell = msgspec.structs.replace(measured(of), threads_used=used)
    (summary,) = by_range(report(cell), DEFAULT_RANGES)

    assert [note[:77] for note in mark_notes(summary.backbones)] == expected


@pytest.mark.parametrize(("origin", "is_said"), [("pretrained", True), ("random", False)])
def test_a_licence_is_said_of_pretrained_weights(origin: WeightsOrigin, *, is_said: bool) -> None:
    """Random weights are nobody's."""
    swag = identity("vit_b_16", "IMAGENET1K_SWAG_E2E_V1")
    (summary,) = by_range(report(measured(swag, origin=origin)), DEFAULT_RANGES)

    notes = " ".join(mark_notes(summary.backbones))

    assert ("SWAG/blob/main/LICENSE (no commercial use)" in notes) is is_said


def test_a_backbone_of_timm_is_named_and_explained() -> None:
    """Its name can be typed, and only its reports say where its figures come from."""
    of_timm = report(measured(identity("timm:resnet50", "a1_in1k")))
    (summary,) = by_range(of_timm, DEFAULT_RANGES)

    assert backbone_name(summary.backbones[0]) == "timm:resnet50.a1_in1k"
    assert "timm publishes no accuracies" in " ".join(legend(of_timm))
    assert "timm" not in " ".join(legend(report(measured())))
