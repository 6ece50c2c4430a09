"""What a run's canaries show of the machine: its peak, and how much its speed drifted. Pure.

Of equal nodes of a cluster, the backbone that all of them measured shows what they differ in.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from simx.results.files.assembly import forward_of
from simx.results.schema.config import SINGLE_STREAM
from simx.results.schema.report import Canary, MeasuredCell, Report
from simx.results.schema.times import block_median
from simx.results.statistics.estimates import log_times
from simx.results.statistics.noise import canary_ns
from simx.results.summaries.summary import TargetId, target_of

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


def peaks(report: Report) -> dict[str, float]:
    """Return the highest rate of the fixed matrix product on each device, by ``device_of``.

    It is that of any backend, provider and round. A device on which a network reached a higher
    rate has no entry: there the product does not show the peak.
    """
    found: dict[str, float] = {}
    for canary in report.canary:
        device = device_of(canary.provider)
        found[device] = max(highest_rate(canary), found.get(device, 0.0))
    for cell in report.cells:
        device = device_of(cell.identity.provider)
        if isinstance(cell, MeasuredCell) and has_share(cell) and device in found:
            blocks = (block for launch in forward_of(cell) for block in launch.blocks)
            fastest_ns = min(map(block_median, blocks), default=math.inf)
            if rate_of(cell, fastest_ns) > found[device]:
                del found[device]
    return found


def highest_rate(canary: Canary) -> float:
    """Return the rate of a canary's fastest call, in floating-point operations per second.

    Those are 2 n^3 of an n x n by n x n product.
    """
    ns = min(canary_ns(block) for launch in canary.launches for block in launch.blocks)
    return 2 * canary.size**3 / ns * NS_PER_SECOND


def has_share(cell: MeasuredCell) -> bool:
    """Whether a network computes in float32, as the product does, and its work is counted.

    The times of a load are not those of its calls.
    """
    its = cell.identity
    is_float32 = its.precision == "fp32" and "tf32" not in its.backend
    return (
        is_float32 and its.scenario == SINGLE_STREAM and cell.catalogue.embedding_gmacs is not None
    )


def rate_of(cell: MeasuredCell, ns: float) -> float:
    """Return the rate of a network whose call takes ``ns`` nanoseconds.

    It is in floating-point operations per second, of which a multiply-accumulate is two. Work that
    is not counted is 0.
    """
    gmacs = (cell.catalogue.embedding_gmacs or 0.0) * cell.identity.batch
    return 2 * gmacs * 1e9 / (ns / NS_PER_SECOND)


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


def node_levels(report: Report, target: TargetId) -> Mapping[int, float]:
    """Return the mean logarithm of each node's times of the reference backbone, by its number.

    Empty where it was not measured on two nodes. Everything counts, disturbed rounds too.
    """
    found = {}
    for number, node in enumerate(report.nodes, 1):
        its = (each for each in node.reference if target_of(each.identity) == target)
        logs = [*chain.from_iterable(log_times(each.launches).values() for each in its)]
        if logs:
            found[number] = math.fsum(logs) / len(logs)
    return found if len(found) > 1 else {}


def between_nodes(report: Report, target: TargetId) -> float:
    """Return by which share equal nodes differ on a target; 0 without several nodes."""
    found = node_levels(report, target).values()
    return math.expm1(max(found) - min(found)) if found else 0.0
