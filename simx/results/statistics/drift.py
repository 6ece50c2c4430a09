"""What a run's canaries show of the machine: its peak, and how much its speed drifted. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence

from simx.results.schema.report import Canary
from simx.results.statistics.noise import CanaryKey, canary_ns
from simx.results.summaries.summary import TargetId

NS_PER_SECOND = 1e9

PROCESSOR = "CPUExecutionProvider"

_CUDA = "CUDAExecutionProvider"

_DEVICES = {
    "ACLExecutionProvider": PROCESSOR,
    "ArmNNExecutionProvider": PROCESSOR,
    "DnnlExecutionProvider": PROCESSOR,
    "NvTensorRTRTXExecutionProvider": _CUDA,
    "OpenVINOExecutionProvider": PROCESSOR,
    "TensorrtExecutionProvider": _CUDA,
    "XnnpackExecutionProvider": PROCESSOR,
}
"""Providers that by default run on the device of another one."""


def device_of(provider: str) -> str:
    """Return the provider that stands for a provider's device, which has one peak."""
    return _DEVICES.get(provider, provider)


def torch_beside(target: TargetId) -> TargetId:
    """Return torch on the device of a target, with which the target is compared."""
    return TargetId("torch", device_of(target.provider))


def peaks(
    canaries: Iterable[Canary], undisturbed_ns: Mapping[CanaryKey, float]
) -> dict[str, float]:
    """Return the highest rate of the fixed matrix product on each device, by ``device_of``.

    It is in floating-point operations per second: 2 n^3 of an n x n by n x n product. The fastest
    backend and provider on a device sets the peak for all of them.

    Args:
        canaries: A report's.
        undisturbed_ns: What they take undisturbed; see ``round_filter.references``.
    """
    found: dict[str, float] = {}
    for canary in canaries:
        ns = undisturbed_ns[canary.backend, canary.provider]
        rate = 2 * canary.size**3 / ns * NS_PER_SECOND
        device = device_of(canary.provider)
        found[device] = max(rate, found.get(device, 0.0))
    return found


def peak_share(gmacs: float, ns: float, peak: float) -> float:
    """Return the share of a peak that a network achieves.

    Args:
        gmacs: 1e9 multiply-accumulates of one call, each of them two operations.
        ns: Time of one call, in nanoseconds.
        peak: In floating-point operations per second.
    """
    return 2 * gmacs * 1e9 / (ns / NS_PER_SECOND) / peak


def drift(canaries: Iterable[Canary], backbones: Sequence[tuple[str, str]]) -> float:
    """Return by which share the machine's speed differed between backbones of one target.

    It is 0.02 for 2 % between the slowest and the fastest backbone's canaries; 0 without canaries.

    Args:
        canaries: Of one backend and provider.
        backbones: Models and weights.
    """
    found = levels(canaries)
    known = [found[backbone] for backbone in backbones if backbone in found]
    return math.expm1(max(known) - min(known)) if known else 0.0


def levels(canaries: Iterable[Canary]) -> Mapping[tuple[str, str], float]:
    """Return the mean logarithm of the canaries of each backbone, by its model and weights."""
    found = {}
    for canary in canaries:
        logs = [math.log(canary_ns(block)) for launch in canary.launches for block in launch.blocks]
        found[canary.model, canary.weights] = math.fsum(logs) / len(logs)
    return found
