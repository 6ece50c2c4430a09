"""Small profiles, and a result of ``simx explain``."""

from simx.results.explanation.gap import by_kind, by_part
from simx.results.schema.explanation import Explanation, Side
from simx.results.schema.kernels import Kernel, Kernels, Kind
from simx.results.statistics.estimates import Estimate, Ratio
from tests.results.builders import report

ENVIRONMENT = report().environment
assert ENVIRONMENT is not None

MS = 1e6


def kernel(milliseconds: float, *modules: str, kind: Kind = "convolutions") -> Kernel:
    return Kernel(operator="Conv", kind=kind, modules=modules, ns=milliseconds * MS)


def profile(*kernels: Kernel) -> Kernels:
    return kernels


def side(found: Kernels, forward: float | None = None, backend: str = "torch") -> Side:
    """Return a side whose ``forward`` takes as long as its profile, or so many milliseconds."""
    ns = sum(each.ns for each in found) if forward is None else forward * MS
    return Side(
        backend=backend,
        provider="CPUExecutionProvider",
        precision="fp32",
        forward=Estimate(median_ns=ns, low_ns=0.99 * ns, high_ns=1.01 * ns, degrees=4, launches=5),
        kernels=found,
    )


TORCH = side(
    profile(
        kernel(2.0, "features.0.0"),
        kernel(1.0, "features.0.1", kind="batch norms"),
        kernel(6.0, "features.1.0", kind="depthwise convolutions"),
        kernel(1.0, "features.1"),
        kernel(0.5, "", kind="between kernels"),
    )
)
ORT = side(
    profile(
        kernel(2.0, "features.0.0"),
        kernel(1.0, "features.1", "features.1.0", kind="depthwise convolutions"),
        Kernel(operator="Cast", kind="casts", numbers="float16", is_added=True, count=3, ns=0.5e6),
    ),
    backend="ort",
)
SIDES = (TORCH, ORT)

EXPLANATION = Explanation(
    created="2026-01-05T12:00:00+00:00",
    simx="0.1.0",
    environment=ENVIRONMENT,
    model="resnet18",
    weights="IMAGENET1K_V1",
    batch=1,
    threads=2,
    launches=5,
    sides=SIDES,
    ratio=Ratio(value=3.0, low=2.9, high=3.1, degrees=4, launches=5),
    slower=0,
    noisy=False,
    kinds=by_kind(SIDES, 0),
    parts=by_part(SIDES, 0),
)
