"""The scripts of the results page that compare environments, and the floor, without their times."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from benchmarks import builds, precision, slowdown
from benchmarks.false_alarms import summarise
from benchmarks.side_by_side import (
    Engine,
    Interval,
    borrowed_environment,
    interpreter_of,
    interval_of,
    judged,
    ratio_of_calls,
    shown,
)
from simx.results.comparison.changes import Verdict
from simx.results.comparison.outcome import Change
from simx.results.files.report import read, write
from simx.results.schema.report import Report, Stop
from simx.results.summaries.derivation import backbones
from tests.results.builders import around, failed, identity, measured, report, timings

SIDE = 8


def graph(path: Path, name: str = "image") -> Path:
    """Write a graph that doubles a picture."""
    shape = [1, 3, SIDE, SIDE]
    picture, answer = (
        helper.make_tensor_value_info(each, TensorProto.FLOAT, shape) for each in (name, "y")
    )
    doubled = helper.make_graph(
        [helper.make_node("Add", [name, name], ["y"])], "g", [picture], [answer]
    )
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(doubled, opset_imports=[opset], ir_version=9), path)
    return path


def change(ratio: float, half: float = 0.01, *, noisy: bool = False) -> Change:
    low, high = ratio / (1 + half), ratio * (1 + half)
    verdict: Verdict = "slower" if low > 1 else "faster" if high < 1 else "equivalent"
    return Change(
        scope="forward",
        image=None,
        base_ns=1.0,
        new_ns=ratio,
        ratio=ratio,
        low=low,
        high=high,
        launches=(3, 3),
        noisy=noisy,
        verdict=verdict,
        smallest_seen=None,
        listed=False,
        gated=False,
    )


def test_a_borrowed_environment_has_the_packages_of_this_one(tmp_path: Path) -> None:
    """It imports the same files, and needs no installation."""
    borrowed_environment(tmp_path / "again")
    command = [interpreter_of(tmp_path / "again"), "-c", "import numpy; print(numpy.__file__)"]

    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == np.__file__


@pytest.mark.parametrize(
    ("name", "model", "is_slower"),
    [
        ("image", "", True),
        ("image", "graph", True),
        ("image", "other", False),
        ("matrix", "", False),
    ],
)
def test_a_slower_build_does_more_work_for_its_networks_alone(
    tmp_path: Path, name: str, model: str, *, is_slower: bool
) -> None:
    """A network's answers stay the same; neither others nor the reference have more work."""
    build = slowdown.SlowerBuild(tmp_path / "slower", model)
    build.set_additions(3)
    path = graph(tmp_path / "graph.onnx", name)
    script = f"""
import numpy, onnxruntime
session = onnxruntime.InferenceSession({str(path)!r}, providers=["CPUExecutionProvider"])
name = session.get_inputs()[0].name
answer = session.run(None, {{name: numpy.ones((1, 3, {SIDE}, {SIDE}), numpy.float32)}})[0]
print(answer.min(), answer.max(), session.is_slower)
"""
    command = [interpreter_of(build.folder), "-c", script]

    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["2.0", "2.0", str(is_slower)]


def test_single_calls_of_two_engines_give_an_interval(tmp_path: Path) -> None:
    """Each engine answers from its own process, however short the time is."""
    engine = Engine("ort", str(graph(tmp_path / "graph.onnx")), SIDE, threads=1)

    found = ratio_of_calls(engine, engine, seconds=0.0)

    assert 0 < found.low <= found.value <= found.high


def test_the_interval_of_batches_is_students() -> None:
    """Of -0.01 and 0.01 it reaches 12.71 standard errors of 0.01 to each side."""
    found = interval_of([-0.01, 0.01])

    assert found.value == pytest.approx(1)
    assert found.half_width == pytest.approx(np.expm1(12.7062 * 0.01), rel=1e-4)


def test_neither_noisy_nor_busy_trials_count() -> None:
    """They have no verdict, and the others keep their places."""
    found = [change(1.0), None, change(1.2, noisy=True), change(1.1)]

    assert judged(found) == {0: found[0], 3: found[3]}
    assert [shown(each).rpartition(", ")[2] for each in found] == [
        "equivalent",
        "the machine was busy",
        "too noisy",
        "slower",
    ]


def test_false_alarms_are_counted_in_both_directions(capsys: pytest.CaptureFixture[str]) -> None:
    """A faster one is as false as a slower one; the shift is that of each order."""
    summarise([change(1.02), change(0.98), change(1.0), change(1.0), None])

    lines = capsys.readouterr().out.splitlines()

    assert lines[0] == (
        "2 of 4 are false alarms; the binomial bound is 1; 1 more were too noisy or not measured"
    )
    assert [line.partition(" % ")[0] for line in lines[1:]] == [
        "mean shift: -0.01",
        "second environment named last: +1.00",
        "second environment named first: -1.01",
    ]


def test_a_slowdown_is_found_only_by_a_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    """Trials that are too noisy do not find it; the others cover the true ratio or not."""
    found = [change(1.03), change(1.031), change(1.005), change(1.06), change(1.03, noisy=True)]

    slowdown.summarise(found, Interval(1.03, 1.029, 1.031))

    assert capsys.readouterr().out.startswith(
        "found in 3 of 5 trials (at least 15 % with 97.5 % confidence); "
        "true ratio covered in 2 of 4; 1 too noisy or not measured"
    )


def of_group(times: Mapping[str, float]) -> Report:
    """Return the report of a run on some backbones, whose launches vary by these shares."""
    cells = [
        measured(
            identity(model=model, backend=backend),
            of=tuple(
                msgspec.structs.replace(each, launches=around(50, spread=spread))
                if each.scope == "forward"
                else each
                for each in timings(50)
            ),
        )
        for model, spread in times.items()
        for backend, spread in (("torch", spread), ("ort", 0.0))
    ]
    stops = tuple(
        Stop(
            model=model,
            weights="IMAGENET1K_V1",
            launches=5,
            needed=None,
            ended_by="budget",
            seconds=12.0,
        )
        for model in times
    )
    return msgspec.structs.replace(report(*cells), stops=stops)


def test_groups_are_joined_as_one_run(tmp_path: Path) -> None:
    """The report of all groups is sound, and moderates by all backbones; own variances are not.

    Backbones that vary alike lend each other degrees of freedom, so that intervals get narrower.
    """
    groups = [
        of_group({"resnet18": 0.020, "resnet34": 0.022, "resnet50": 0.021}),
        of_group({"resnet101": 0.021, "resnet152": 0.020}),
    ]

    names = ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"]

    whole = precision.joined(groups)
    write(tmp_path / "report.json", whole)
    rows = [precision.row(each, whole, dict.fromkeys(names, 0.01)) for each in backbones(whole)]

    assert read(tmp_path / "report.json") == whole
    assert [each.model for each in rows] == names
    assert all(each.simx and each.own and each.simx < each.own for each in rows)


def test_medians_are_those_of_the_backbones_with_figures(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A backbone that was measured on a busy machine is counted, and has no part in the medians."""
    rows = [
        precision.Row("a", 10.0, 0.01, 0.02, 0.01),
        precision.Row("b", 12.0, None, None, 0.5),
        precision.Row("c", 14.0, 0.03, 0.04, 0.02),
    ]

    precision.show(rows)

    *_, total, _, text = capsys.readouterr().out.splitlines()
    assert total == "| **median** | 12.0 | 2.00 % | 3.00 % | 1.50 % | **1.25** |"
    assert text.startswith("1 of 3 are within 1.5 %; the widest has 3.00 %; 1 have no figure")


def test_some_backbones_are_of_several_families() -> None:
    """Fewer than all are spread over the range, and no more are named than it has."""
    assert len(precision.some(100)) == len(set(precision.some(100))) == 20
    assert len({name[:5] for name in precision.some(5)}) == 5


def test_a_build_that_fails_has_its_stage_in_the_table() -> None:
    """A failed cell is no time, and one without figures was measured on a busy machine."""
    (backbone,) = backbones(report(measured(), failed(identity(backend="ort"))))

    assert [builds.figure(cell).partition(" ")[0] for cell in backbone.cells] == ["50.00", "failed"]
