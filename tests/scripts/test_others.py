"""The script that measures by other programs beside simx: what it asks of them, and its table."""

import sys
from argparse import Namespace
from pathlib import Path

import pytest

from benchmarks.others import Figure, Network, by_openvino, by_timm, summary

TIMM = """
import json, os, sys
_, *given = sys.argv
options = dict(zip(given[::2], given[1::2]))
assert (options["--model"], options["--img-size"], options["--num-classes"]) == ("net", "96", "0")
batch = int(options["--batch-size"])
threads = float(os.environ["OMP_NUM_THREADS"])
result = {"infer_step_time": 2.0 * batch, "infer_samples_per_sec": threads}
with open(options["--results-file"], "w") as file:
    json.dump(result, file)
"""

APP = """#!{python}
import json, pathlib, sys
given = sys.argv[1:]
after = lambda name: given[given.index(name) + 1]
assert (after("-nthreads"), after("-infer_precision"), after("-api")) == ("3", "f32", "sync")
batch, *shape = json.loads(after("-shape"))
assert shape == [3, 96, 96]
results = {{"latency (ms)": f"{{2 * batch:.2f}}", "throughput": "500.00"}}
path = pathlib.Path(after("-report_folder"), "benchmark_report.json")
path.write_text(json.dumps({{"execution_results": results}}))
"""


@pytest.fixture
def options(tmp_path: Path) -> Namespace:
    """Three threads, and both programs."""
    script, app = tmp_path / "benchmark.py", tmp_path / "bin" / "benchmark_app"
    script.write_text(TIMM)
    app.parent.mkdir()
    app.write_text(APP.format(python=sys.executable))
    app.chmod(0o755)
    return Namespace(timm=script, openvino=tmp_path, batches=[1, 8], threads=3, seconds=1)


def test_the_programs_measure_the_same_as_simx(options: Namespace) -> None:
    """The network, the picture's side, the batch, the threads and the precision."""
    network = Network("net", 96, Path("model.onnx"))
    found = [*by_timm(network, options), *by_openvino(network, options)]

    assert [(each.tool, each.batch, each.milliseconds) for each in found] == [
        ("timm, benchmark.py", 1, 2.0),
        ("timm, benchmark.py", 8, 16.0),
        ("openvino, benchmark_app", 1, 2.0),
        ("openvino, benchmark_app", 8, 16.0),
    ]
    assert [each.pictures_per_second for each in found] == [3.0, 3.0, 500.0, 500.0]


def test_a_row_has_the_rounds_and_simx_s_interval() -> None:
    """Other programs have no interval."""
    times = (10.0, 11.0, 10.5)
    other = [Figure("other", 8, each, 8000 / each, 7.0) for each in times]
    ours = [Figure("simx", 8, each, 8000 / each, 7.0, 0.02) for each in times]

    assert [*summary(other)] == ["10.50", "761.9", "10.0 %", "", "7"]
    assert [*summary(ours)] == ["10.50", "761.9", "10.0 %", "±2.0 %", "7"]
