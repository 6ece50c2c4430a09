"""Several builds and releases of a runtime against each other, in one run.

Each requirement gets a virtual environment of its own in a temporary folder, by pip, which asks the
package index for it: by default the latest two releases of ONNX Runtime, and the latest of its
OpenVINO build, which is measured on the CPU's provider and on its own. Prints a table in Markdown:
the times of the first environment, and how many times as fast the others are.

    python -m benchmarks.builds --minutes 10
    python -m benchmarks.builds "torch==2.15.0 torchvision" "torch==2.14.1 torchvision"
"""

import argparse
import re
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path

import simx
from benchmarks.side_by_side import Interval, interpreter_of
from simx.results.schema.report import Report
from simx.results.schema.times import FORWARD
from simx.results.summaries.derivation import backbones, targets
from simx.results.summaries.summary import FailedSummary, MeasuredSummary

MODELS = ("squeezenet1_1", "mobilenet_v2", "efficientnet_b0", "resnet18", "regnet_y_400mf")
NEEDED = ("numpy", "msgspec")
"""What a worker imports beside its runtime."""


def main() -> None:
    """Make the environments, measure them in one run, and print its tables."""
    parser = argparse.ArgumentParser(description="Builds of a runtime, in one run.")
    parser.add_argument("requirements", nargs="*", help="packages of an environment, in one word")
    parser.add_argument("--minutes", type=float, default=10.0, help="of measuring")
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--store")
    parser.add_argument("--report", help="where the run's report is kept")
    options = parser.parse_args()
    requirements = options.requirements or default_requirements()
    with tempfile.TemporaryDirectory() as name:
        backends = [
            environment(Path(name, str(index)), each) for index, each in enumerate(requirements)
        ]
        with_openvino = any("openvino" in each for each in requirements)
        report = simx.bench(
            options.models,
            report=options.report or Path(name, "report.json"),
            backends=backends,
            providers=("cpu", "openvino") if with_openvino else ("cpu",),
            budget=60 * options.minutes / len(options.models),
            store=options.store,
        )
    show(report)


def show(report: Report) -> None:
    """Print the first target's times, and how many times as fast each other one is."""
    first, *others = (target.name for target in targets(report))
    columns = (f"{first}, ms", *(f"{name}, speed-up" for name in others))
    print(f"| backbone | {' | '.join(columns)} |")
    print(f"|---|{'---:|' * len(columns)}")
    for backbone in backbones(report):
        figures = (figure(cell) for cell in backbone.cells)
        print(f"| {backbone.model} | {' | '.join(figures)} |")


def figure(cell: MeasuredSummary | FailedSummary) -> str:
    """Return a cell's speed-up with its interval, or the first cell's time with its own."""
    if isinstance(cell, FailedSummary):
        return f"failed at {cell.stage}"
    speed, forward = cell.speed, cell.times.get(FORWARD)
    if speed is not None and speed.low is not None and speed.high is not None:
        return str(Interval(speed.value, speed.low, speed.high))
    if forward is None or forward.low_ns is None or forward.high_ns is None:
        return "busy"
    low, high = forward.low_ns / 1e6, forward.high_ns / 1e6
    return f"{forward.median_ns / 1e6:.2f} ({low:.2f} to {high:.2f})"


def default_requirements() -> list[str]:
    """Return the latest two releases of ONNX Runtime, and the latest one of its OpenVINO build."""
    plain = [f"onnxruntime=={release}" for release in releases("onnxruntime")[:2]]
    return [*plain, f"onnxruntime-openvino=={releases('onnxruntime-openvino')[0]}"]


def releases(package: str) -> Sequence[str]:
    """Return the releases of a package that the index has, the latest first."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "index", "versions", package],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found = re.search(r"^Available versions: (.+)$", listed.stdout, re.MULTILINE)
    assert found is not None, listed.stdout  # noqa: S101 - pip prints it whenever it succeeds
    return found[1].split(", ")


def environment(folder: Path, requirement: str) -> str:
    """Install packages into an environment of their own, and return the name of its backend."""
    print(f"installing {requirement}", file=sys.stderr)
    venv.create(folder, symlinks=True)
    pip = [sys.executable, "-m", "pip", "--python", interpreter_of(folder), "install", "-qq"]
    subprocess.run([*pip, *NEEDED, *requirement.split()], check=True)
    return f"{'torch' if requirement.startswith('torch') else 'ort'}@{folder}"


if __name__ == "__main__":
    main()
