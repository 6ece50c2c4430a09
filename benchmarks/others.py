"""timm's ``benchmark.py`` and OpenVINO's ``benchmark_app`` beside simx, on the same networks.

They are timm's networks without their classifiers, with random weights, in fp32, on the CPU, with
the same side of the picture, batch and number of threads. Each round measures every network once by
every tool, in another order. The table has the median over the rounds of what a tool reports: the
time of a call, and pictures per second. It has how far the times of the rounds are apart, the 95 %
interval that simx alone gives, and the seconds that a figure takes, with the start of its process.

- timm's package lacks ``benchmark.py``, as a wheel and as a source distribution: it is a file of
  timm's repository, and ``--timm`` is where it lies. Without an option for threads, it gets
  ``OMP_NUM_THREADS``. It reports the mean of 40 calls. The C library's allocator is as it is by
  default, as in simx's ``torch:fresh-heap``.
- ``benchmark_app`` is in the package ``openvino``, and ``--openvino`` is a virtual environment that
  has it. It makes calls in a row (``-api sync``) in one stream for ``--seconds``, and reports their
  median. In simx the same engine runs by ONNX Runtime's provider, ``--backends ort@FOLDER
  --providers openvino``: its package ``onnxruntime-openvino`` has an OpenVINO of its own, which may
  be another release.

    python -m benchmarks.others --timm FILE --openvino FOLDER
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from statistics import mean, median
from typing import NamedTuple

import msgspec

import simx
from simx.exporter.jobs.plan import Exported
from simx.models.backbone import TIMM_PREFIX
from simx.results.schema.times import FORWARD
from simx.runner.bench.schedule import PROFILES
from simx.runner.bench.threads import default_threads
from simx.workers.variables import without_runtimes

MODELS = ("mobilenetv2_050", "resnet18", "resnet50")
BACKENDS = ("torch", "torch:fresh-heap", "ort")


class Figure(NamedTuple):
    """What a tool reports of a batch; ``half_width`` is that of its interval, as a share."""

    tool: str
    batch: int
    milliseconds: float
    pictures_per_second: float
    seconds: float
    half_width: float | None = None


class Network(NamedTuple):
    """A network of timm's: its name there, the side of its picture in pixels, and its graph."""

    name: str
    side: int
    graph: Path


Tool = Callable[[Network], Iterator[Figure]]
"""Measures a network at every batch."""


def main() -> None:
    """Measure all networks in rounds, and print the table."""
    parser = argparse.ArgumentParser(description="Other benchmarks of networks beside simx.")
    parser.add_argument("--timm", type=Path, metavar="FILE", help="benchmark.py of timm")
    parser.add_argument("--openvino", type=Path, metavar="FOLDER", help="has benchmark_app")
    parser.add_argument("--backends", nargs="+", default=BACKENDS, help="of simx")
    parser.add_argument("--providers", nargs="+", default=("cpu",), help="of simx")
    parser.add_argument("--profile", choices=PROFILES, default="default", help="of simx")
    parser.add_argument("--models", nargs="+", default=MODELS, help="names of timm's")
    parser.add_argument("--batches", nargs="+", type=int, default=(1, 8))
    parser.add_argument("--threads", type=int, default=default_threads())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=10, help="of benchmark_app, for a batch")
    parser.add_argument("--store")
    options = parser.parse_args()
    tools: list[Tool] = [lambda network: by_simx(network, options)]
    if options.timm:
        tools.append(lambda network: by_timm(network, options))
    if options.openvino:
        tools.append(lambda network: by_openvino(network, options))
    found: dict[tuple[str, int, str], list[Figure]] = defaultdict(list)
    measured = networks(options.models, options.store)
    for _ in range(options.rounds):
        for network in measured:
            for figure in chain.from_iterable(tool(network) for tool in tools):
                found[network.name, figure.batch, figure.tool].append(figure)
        tools.append(tools.pop(0))
    print("| network | batch | tool | ms | pictures/s | between rounds | interval | seconds |")
    print("|---|---:|---|---:|---:|---:|---:|---:|")
    for (name, batch, tool), figures in sorted(found.items()):
        print(f"| {name} | {batch} | {tool} | {' | '.join(summary(figures))} |")


def networks(names: Sequence[str], store: str | None) -> list[Network]:
    """Export networks with random weights, unless the store has them."""
    found = simx.export([TIMM_PREFIX + name for name in names], weights="random", store=store)
    return [
        Network(
            each.backbone.model.removeprefix(TIMM_PREFIX),
            each.backbone.preset.crop,
            each.entry.model_path.absolute(),
        )
        for each in found
        if isinstance(each, Exported)
    ]


def by_simx(network: Network, options: argparse.Namespace) -> Iterator[Figure]:
    """Measure all batches on all backends in one run; a figure's seconds are its part of that."""
    with tempfile.TemporaryDirectory() as folder:
        begun = time.monotonic()
        report = simx.bench(
            TIMM_PREFIX + network.name,
            report=Path(folder, "report.json"),
            backends=options.backends,
            providers=options.providers,
            batches=options.batches,
            threads=options.threads,
            profile=options.profile,
            weights="random",
            store=options.store,
        )
        seconds = time.monotonic() - begun
    for row in simx.rows(report):
        provider = row.provider.removesuffix("ExecutionProvider").lower()
        tool = f"simx, {row.backend} {provider}"
        if row.status == "failed" or (row.scope == FORWARD[0] and row.status != "ok"):
            print(f"{network.name}, batch {row.batch}, {tool}: {row.status}", file=sys.stderr)
        elif row.scope == FORWARD[0] and row.median:
            yield Figure(
                tool,
                row.batch,
                row.median,
                1000 * row.batch / row.median,
                seconds / len(report.cells),
                row.ci_high and row.ci_high / row.median - 1,
            )


def by_timm(network: Network, options: argparse.Namespace) -> Iterator[Figure]:
    """Run timm's script for every batch, with its own numbers of calls."""
    command = [sys.executable, options.timm, "--bench", "inference", "--device", "cpu"]
    command += ["--model", network.name, "--num-classes", "0", "--img-size", str(network.side)]
    for batch in options.batches:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "result.json")
            further = ["--batch-size", str(batch), "--results-file", str(path)]
            seconds = run([*command, *further, "--results-format", "json"], options.threads)
            result = msgspec.json.decode(path.read_bytes())
        times = result["infer_step_time"], result["infer_samples_per_sec"]
        yield Figure("timm, benchmark.py", batch, *times, seconds)


def by_openvino(network: Network, options: argparse.Namespace) -> Iterator[Figure]:
    """Run OpenVINO's program for every batch, in fp32 as everything else."""
    command = [options.openvino / "bin" / "benchmark_app", "-m", network.graph, "-hint", "none"]
    command += ["-api", "sync", "-nstreams", "1", "-nthreads", str(options.threads)]
    command += ["-infer_precision", "f32", "-t", str(options.seconds)]
    for batch in options.batches:
        with tempfile.TemporaryDirectory() as folder:
            further = ["-shape", f"[{batch},3,{network.side},{network.side}]", "-json_stats"]
            further += ["-report_type", "no_counters", "-report_folder", folder]
            seconds = run([*command, *further], options.threads)
            result = msgspec.json.decode(Path(folder, "benchmark_report.json").read_bytes())
        of = result["execution_results"]
        times = float(of["latency (ms)"]), float(of["throughput"])
        yield Figure("openvino, benchmark_app", batch, *times, seconds)


def run(command: Sequence[str | Path], threads: int) -> float:
    """Run a program without the variables that change a runtime, and return the seconds it took."""
    begun = time.monotonic()
    variables = without_runtimes(os.environ) | {"OMP_NUM_THREADS": str(threads)}
    subprocess.run(command, stdout=subprocess.DEVNULL, env=variables, check=True)
    return time.monotonic() - begun


def summary(figures: Sequence[Figure]) -> Iterator[str]:
    """Yield the fields of a tool's rounds."""
    times = [each.milliseconds for each in figures]
    widths = [each.half_width for each in figures if each.half_width is not None]
    yield f"{median(times):.2f}"
    yield f"{median(each.pictures_per_second for each in figures):.1f}"
    yield f"{100 * (max(times) / min(times) - 1):.1f} %"
    yield f"±{100 * mean(widths):.1f} %" if widths else ""
    yield f"{median(each.seconds for each in figures):.0f}"


if __name__ == "__main__":
    main()
