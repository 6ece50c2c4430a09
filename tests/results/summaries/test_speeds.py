"""The mean of a run's speeds, and which target is the fastest over all backbones."""

import math

import msgspec
import pytest

from simx.results.schema.report import Report
from simx.results.summaries.derivation import backbones
from simx.results.summaries.speeds import fastest_target, mean_speed
from simx.results.summaries.summary import TargetId
from tests.results.builders import failed, identity, measured, report

TORCH = TargetId("torch", "CPUExecutionProvider")
ORT = TargetId("ort", "CPUExecutionProvider")
INT8 = TargetId("ort", "CPUExecutionProvider", "int8")


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
