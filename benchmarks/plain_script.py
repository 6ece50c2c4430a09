"""A plain script against simx at equal time: how much the torch/ORT ratio differs from run to run.

The plain script is what people write: one process, ten calls to warm up, forty timed ones of each
backend one after the other, the ratio of their medians.
"""

import argparse
import math
import subprocess
import sys
import time
from statistics import stdev

import msgspec

from simx.results.schema.config import Schedule
from simx.runner.bench.cells import PlannedCell
from simx.runner.bench.threads import default_threads
from simx.selfcheck.laboratory import laboratory

SCRIPT = """
import sys, time
from statistics import median
import numpy, onnxruntime, torch, torchvision
model, path, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
torch.set_num_threads(threads)
network = torchvision.models.get_model(model, weights=None).eval()
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = threads
session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
array = numpy.random.default_rng(0).standard_normal((1, 3, 224, 224), dtype=numpy.float32)
tensor = torch.from_numpy(array)
def timed(call):
    for _ in range(10):
        call()
    times = []
    for _ in range(40):
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return median(times)
with torch.inference_mode():
    slower = timed(lambda: network(tensor))
print(slower / timed(lambda: session.run(None, {"image": array})))
"""


def main() -> None:
    """Print the standard deviation of the logarithm of the ratio, of either."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=["alexnet", "squeezenet1_1"])
    parser.add_argument("--repeats", type=int, default=12)
    options = parser.parse_args()
    for model in options.models:
        with laboratory(default_threads(), model) as at:
            cells = at.cell("torch"), at.cell("ort")
            plain, ours, seconds = [], [], []
            for repeat in range(options.repeats):
                begun = time.monotonic()
                plain.append(math.log(run_plain(model, cells[1])))
                seconds.append(time.monotonic() - begun)
                schedule = Schedule(
                    pilot=40, launches=40, rounds=2, budget_seconds=seconds[-1], seed=repeat
                )
                ours.append(math.log(at.compare(*cells, schedule).ratio.value))
        print(
            f"{model}: {100 * stdev(plain):.2f} % plain, {100 * stdev(ours):.2f} % simx, "
            f"{sum(seconds) / len(seconds):.1f} s each, {options.repeats} runs of each in turns; "
            f"ratios {math.exp(sum(plain) / len(plain)):.3f} and "
            f"{math.exp(sum(ours) / len(ours)):.3f} (the plain one's network has its head)",
            flush=True,
        )


def run_plain(model: str, cell: PlannedCell) -> float:
    """Run the plain script in a process of its own and return its ratio."""
    arguments = [model, str(cell.entry.model_path), str(default_threads())]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True, check=True
    )
    return msgspec.json.decode(done.stdout, type=float)


if __name__ == "__main__":
    main()
