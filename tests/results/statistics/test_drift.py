"""What the canaries show of the machine."""

import pytest

from simx.results.schema.report import Canary
from simx.results.statistics.drift import drift, peak_share, peaks
from simx.results.statistics.round_filter import references
from tests.results.builders import launches


def canary(
    ns: int,
    *,
    model: str = "resnet18",
    backend: str = "ort",
    provider: str = "CPUExecutionProvider",
) -> Canary:
    return Canary(
        model=model,
        weights="IMAGENET1K_V1",
        backend=backend,
        provider=provider,
        size=100,
        launches=launches([[ns, 2 * ns]]),
    )


def test_the_peak_is_the_fastest_backend_s() -> None:
    """A 100 x 100 product is 2e6 operations; in 1 ms that is 2e9 a second."""
    canaries = [canary(1_000_000), canary(2_000_000, backend="torch")]
    found = peaks(canaries, references(canaries))

    assert found == {"CPUExecutionProvider": pytest.approx(2e9)}


def test_a_processor_has_one_peak() -> None:
    """Whichever provider reaches it; another device has its own."""
    canaries = [
        canary(2_000_000),
        canary(1_000_000, provider="OpenVINOExecutionProvider"),
        canary(100_000, provider="CUDAExecutionProvider"),
    ]
    found = peaks(canaries, references(canaries))

    assert found == {
        "CPUExecutionProvider": pytest.approx(2e9),
        "CUDAExecutionProvider": pytest.approx(2e10),
    }


def test_a_share_counts_two_operations_for_a_multiply_accumulate() -> None:
    """0.5e9 multiply-accumulates in 10 ms are 1e11 operations a second."""
    assert peak_share(0.5, 10_000_000, 2e11) == pytest.approx(0.5)


def test_drift_is_between_the_slowest_and_the_fastest() -> None:
    """Canaries of 100 and 110 leave 10 % open; a backbone without one none."""
    canaries = [canary(100), canary(110, model="vgg11")]
    resnet, vgg = ("resnet18", "IMAGENET1K_V1"), ("vgg11", "IMAGENET1K_V1")

    assert drift(canaries, [resnet, vgg]) == pytest.approx(0.1)
    assert drift(canaries, [vgg]) == 0
    assert drift([], [resnet, vgg]) == 0
