"""What the canaries show of the machine."""

from collections.abc import Sequence

import msgspec
import pytest

from simx.results.schema.report import (
    Canary,
    Identity,
    MeasuredCell,
    Node,
    ReferenceTimes,
    Report,
)
from simx.results.statistics.drift import between_nodes, drift, has_share, peaks, rate_of
from simx.results.summaries.summary import target_of
from tests.results import builders
from tests.results.builders import around, identity, launches, measured, report


def canary(
    ns: int,
    *,
    model: str = "resnet18",
    backend: str = "ort",
    provider: str = "CPUExecutionProvider",
) -> Canary:
    taken = launches([[ns, 2 * ns]])
    return builders.canary(taken, model, backend=backend, provider=provider, size=100)


def of_canaries(*canaries: Canary, cells: Sequence[MeasuredCell] = ()) -> Report:
    return msgspec.structs.replace(report(*cells), canary=canaries)


def test_the_peak_is_that_of_the_fastest_product() -> None:
    """A 100 x 100 product is 2e6 operations; in 0.5 ms that is 4e9 a second."""
    slow = [canary(1_000_000, model=model) for model in ("vgg11", "alexnet", "vgg13")]

    assert peaks(of_canaries(*slow, canary(500_000, backend="torch"))) == {
        "CPUExecutionProvider": pytest.approx(4e9)
    }


def test_a_processor_has_one_peak() -> None:
    """Whichever provider reaches it; another device has its own."""
    found = peaks(
        of_canaries(
            canary(2_000_000),
            canary(1_000_000, provider="OpenVINOExecutionProvider"),
            canary(100_000, provider="CUDAExecutionProvider"),
        )
    )

    assert found == {
        "CPUExecutionProvider": pytest.approx(2e9),
        "CUDAExecutionProvider": pytest.approx(2e10),
    }


@pytest.mark.parametrize("provider", ["CPUExecutionProvider", "OpenVINOExecutionProvider"])
@pytest.mark.parametrize(("faster", "has_peak"), [(True, False), (False, True)])
def test_what_a_network_exceeds_is_no_peak(provider: str, *, faster: bool, has_peak: bool) -> None:
    """A product that runs badly would make shares of more than 100 %, of all cells on a device."""
    cell = measured(identity(provider=provider), milliseconds=10, gflops=1)
    # The network does a thousand times as many operations, in 9.9 ms in its fastest block.
    ns = round(9_900 * (1.05 if faster else 0.95))

    assert bool(peaks(of_canaries(canary(ns, provider=provider), cells=[cell]))) == has_peak


@pytest.mark.parametrize(
    "its",
    [
        msgspec.structs.replace(identity(), precision="int8"),
        identity(backend="ort:tf32", provider="CUDAExecutionProvider"),
        identity(backend="ort:use_tf32=1", provider="CUDAExecutionProvider"),
    ],
)
def test_other_numbers_than_float32_have_no_share(its: Identity) -> None:
    """They may well exceed the product's rate, and leave the peak of the others alone."""
    cell = measured(its, milliseconds=1, gflops=1)

    assert not has_share(cell)
    assert peaks(of_canaries(canary(1_000_000, provider=its.provider), cells=[cell]))


def test_a_rate_counts_two_operations_for_a_multiply_accumulate() -> None:
    """0.5e9 multiply-accumulates in 10 ms are 1e11 operations a second."""
    assert rate_of(measured(gflops=0.5), 10_000_000) == pytest.approx(1e11)


def test_drift_is_between_the_slowest_and_the_fastest() -> None:
    """Canaries of 100 and 110 leave 10 % open; a backbone without one none."""
    canaries = [canary(100), canary(110, model="vgg11")]
    resnet, vgg = ("resnet18", "IMAGENET1K_V1"), ("vgg11", "IMAGENET1K_V1")

    assert drift(canaries, [resnet, vgg]) == pytest.approx(0.1)
    assert drift(canaries, [vgg]) == 0
    assert drift([], [resnet, vgg]) == 0


def of_nodes(*milliseconds: float) -> Report:
    """Return a report of nodes on which the reference takes so long."""
    nodes = (
        Node(reference=(ReferenceTimes(identity=identity(), launches=around(each)),))
        for each in milliseconds
    )
    return msgspec.structs.replace(report(measured(identity())), nodes=tuple(nodes))


def test_what_equal_nodes_differ_in() -> None:
    """By the reference backbone on the slowest and on the fastest."""
    target = target_of(identity())

    assert between_nodes(of_nodes(50, 51, 52), target) == pytest.approx(0.04)
    assert between_nodes(of_nodes(50), target) == 0
    assert between_nodes(report(), target) == 0
    assert between_nodes(of_nodes(50, 52), msgspec.structs.replace(target, backend="ort")) == 0
