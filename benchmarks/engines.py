"""Every engine on GFLOPS range 0, in one run: times, what their starts cost, and when that pays.

PyTorch, its compiler with and without constant weights, ONNX Runtime, OpenVINO by its own API, and
ExecuTorch. With an environment that has `onnxruntime-openvino` or the plug-in, also OpenVINO as
ONNX Runtime's provider. Prints two tables in Markdown: the first target's times and how many times
as fast the others are, with 95 % intervals; and the milliseconds of a cold start of each, with
those of a later launch where code is kept, and the calls after which it has paid for itself.

    python -m benchmarks.engines --minutes 60
    python -m benchmarks.engines --minutes 60 --environment .venv-openvino
"""

import argparse
import tempfile
from pathlib import Path

import simx
from benchmarks.builds import show
from benchmarks.precision import ALL, some
from simx.results.schema.report import MeasuredCell, Report
from simx.results.schema.times import Scope
from simx.results.statistics.estimates import estimate
from simx.results.summaries.derivation import backbones, targets
from simx.results.summaries.summary import FailedSummary, MeasuredSummary, target_of

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
    show_starts(report)


def show_starts(report: Report) -> None:
    """Print what a start of each target takes, and when it has paid for itself."""
    names = [target.name for target in targets(report)]
    print(f"| backbone | {' | '.join(f'{name}, start, ms' for name in names)} |")
    print(f"|---|{'---:|' * len(names)}")
    for backbone in backbones(report):
        starts = (start(cell, report, backbone.model) for cell in backbone.cells)
        print(f"| {backbone.model} | {' | '.join(starts)} |")


def start(cell: MeasuredSummary | FailedSummary, report: Report, model: str) -> str:
    """Return the time of a cold start, that of one with kept code, and the calls that pay for it.

    The first two are medians of the launches of their kind, in milliseconds.
    """
    if isinstance(cell, FailedSummary):
        return "failed"
    scopes: tuple[Scope, ...] = ("first", "first.cached")
    found = {
        timing.scope: f"{estimate(timing.launches).median_ns / 1e6:,.0f}"
        for each in report.cells
        if isinstance(each, MeasuredCell)
        and (each.identity.model, target_of(each.identity)) == (model, cell.target)
        for timing in each.timings
        if timing.scope in scopes
    }
    texts = [found.get("first", "?")]
    if "first.cached" in found:
        texts.append(f"kept {found['first.cached']}")
    if cell.payback is not None:
        texts.append(f"pays after {cell.payback.calls:,.0f} calls")
    return "; ".join(texts)


if __name__ == "__main__":
    main()
