"""A small result of ``simx tune``."""

from simx.results.schema.tuning import (
    BenchOptions,
    Confirmed,
    Effect,
    OutOfSearch,
    TunedModel,
    TunedSettings,
    Tuning,
)
from simx.results.statistics.estimates import Estimate, Ratio
from tests.results.builders import report

ENVIRONMENT = report().environment
assert ENVIRONMENT is not None

DEFAULT = TunedSettings(
    backend="ort", provider="CPUExecutionProvider", precision="fp32", batch=1, threads=2
)
WINNER = TunedSettings(
    backend="ort:spinning", provider="CPUExecutionProvider", precision="fp32", batch=8, threads=1
)


def gain(value: float, half: float = 0.02) -> Ratio:
    return Ratio(
        value=value, low=value * (1 - half), high=value * (1 + half), degrees=9, launches=10
    )


def call(milliseconds: float) -> Estimate:
    ns = 1e6 * milliseconds
    return Estimate(median_ns=ns, low_ns=0.98 * ns, high_ns=1.02 * ns, degrees=9, launches=10)


MODEL = TunedModel(
    model="resnet18",
    weights="IMAGENET1K_V1",
    winner=WINNER,
    default=DEFAULT,
    best=WINNER,
    confirmed=(
        Confirmed(settings=WINNER, call=call(80)),
        Confirmed(settings=DEFAULT, call=call(13), gain=gain(1.3)),
    ),
    effects=(
        Effect(settings=WINNER, change="variant spinning", gain=gain(1.3)),
        Effect(settings=WINNER, change="batch 8", gain=gain(1.01)),
    ),
    out=(OutOfSearch(settings=DEFAULT, reason="it does not load"),),
    candidates=21,
    launches=14,
    confirming=10,
    seconds=100.0,
    code="import onnxruntime\n\noptions = [*x]\n",
)

TUNING = Tuning(
    created="2026-01-05T12:00:00+00:00",
    simx="0.1.0",
    environment=ENVIRONMENT,
    goal="throughput",
    max_latency_seconds=0.1,
    seed=3,
    settings=BenchOptions(
        backend=("ort", "ort:spinning"),
        provider=("CPUExecutionProvider",),
        precision=("fp32",),
        batch=(1, 8),
        threads=(1, 2),
    ),
    models=(MODEL,),
)
