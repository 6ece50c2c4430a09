"""Every engine on GFLOPS range 0, in one run: times, what their starts cost, and when that pays.

PyTorch, its compiler with and without constant weights, ONNX Runtime, OpenVINO by its own API, and
ExecuTorch. With an environment that has `onnxruntime-openvino` or the plug-in, also OpenVINO as
ONNX Runtime's provider. Prints two tables in Markdown: the first target's times and how many times
as fast the others are, with 95 % intervals; and for each target the geometric mean of these, and
over the backbones the median, the least and the most of: a cold start, a later launch where code is
kept, and the calls after which a slow start has paid for itself.

    python -m benchmarks.engines --minutes 60
    python -m benchmarks.engines --minutes 60 --environment .venv-openvino
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import simx
from benchmarks.builds import show
from benchmarks.precision import ALL, some
from benchmarks.side_by_side import Interval
from simx.results.schema.report import MeasuredCell, Report
from simx.results.schema.times import Scope
from simx.results.statistics.estimates import Ratio, estimate
from simx.results.summaries.derivation import backbones, mean_speed, targets
from simx.results.summaries.summary import TargetId, target_of

BACKENDS = (
    *("torch", "torch:compile", "torch:freezing", "ort"),
    *("openvino", "openvino:static-batch", "executorch"),
)


def main() -> None:
    """Measure the engines in one run, and print the tables."""
    parser = argparse.ArgumentParser(description="Engines on GFLOPS range 0, in one run.")
    parser.add_argument("--minutes", type=float, default=60.0, help="of measuring")
    parser.add_argument("--backbones", type=int, default=ALL, help="of range 0, at the most")
    parser.add_argument("--models", nargs="+", help="these instead")
    parser.add_argument("--backends", nargs="+", default=BACKENDS)
    parser.add_argument("--environment", help="one with ONNX Runtime's OpenVINO provider")
    parser.add_argument("--store")
    parser.add_argument("--report", help="where the run's report is kept")
    options = parser.parse_args()
    models = options.models or some(options.backbones)
    beside = [f"ort@{options.environment}"] if options.environment else []
    with tempfile.TemporaryDirectory() as name:
        report = simx.bench(
            models,
            report=options.report or Path(name, "report.json"),
            backends=(*options.backends, *beside),
            providers=("cpu", "openvino") if beside else ("cpu",),
            budget=60 * options.minutes / len(models),
            store=options.store,
        )
    show(report)
    print()
    show_targets(report)


def show_targets(report: Report) -> None:
    """Print for each target its mean speed, what its starts take, and when they have paid."""
    print("| | times as fast | cold start, ms | with kept code, ms | pays off after calls |")
    print("|---|---:|---:|---:|---:|")
    measured = backbones(report)
    for target in targets(report):
        speed = mean_speed(measured, target)
        cells = [cell for each in measured for cell in each.measured if cell.target == target]
        columns = (
            with_interval(speed),
            typical(start_ms(report, target, "first")),
            typical(start_ms(report, target, "first.cached")),
            typical([cell.payback.calls for cell in cells if cell.payback], of=len(cells)),
        )
        print(f"| {target.name} | {' | '.join(columns)} |")


def with_interval(speed: Ratio | None) -> str:
    """Return a mean speed; nothing for the first target, and where a speed has no interval."""
    if speed is None or speed.low is None or speed.high is None:
        return ""
    return str(Interval(speed.value, speed.low, speed.high))


def start_ms(report: Report, target: TargetId, scope: Scope) -> list[float]:
    """Return each backbone's median time of a kind of start on a target, in milliseconds."""
    return [
        estimate(timing.launches).median_ns / 1e6
        for cell in report.cells
        if isinstance(cell, MeasuredCell) and target_of(cell.identity) == target
        for timing in cell.timings
        if timing.scope == scope
    ]


def typical(values: Sequence[float], of: int = 0) -> str:
    """Return the median with the least and the most, and how many there are if ``of`` are not."""
    if not values:
        return ""
    text = f"{median(values):,.0f} ({min(values):,.0f} to {max(values):,.0f})"
    return text if len(values) >= of else f"{text}, in {len(values)} of {of}"


if __name__ == "__main__":
    main()
