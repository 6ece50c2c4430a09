"""What a node does with a task, in this process, and what is said where Ray is missing."""

import sys
from pathlib import Path

import pytest

from simx.cluster import tasks
from simx.cluster.tasks import Export, Look, Looked, Made, Noticed, Refused, Task, decoded, encoded
from simx.common.errors import ExitCode, InputError
from simx.exporter.jobs.plan import ExportPlan
from simx.exporter.weights.request import WeightsRequest
from simx.runner.bench.environment import describe_environment
from tests.cli.support import Simx
from tests.cluster.timed import BACKBONES, fill


def answers(task: Task) -> list[tasks.Answer]:
    return [decoded(each) for each in tasks.run(encoded(task))]


def test_a_node_describes_itself() -> None:
    """As a report of this machine would."""
    (found,) = answers(Look((), ()))

    assert isinstance(found, Looked)
    assert found.environment == describe_environment()


def test_an_error_is_a_message() -> None:
    """Nothing is raised, which Ray would pickle; the driver raises it as it was."""
    (refused,) = answers(Look(("abacus",), ()))

    assert isinstance(refused, Refused)
    assert isinstance(refused.error(), InputError)
    assert "simx has no such backend" in str(refused.error())


def test_a_bug_is_a_message_with_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no error of simx on the driver either."""
    monkeypatch.setattr(tasks, "describe_environment", lambda *_: 1 / 0)
    (refused,) = answers(Look((), ()))

    assert isinstance(refused, Refused)
    assert type(refused.error()) is RuntimeError
    assert "ZeroDivisionError" in str(refused.error())


def test_a_task_keeps_paths_and_weights(tmp_path: Path) -> None:
    """An export that the store holds is found by the node, from the request as it was asked."""
    fill(tmp_path, BACKBONES[:2])
    plan = ExportPlan(embedding="pooled", request=WeightsRequest("random"), threads=1)
    found = answers(Export(BACKBONES[:2], str(tmp_path), plan))

    assert [(each.backbone, each.fresh) for each in found if isinstance(each, Made)] == [
        (each, False) for each in BACKBONES[:2]
    ]
    assert not any(isinstance(each, Noticed) for each in found)


@pytest.mark.parametrize("command", ["export", "bench"])
def test_without_ray_its_package_is_named(
    simx: Simx, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """One line, and the exit code of what cannot be used here."""
    monkeypatch.setitem(sys.modules, "ray", None)
    outcome = simx(command, "resnet18", "--on", "local")

    assert outcome.code == ExitCode.PROVIDER_UNAVAILABLE
    assert outcome.err.splitlines()[-1] == (
        "simx: --on local: needs Ray; pip install 'simx-bench[ray]'"
    )


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("bench", "resnet18", "--kind", "EPYC"), "--kind EPYC: works only with --on"),
        (("bench", "resnet18", "--per", "kind"), "--per kind: works only with --on"),
        (("bench", "resnet18", "--price", "a=1USD"), "--price a=1USD: works only with --on"),
        (("bench", "resnet18", "--on", "local", "--price", "1USD/h"), "write it as EPYC=0.40USD/h"),
        (("bench", "resnet18", "--on", "local", "--price", "a=0EUR"), "write it as EPYC=0.40USD/h"),
        (
            ("bench", "resnet18", "--on", "local", "--price", "a=1USD", "--price", "b=1EUR"),
            "give all prices in one currency",
        ),
        (
            ("bench", "resnet18", "--on", "local", "--per", "kind", "--kind", "EPYC"),
            "omit one of the two",
        ),
        (("export", "resnet18", "--on", "ray://head:10001"), "give local, auto, or HOST:PORT"),
        (("export", "resnet18", "--on", "local", "--jobs", "2"), "--jobs: with --on"),
        (("export", "--prune", "--on", "local"), "omit --on"),
    ],
)
def test_what_makes_no_sense_is_refused(simx: Simx, options: tuple[str, ...], reason: str) -> None:
    """Before Ray is looked for."""
    outcome = simx(*options)

    assert outcome.code == ExitCode.USAGE
    assert reason in outcome.err
