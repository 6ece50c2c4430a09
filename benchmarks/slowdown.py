"""How often a build of ONNX Runtime that is 1 or 3 % slower is found, beside the usual one.

The slower build is that of a second environment, which does real work more: after each call of a
network, it adds two small arrays again and again, which need no cache but the first. How many
additions make up the share is measured first. Then the true ratio is measured at length, by calls
of both builds in turns, each in its own process. A trial is a benchmark of one backbone with both
builds, and ``simx diff --between``.

    python -m benchmarks.slowdown --percent 3 --trials 20 --budget 60
    python -m benchmarks.slowdown --percent 1 --model resnet18 --trials 10 --budget 300
    python -m benchmarks.slowdown --trials 3 --neighbour
"""

import argparse
import math
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import onnxruntime

import simx
from benchmarks.side_by_side import (
    Engine,
    Interval,
    Series,
    borrowed_environment,
    interpreter_of,
    judged,
    ratio_of_calls,
)
from simx.exporter.jobs.plan import Exported
from simx.results.comparison.outcome import Change
from simx.runner.bench.threads import default_threads
from simx.selfcheck.check import lower_bound
from simx.selfcheck.trials import neighbour

VALUES = 4096
"""Of an array; an addition takes a microsecond or two."""

AT_FIRST = 2000
"""Additions with which the time of one is measured: so many that little noise is left."""

IN_A_ROW = 16
"""Calls of a turn for the true ratio. simx measures calls in a row, and so does a service; a
session that is called in between has to fill the caches with its weights again."""

SLOWER_BUILD = '''"""ONNX Runtime, with more work after each call of a network."""
import pathlib
import numpy
real = pathlib.Path({real!r})
__path__ = [str(real)]
exec((real / "__init__.py").read_text())
Usual = InferenceSession
ADDITIONS = range({additions})
ONES, SUMS = numpy.ones((2, {values}), numpy.float32)
class InferenceSession(Usual):
    def __init__(self, path, *arguments, **options):
        super().__init__(path, *arguments, **options)
        self.is_slower = self.get_inputs()[0].name == "image" and {model!r} in str(path)
    def run(self, *arguments, **options):
        answer = super().run(*arguments, **options)
        if self.is_slower:
            for _ in ADDITIONS:
                numpy.add(ONES, ONES, SUMS)
        return answer
'''
"""A package that comes before the real one on the path of its environment."""


class SlowerBuild:
    """The second environment, with so many additions after each call.

    ``model`` is part of the paths of the graphs that get them; without it, all networks do.
    """

    def __init__(self, folder: Path, model: str = "") -> None:
        self.folder, self.model, self.additions = folder, model, 0
        self._package = borrowed_environment(folder) / "onnxruntime"
        self._package.mkdir()

    def set_additions(self, count: int) -> None:
        """Write the package that makes so many additions."""
        self.additions = count
        real = str(Path(onnxruntime.__file__).parent)
        text = SLOWER_BUILD.format(real=real, additions=count, values=VALUES, model=self.model)
        (self._package / "__init__.py").write_text(text)


def main() -> None:
    """Print the true ratio, a line for each trial, and what they amount to."""
    parser = argparse.ArgumentParser(description="How often a real slowdown is found.")
    parser.add_argument("--percent", type=float, default=3.0, help="of more work")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=60.0, help="for the trials")
    parser.add_argument("--budget", type=float, default=60.0, help="seconds of each trial")
    parser.add_argument("--truth", type=float, default=60.0, help="seconds for the true ratio")
    parser.add_argument("--neighbour", action="store_true", help="keep one core busy in the trials")
    parser.add_argument("--model", default="squeezenet1_1")
    parser.add_argument("--store")
    options = parser.parse_args()
    share = options.percent / 100
    with tempfile.TemporaryDirectory() as name:
        build = SlowerBuild(Path(name, "slower"))
        truth = prepared(build, options.model, share, options.truth, options.store)
        series = Series(
            model=options.model,
            base="usual=ort",
            new=f"slower=ort@{build.folder}",
            trials=options.trials,
            minutes=options.minutes,
            budget=options.budget,
            profile="default",
            half_width=share / 2,
            store=options.store,
        )
        with neighbour() if options.neighbour else nullcontext():
            summarise(series.run(Path(name)), truth)


def prepared(
    build: SlowerBuild, model: str, share: float, seconds: float, store: str | None
) -> Interval:
    """Make a build so much slower, and return how much slower it truly is."""
    (exported,) = simx.export(model, store=store)
    assert isinstance(exported, Exported), exported  # noqa: S101 - there is nothing to measure
    path, side = exported.entry.model_path, exported.entry.manifest.preset.crop
    usual = Engine("ort", str(path), side, default_threads())
    slower = usual._replace(interpreter=interpreter_of(build.folder))
    build.set_additions(AT_FIRST)
    more = ratio_of_calls(slower, usual, min(20.0, seconds), IN_A_ROW).value - 1
    additions = round(AT_FIRST * share / more)
    build.set_additions(additions)
    truth = ratio_of_calls(slower, usual, seconds, IN_A_ROW)
    print(f"{model}, {additions} additions: true ratio {truth}", flush=True)
    return truth


def summarise(found: Sequence[Change | None], truth: Interval) -> None:
    """Print how often the slowdown was found, and its true ratio covered."""
    counting = judged(found).values()
    seen = sum(change.verdict == "slower" for change in counting)
    covered = sum(
        change.high is not None
        and abs(math.log(change.ratio / truth.value))
        <= math.hypot(math.log(change.high / change.ratio), math.log1p(truth.half_width))
        for change in counting
    )
    least = 100 * lower_bound(seen, len(found)) if found else 0
    print(
        f"found in {seen} of {len(found)} trials (at least {least:.0f} % with 97.5 % confidence); "
        f"true ratio covered in {covered} of {len(counting)}; "
        f"{len(found) - len(counting)} too noisy or not measured"
    )


if __name__ == "__main__":
    main()
