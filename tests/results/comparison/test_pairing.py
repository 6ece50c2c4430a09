"""Two targets of one report side by side."""

import math

import numpy as np
import pytest

from simx.common.errors import ExitCode, InputError
from simx.models.ranges import DEFAULT_RANGES
from simx.results.comparison.compare import ComparisonCriteria, compare_targets
from simx.results.comparison.digest import CellDigest, Digest
from simx.results.comparison.outcome import Comparison, gate
from simx.results.statistics.estimates import interval
from tests.results.builders import failed, identity
from tests.results.comparison.builders import Times, cell, digest

BACKBONES = ("alexnet", "resnet18", "resnet34", "vgg11", "vgg13", "vgg16")


def times(milliseconds: float, disturbances: list[float], own: list[float]) -> Times:
    """Return five launches; what disturbs them is larger than a change of 1 %."""
    pairs = zip(disturbances, own, strict=True)
    return {("forward", None): [milliseconds * math.exp(one + two) for one, two in pairs]}


def pair(model: str, ratio: float, seed: int) -> tuple[CellDigest, CellDigest]:
    """Return a backbone's cells on torch and on ORT, which takes ``ratio`` times as long."""
    random = np.random.default_rng(seed)
    shared = random.normal(0, 0.1, 5).tolist()
    one, other = (random.normal(0, 0.001, 5).tolist() for _ in range(2))
    return (
        cell(model, its=identity(model), times=times(50, shared, one)),
        cell(model, its=identity(model, backend="ort"), times=times(50 * ratio, shared, other)),
    )


def between(of: Digest, *names: str) -> Comparison:
    base, new = map(of.target_named, names)
    criteria = ComparisonCriteria(threshold=0.005, ranges=DEFAULT_RANGES)
    return compare_targets(of, base, new, criteria)


def test_a_slowdown_of_one_percent_shows_below_disturbances_of_ten() -> None:
    """Both targets were disturbed alike: in the ratio of a launch that cancels."""
    cells = [pair(name, 1.01 if name == "vgg11" else 1.0, at) for at, name in enumerate(BACKBONES)]
    found = between(digest(*(each for both in cells for each in both)), "torch", "ort")

    assert [each.new.model for each in found.regressions] == ["vgg11"]
    assert gate([found], "regression") == ExitCode.REGRESSION
    assert (found.base.name, found.new.name) == ("torch cpu", "ort cpu")
    assert found.paired
    assert len(found.compared) == len(BACKBONES)


def test_the_interval_is_that_of_the_paired_launches() -> None:
    """Without a prior, as of a single backbone, it is Student's."""
    one, other = pair("resnet18", 1.2, seed=0)
    found = between(digest(one, other), "torch", "ort")
    logs = {at: other.times[0].logs[at] - log for at, log in one.times[0].logs.items()}
    change = found.compared[0].forward

    assert change is not None
    assert (change.ratio, change.low, change.high) == pytest.approx(interval(logs)[:3])


def test_backbones_of_one_target_alone_have_no_verdict() -> None:
    """Nor has one that failed there: both are counted, and nothing is called equal."""
    one, other = pair("resnet18", 1.0, seed=0)
    alone, _ = pair("vgg11", 1.0, seed=1)
    cells = [one, other, alone, cell(of=failed(identity("vgg13", backend="ort")), times={})]
    there, _ = pair("vgg13", 1.0, seed=2)
    found = between(digest(*cells, there), "torch", "ort")

    assert found.judged == 1
    assert {each.reason for each in found.unjudged} == {"only in base", "failed in new"}
    assert gate([found], "inconclusive") == ExitCode.INCONCLUSIVE


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("tensorflow", "names no target of this report, which has 'torch cpu', 'ort cpu', 'ort cu"),
        ("ort", "names several targets"),
        ("", "names no target"),
    ],
)
def test_a_name_that_fits_no_single_target_is_refused(name: str, says: str) -> None:
    """With the names that there are."""
    of = digest(
        cell(),
        cell(its=identity(backend="ort")),
        cell(its=identity(backend="ort", provider="CUDAExecutionProvider")),
    )

    with pytest.raises(InputError, match=says):
        of.target_named(name)


@pytest.mark.parametrize("name", ["ort cuda", "  ort   cuda "])
def test_a_target_is_named_as_in_the_tables(name: str) -> None:
    """Backend and provider; spaces do not matter."""
    of = digest(
        cell(its=identity(backend="ort")),
        cell(its=identity(backend="ort", provider="CUDAExecutionProvider")),
    )

    assert of.target_named(name).provider == "CUDAExecutionProvider"
