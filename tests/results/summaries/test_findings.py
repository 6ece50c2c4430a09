"""What the figures of a range amount to, as facts."""

from collections.abc import Mapping

import msgspec
import pytest

from simx.models.pictures import COMPARED_IMAGES, Image
from simx.models.ranges import DEFAULT_RANGES
from simx.results.schema.report import Cell, MeasuredCell, Report, Similarity, WeightsOrigin
from simx.results.schema.times import Scope
from simx.results.summaries.derivation import by_range
from simx.results.summaries.findings import Extremes, Findings, Smallest, findings
from simx.results.summaries.summary import BackboneSummary, TargetId
from tests.results.builders import (
    canary,
    failed,
    identity,
    launches,
    measured,
    quoted,
    quoted_report,
    report,
)

TORCH = TargetId("torch", "CPUExecutionProvider")
ORT = TargetId("ort", "CPUExecutionProvider")
CUDA = TargetId("ort", "CUDAExecutionProvider")
OPENVINO = "OpenVINOExecutionProvider"


def found(of: Report) -> Findings:
    (summary,) = by_range(of, DEFAULT_RANGES)
    return findings(summary)


def names(backbones: tuple[BackboneSummary, ...]) -> list[str]:
    return [backbone.model for backbone in backbones]


def smallest(of: Findings) -> Mapping[tuple[TargetId, Scope, Image | None], Smallest]:
    return {(each.target, each.scope, each.image): each for each in of.smallest}


def with_similarity(
    model: str,
    positive: float | None = 50,
    negative: float | None = 10,
    resized: float | None = 10,
    *,
    backend: str = "torch",
    origin: WeightsOrigin = "pretrained",
) -> MeasuredCell:
    return msgspec.structs.replace(
        measured(identity(model, backend=backend), origin=origin),
        similarity=Similarity(positive=positive, negative=negative, negative_resized=resized),
    )


def test_the_smallest_times_are_found_with_what_cannot_be_told_from_them() -> None:
    """Overlapping intervals are ties, in the table's order, and the rest is told apart.

    Similarity takes the same time with all three.
    """
    of = smallest(
        found(
            report(
                measured(identity("resnet18"), milliseconds=50.2),
                measured(identity("resnet34"), milliseconds=50),
                measured(identity("resnet50"), milliseconds=90),
            )
        )
    )

    assert list(of) == [
        (TORCH, "forward", None),
        *((TORCH, "pipeline", image) for image in COMPARED_IMAGES),
        *((TORCH, "similarity", image) for image in COMPARED_IMAGES),
    ]
    for (_, scope, _), each in of.items():
        if scope != "similarity":
            assert names(each.leaders) == ["resnet34"]
            assert names(each.tied) == ["resnet18"]
            assert names(each.others) == ["resnet50"]
    assert names(of[TORCH, "similarity", "positive"].tied) == ["resnet34", "resnet50"]
    assert of[TORCH, "pipeline", "negative"].time.median_ns == pytest.approx(140e6, rel=1e-3)


def test_each_target_has_smallest_times_of_its_own() -> None:
    """Nothing is compared across targets, and a failed cell takes no part."""
    of = smallest(
        found(
            report(
                measured(identity("resnet18"), milliseconds=50),
                measured(identity("resnet34"), milliseconds=90),
                measured(identity("resnet18", backend="ort"), milliseconds=40),
                measured(identity("resnet34", backend="ort"), milliseconds=20),
                failed(identity("vgg11", backend="ort")),
            )
        )
    )

    assert names(of[TORCH, "forward", None].leaders) == ["resnet18"]
    assert names(of[ORT, "forward", None].leaders) == ["resnet34"]
    assert names(of[ORT, "forward", None].others) == ["resnet18"]


def test_drift_between_backbones_makes_ties() -> None:
    """A difference that the machine's own change explains is none."""
    cells = (
        measured(identity("resnet18"), milliseconds=50),
        measured(identity("resnet34"), milliseconds=54),
    )
    canaries = tuple(
        canary(launches([[ns]]), model, backend="torch")
        for model, ns in (("resnet18", 1_000_000), ("resnet34", 1_100_000))
    )
    steady = smallest(found(report(*cells)))[TORCH, "forward", None]
    drifting = smallest(found(msgspec.structs.replace(report(*cells), canary=canaries)))

    assert names(steady.tied) == []
    assert names(drifting[TORCH, "forward", None].tied) == ["resnet34"]


def test_of_quoted_medians_only_equal_ones_share_the_first_place() -> None:
    """Without intervals nothing is called a tie, and where all are equal nothing is said."""
    of = smallest(
        found(
            quoted_report(
                quoted(identity("resnet18"), milliseconds=50),
                quoted(identity("resnet34"), milliseconds=50.0001),
                quoted(identity("resnet50"), milliseconds=50),
            )
        )
    )
    pipeline = of[TORCH, "pipeline", "positive"]

    assert names(pipeline.leaders) == ["resnet18", "resnet50"]
    assert (names(pipeline.tied), names(pipeline.others)) == ([], ["resnet34"])
    assert pipeline.decimals == 4
    assert (TORCH, "similarity", "positive") not in of


@pytest.mark.parametrize(
    ("percent", "high", "almost"),
    [
        (77.99, [], []),
        (78, [], ["resnet18"]),
        (79.9999, [], ["resnet18"]),
        (80, ["resnet18"], []),
    ],
)
def test_positives_are_high_or_almost(percent: float, high: list[str], almost: list[str]) -> None:
    """80 % is high, and almost is up to 2 points below it."""
    of = found(report(with_similarity("resnet18", percent)))

    assert [each.backbone.model for each in of.high] == high
    assert [each.backbone.model for each in of.almost] == almost


def test_negative_similarities_are_found_by_picture() -> None:
    """Each pair that is below 0 % is named with its figure; 0 itself is not below."""
    of = found(
        report(
            with_similarity("resnet18", negative=-1.5, resized=0),
            with_similarity("resnet34", negative=3, resized=-0.001),
            with_similarity("resnet50", positive=None, negative=-7, resized=None),
        )
    )

    assert [(each.image, each.backbone.model, each.percent) for each in of.negative] == [
        ("negative", "resnet18", -1.5),
        ("negative", "resnet50", -7),
        ("negative_resized", "resnet34", -0.001),
    ]


def test_random_weights_take_no_part_in_what_similarities_say() -> None:
    """Their times and dimensions count, and nothing that depends on their values."""
    of = found(
        report(
            with_similarity("resnet18", 90, -5, origin="random"),
            with_similarity("resnet18", 90, -9, origin="random", backend="ort"),
            msgspec.structs.replace(with_similarity("resnet34", 50, 10), embedding_dim=64),
        )
    )

    assert (of.negative, of.high, of.differing, of.margin) == ((), (), (), None)
    assert of.dimension is not None
    assert names(of.dimension.highest) == ["resnet18"]


def test_extremes_name_everybody_who_has_them() -> None:
    """Smallest and largest dimension, best and worst margin, with equal ones together."""
    cells: list[Cell] = [
        msgspec.structs.replace(with_similarity(model, positive, 10), embedding_dim=dim)
        for model, positive, dim in (
            ("resnet18", 50, 512),
            ("resnet34", 70, 512),
            ("resnet50", 60, 2048),
        )
    ]
    of = found(report(*cells))

    assert ends(of.dimension) == ((512, ["resnet18", "resnet34"]), (2048, ["resnet50"]))
    assert ends(of.margin) == ((40, ["resnet18"]), (60, ["resnet34"]))


def ends(of: Extremes | None) -> tuple[tuple[float, list[str]], tuple[float, list[str]]]:
    assert of is not None
    return (of.low, names(of.lowest)), (of.high, names(of.highest))


def test_one_backbone_has_nobody_to_compare_with() -> None:
    """Of a range with one backbone there is neither a smallest nor a largest of anything."""
    of = found(report(measured(), measured(identity(backend="ort"))))

    assert (of.smallest, of.dimension, of.margin) == ((), None, None)


def test_a_range_of_failures_has_no_findings() -> None:
    """There are no figures to say anything of."""
    of = found(report(failed()))

    assert [getattr(of, name) for name in of.__struct_fields__] == [
        *[()] * 4,
        *[None] * 2,
        *[()] * 3,
    ]


def test_onnx_runtime_is_slower_where_the_whole_interval_says_so() -> None:
    """It is held against torch on its own device, and a ratio that leaves it open says nothing.

    Torch is not the report's first target here, so that the table's own ratio is another one.
    """
    of = found(
        report(
            measured(identity("resnet18", backend="ort"), milliseconds=60),
            measured(identity("resnet18"), milliseconds=50),
            measured(identity("resnet34", backend="ort"), milliseconds=40),
            measured(identity("resnet34"), milliseconds=50),
            measured(identity("resnet50", backend="ort"), milliseconds=60, few_calls=True),
            measured(identity("resnet50"), milliseconds=50, few_calls=True),
            measured(identity("vgg11", backend="torch:passive"), milliseconds=60),
            measured(identity("vgg11"), milliseconds=50),
            measured(identity("alexnet", backend="ort:passive"), milliseconds=60),
            measured(identity("alexnet"), milliseconds=50),
            measured(identity("resnet18", backend="ort", provider=CUDA.provider), milliseconds=600),
            measured(identity("resnet34", backend="ort", provider=OPENVINO), milliseconds=600),
        )
    )

    assert [(each.backbone.model, each.target) for each in of.slower] == [
        ("alexnet", TargetId("ort:passive", TORCH.provider)),
        ("resnet18", ORT),
        ("resnet34", TargetId("ort", OPENVINO)),
    ]
    assert {each.than for each in of.slower} == {TORCH}
    assert of.slower[1].speed.value == pytest.approx(50 / 60)


def test_backends_differ_where_their_similarities_do() -> None:
    """A tenth of a point is rounding, and more than that is named with both figures."""
    of = found(
        report(
            with_similarity("resnet18", 50, 10, 10),
            with_similarity("resnet18", 50.09, 10.2, 9.91, backend="ort"),
            with_similarity("resnet34", 50),
            with_similarity("resnet34", 50, backend="ort"),
        )
    )
    (differing,) = of.differing

    assert (differing.lower.image, differing.lower.backbone.model) == ("negative", "resnet18")
    assert (differing.lower.percent, differing.lower.cell.target) == (10, TORCH)
    assert (differing.higher.percent, differing.higher.cell.target) == (10.2, ORT)


def test_similarities_that_agree_are_said_once() -> None:
    """Two backends with the same vector are one fact, even where the first of them failed."""
    of = found(
        report(
            with_similarity("resnet18", 90, -5),
            with_similarity("resnet18", 90.001, -5.001, backend="ort"),
            failed(identity("vgg11")),
            with_similarity("vgg11", 85, backend="ort"),
        )
    )

    assert [(each.backbone.model, each.percent) for each in of.high] == [
        ("resnet18", 90),
        ("vgg11", 85),
    ]
    assert [each.percent for each in of.negative] == [-5]
