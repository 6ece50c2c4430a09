"""The summary of a report: what belongs together, and who is faster."""

import math

import msgspec
import pytest

from simx.models.ranges import DEFAULT_RANGES, Range
from simx.results.schema.report import MeasuredCell, Preparation, Report, Similarity
from simx.results.schema.times import FORWARD, Scope, Timing
from simx.results.statistics.estimates import launch_estimate
from simx.results.summaries.counted import CountedReport
from simx.results.summaries.derivation import (
    backbones,
    by_range,
    fastest_target,
    mean_speed,
    targets,
)
from simx.results.summaries.summary import OUTSIDE, BackboneSummary, TargetId
from tests.results.builders import (
    around,
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
INT8 = TargetId("ort", "CPUExecutionProvider", "int8")


def only(of: Report) -> BackboneSummary:
    ((backbone,),) = (summary.backbones for summary in by_range(of, DEFAULT_RANGES))
    return backbone


def forward(milliseconds: float) -> tuple[Timing, ...]:
    return (Timing(scope="forward", image=None, launches=around(milliseconds)),)


def test_backbones_are_grouped_by_range_and_sorted_as_people_count() -> None:
    """Ranges come in their order without the empty ones, and 18 before 101."""
    of = report(
        measured(identity("resnet101"), gflops=3.9),
        measured(identity("vgg11"), gflops=7.6),
        measured(identity("resnet18", "IMAGENET1K_V2"), gflops=1.0),
        measured(identity("resnet18"), gflops=1.0),
    )

    names = [
        (each.label, [(b.model, b.weights[-2:]) for b in each.backbones])
        for each in by_range(of, DEFAULT_RANGES)
    ]

    assert names == [
        ("1-3", [("resnet18", "V1"), ("resnet18", "V2"), ("resnet101", "V1")]),
        ("7-8", [("vgg11", "V1")]),
    ]


def test_no_backbone_is_dropped_by_its_gflops() -> None:
    """What no range holds is shown last, under a heading of its own."""
    of = report(measured(gflops=0.5), measured(identity("vgg11"), gflops=7.6))

    large = Range("4+", 4.0, float("inf"))

    summaries = by_range(of, (large,))

    assert [(each.label, each.range) for each in summaries] == [("4+", large), (OUTSIDE, None)]


def test_targets_come_as_they_were_asked_for() -> None:
    """Whatever order the cells were measured in, the first backend asked for is the baseline."""
    of = report(measured(identity(backend="ort")), measured())

    assert targets(of) == (TORCH, ORT)
    assert [cell.target for cell in only(of).cells] == [TORCH, ORT]


def test_speed_is_relative_to_the_first_target() -> None:
    """Half the time is twice as fast, and the first target has no speed of its own."""
    backbone = only(
        report(
            measured(milliseconds=50),
            measured(identity(backend="ort"), milliseconds=25),
        )
    )

    baseline, other = backbone.measured
    assert baseline.speed is None
    assert other.speed is not None
    assert other.speed.value == pytest.approx(2)
    assert backbone.fastest[FORWARD] == (ORT,)
    assert backbone.fastest["pipeline", "anchor"] == (ORT,)


def test_a_tie_names_all_of_them() -> None:
    """A difference that the spread explains makes both the fastest."""
    a = launches([[100]], [[110]], [[100]])
    b = launches([[101]], [[100]], [[103]])
    of = report(
        measured(of=(Timing(scope="forward", image=None, launches=a),)),
        measured(identity(backend="ort"), of=(Timing(scope="forward", image=None, launches=b),)),
    )

    assert set(only(of).fastest[FORWARD]) == {TORCH, ORT}


def test_nobody_is_fastest_alone_and_nobody_by_one_launch() -> None:
    """One target has nobody to beat, and single launches leave everything open."""
    giants = report(
        measured(milliseconds=50, few_calls=True),
        measured(identity(backend="ort"), milliseconds=5, few_calls=True),
    )

    assert only(report(measured())).fastest[FORWARD] == ()
    assert only(report(measured())).fastest["pipeline", "anchor"] == ()
    assert only(giants).fastest[FORWARD] == (ORT, TORCH)
    assert only(giants).fastest["pipeline", "anchor"] == (ORT, TORCH)


def test_fastest_of_three_has_to_beat_both() -> None:
    """One of three is the fastest alone only if it is faster than each of the others."""
    cuda = identity(backend="ort", provider="CUDAExecutionProvider")
    others = (measured(of=forward(50)), measured(identity(backend="ort"), of=forward(20)))

    clear = only(report(*others, measured(cuda, of=forward(10))))
    close = only(report(*others, measured(cuda, of=forward(20))))

    device = TargetId("ort", "CUDAExecutionProvider")
    assert clear.fastest[FORWARD] == (device,)
    assert set(close.fastest[FORWARD]) == {ORT, device}


def test_a_failed_cell_stays_beside_the_measured_one() -> None:
    """The failure keeps its stage, reason and command, and the other its figures."""
    backbone = only(report(failed(), measured(identity(backend="ort"))))

    assert [cell.target for cell in backbone.failed] == [TORCH]
    assert backbone.failed[0].reason == "out of memory"
    assert backbone.measured[0].speed is None
    assert FORWARD in backbone.measured[0].times


def test_each_image_has_its_figures() -> None:
    """Pipeline, stages and similarity are those of the image; the anchor has no similarity."""
    cell = only(report(measured(milliseconds=50))).measured[0]

    assert cell.times["pipeline", "negative"].median_ns == pytest.approx(140e6, rel=1e-3)
    assert cell.similarity.negative == -1.8293
    assert ("similarity", "positive") in cell.times
    assert ("similarity", "anchor") not in cell.times


def test_stages_add_up_to_the_pipeline() -> None:
    """In each launch, the typical times of the stages are that of the whole."""
    before: dict[Scope, float] = {"pipeline.decode": 3.0, "pipeline.preprocess": 6.0}
    stages = tuple(
        Timing(scope=scope, image="negative", launches=around(time))
        for scope, time in before.items()
    )
    cell = measured(of=forward(50))
    prepared = Preparation(model="resnet18", weights="IMAGENET1K_V1", timings=stages)
    of = msgspec.structs.replace(report(cell), preparations=(prepared,))
    ((times,),) = (each.times.values() for each in CountedReport(of).backbones)
    by_scope = {
        scope: [launch_estimate(launch) for launch in found]
        for (scope, image), found in times.items()
        if image == "negative"
    }

    assert by_scope.keys() == {"pipeline", "pipeline.forward", *before}
    parts = zip(*(by_scope[each] for each in (*before, "pipeline.forward")), strict=True)
    assert by_scope["pipeline"] == pytest.approx([sum(each) for each in parts])
    assert len(by_scope["pipeline"]) == 5


def test_margin_is_the_positives_lead() -> None:
    """It is positive minus negative, and undefined where one of them is."""
    cell = measured()
    undefined = msgspec.structs.replace(
        cell, similarity=Similarity(positive=80, negative=None, negative_resized=1)
    )

    assert only(report(cell)).measured[0].margin == pytest.approx(84.126 + 1.8293)
    assert only(report(undefined)).measured[0].margin is None


def test_what_was_not_measured_is_none() -> None:
    """A cell without timings has figures of nothing but its embedding."""
    cell = only(report(measured(of=()))).measured[0]

    assert cell.times == {}


def test_quoted_figures_have_no_statistic_that_takes_raw_times() -> None:
    """The medians are the source's; intervals, ratios, parity, noise and memory are absent."""
    of = quoted_report(quoted(), quoted(identity(backend="ort"), milliseconds=11))
    backbone = only(of)
    first, _ = backbone.measured
    pipeline = first.times["pipeline", "positive"]

    assert (pipeline.median_ns, pipeline.low_ns, pipeline.launches) == (22_945_200, None, None)
    assert ("pipeline", "anchor") not in first.times
    assert first.margin == pytest.approx(54.0608 + 1.8293)
    assert FORWARD not in first.times
    assert (first.speed, first.parity, first.memory) == (None, None, None)
    assert (backbone.fastest[FORWARD], backbone.fastest["pipeline", "positive"]) == ((), ())
    assert (backbone.rounds, backbone.stop) == (0, None)
    assert first.forwards == ()


def test_quoted_backbones_are_ordered_like_measured_ones() -> None:
    """An unknown number of threads does not keep backbones from their order."""
    known = msgspec.structs.replace(quoted(), identity=identity())
    (summary,) = by_range(quoted_report(known, quoted()), DEFAULT_RANGES)

    assert [backbone.threads for backbone in summary.backbones] == [None, 2]


def pairs(*ratios: float) -> Report:
    """Return a report of one backbone for each ratio of torch's time to ONNX Runtime's."""
    return report(
        *(
            measured(identity(f"model{place}", backend=backend), milliseconds=time)
            for place, ratio in enumerate(ratios)
            for backend, time in (("torch", 50.0), ("ort", 50.0 / ratio))
        )
    )


def test_the_mean_of_speeds_is_geometric() -> None:
    """Twice as fast and half as fast is no difference; the fewest launches are behind the mean."""
    found = mean_speed(backbones(pairs(2.0, 0.5, 8.0)), ORT)

    assert found is not None
    assert found.value == pytest.approx(2.0, rel=1e-6)
    assert found.launches == 5


def test_the_interval_is_that_of_independent_backbones() -> None:
    """Of four backbones alike it is half as wide as that of one."""
    one, four = (mean_speed(backbones(pairs(*[2.0] * count)), ORT) for count in (1, 4))

    assert one is not None
    assert four is not None
    assert one.high is not None
    assert four.high is not None
    assert math.log(four.high / four.value) == pytest.approx(math.log(one.high / one.value) / 2)


def test_without_a_speed_there_is_no_mean() -> None:
    """Neither of the first target nor of one that failed."""
    of = backbones(report(measured(), failed(identity(backend="ort"))))

    assert mean_speed(of, TORCH) is None
    assert mean_speed(of, ORT) is None


@pytest.mark.parametrize(("ratio", "fastest"), [(2.0, ORT), (0.5, TORCH)])
def test_the_fastest_target_has_the_largest_mean(ratio: float, fastest: TargetId) -> None:
    """The first one's speed is 1."""
    assert fastest_target(backbones(pairs(ratio, ratio)), (TORCH, ORT)) == fastest


def test_another_precision_is_the_fastest_only_among_its_kind() -> None:
    """Its vectors are not the same, so that fp32 comes first however slow it is."""
    its = msgspec.structs.replace(identity(backend="ort"), precision="int8")
    of = backbones(report(measured(milliseconds=50), measured(its, milliseconds=5)))

    assert fastest_target(of, (TORCH, INT8)) == TORCH
    assert fastest_target(of, (INT8,)) == INT8
    assert fastest_target(of, ()) is None


def started(backend: str, milliseconds: float, first: float) -> MeasuredCell:
    """Return a cell with a start of one launch."""
    start = Timing(scope="first", image=None, launches=around(first, count=1))
    return measured(identity(backend=backend), of=(*forward(milliseconds), start))


@pytest.mark.parametrize(
    ("cells", "paid_back"),
    [
        # A variant is compared with its own backend, wherever that stands.
        ([("ort", 4, 100), ("torch", 10, 100), ("torch:compile", 5, 20_100)], {"torch": 4_000}),
        # Another target is compared with the first.
        ([("torch", 10, 100), ("openvino", 5, 600)], {"torch": 100}),
        # Nothing pays for a start that is not much slower, or for calls that are not faster.
        ([("torch", 10, 100), ("torch:compile", 5, 190)], {}),
        ([("torch", 10, 100), ("torch:compile", 10, 20_000)], {}),
        ([("torch", 10, 100), ("torch:compile", 12, 20_000)], {}),
    ],
)
def test_a_slow_start_is_paid_back_by_faster_calls(
    cells: list[tuple[str, float, float]], paid_back: dict[str, float]
) -> None:
    """The calls are the extra time of the start, divided by what a call gains."""
    found = only(report(*(started(*each) for each in cells))).measured
    paybacks = [cell.payback for cell in found if cell.payback]

    assert {each.than.backend: each.calls for each in paybacks} == pytest.approx(
        paid_back, rel=1e-3
    )
