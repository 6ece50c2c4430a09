"""What ``simx tune`` finds: gains on real backbones, a planted better setting, and no gain of none.

The planted setting is the usual environment beside one that does real work more after each call
(``benchmarks/slowdown.py``), among variants that change nothing. Searches among settings that are
alike have such variants alone. A variant that no backend knows changes nothing but a name.

    python -m benchmarks.tuning gains --minutes 60
    python -m benchmarks.tuning planted --percent 5 --trials 10 --minutes 40
    python -m benchmarks.tuning alike --trials 20 --minutes 60
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
from scipy.stats import binom

import simx
from benchmarks.side_by_side import Interval, is_over
from benchmarks.slowdown import SlowerBuild, prepared
from simx.results.schema.tuning import TunedModel
from simx.results.statistics.estimates import Ratio
from simx.runner.backends import registry
from simx.runner.backends.registry import Variant
from simx.selfcheck.check import lower_bound

BACKBONES = ("squeezenet1_1", "mobilenet_v2", "resnet18", "efficientnet_b0", "regnet_x_400mf")

SEEDS = (0, 1)

ALIKE = 10
"""Variants that change nothing; a search has about as many of its own."""

ALIKE_BESIDE = 4
"""The same beside the planted setting, for each environment."""

FALSE_ALARMS = 0.025
"""Of searches among settings that are alike: half of what a 95 % interval leaves out."""


@contextmanager
def variants_alike(count: int) -> Iterator[None]:
    """Let ONNX Runtime have these variants, and no others."""
    known = tuple(Variant(name=f"alike-{number}", meaning="") for number in range(count))
    changed = tuple(
        msgspec.structs.replace(each, known_variants=known if each.name == "ort" else ())
        for each in registry.BACKENDS
    )
    with patch.object(registry, "BACKENDS", changed):
        yield


def shown(gain: Ratio | None) -> str:
    """Return a gain with its interval."""
    if gain is None or gain.low is None or gain.high is None:
        return "none"
    return str(Interval(gain.value, gain.low, gain.high))


def line(model: TunedModel) -> str:
    """Return what a search found."""
    if model.best is None or model.winner is None:
        return f"{model.model}: {model.problem}"
    is_better = "gain" if model.best != model.default else "no gain"
    its = model.winner
    return (
        f"{model.model}: {its.backend}, batch {its.batch}, {its.instances} x {its.threads} thread: "
        f"{is_better}, {shown(model.gain)}, {model.candidates} candidates, {model.seconds:.0f} s"
        f"{', busy' if model.busy else ', noisy' if model.noisy else ''}"
    )


def tuned(*models: str, options: argparse.Namespace, **settings: Any) -> TunedModel:  # noqa: ANN401 - those of simx.tune
    """Search the settings of one backbone; the file of the result is not kept."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tuned.json")
        its = {"budget": options.budget, "store": options.store, "report": path, **settings}
        return simx.tune(models, **its).models[0]


def gains(options: argparse.Namespace) -> None:
    """Print the gain on each backbone and backend, with each seed."""
    runs = [
        (model, backend, seed)
        for model in options.models
        for backend in options.backends
        for seed in SEEDS
    ]
    begun = time.monotonic()
    for done, (model, backend, seed) in enumerate(runs):
        if is_over(begun, done, options.minutes):
            print(f"{len(runs) - done} of {len(runs)} searches left out: no time is left")
            break
        found = tuned(model, options=options, goal=options.goal, backends=backend, seed=seed)
        print(f"seed {seed}, {line(found)}", flush=True)


def planted(options: argparse.Namespace) -> None:
    """Print how often the usual environment is chosen, and its gain over the slower one shown."""
    model = options.models[0]
    with tempfile.TemporaryDirectory() as name:
        build = SlowerBuild(Path(name, "slower"))
        truth = prepared(build, model, options.percent / 100, options.truth, options.store)
        begun, found, chosen, right, covered = time.monotonic(), 0, 0, 0, 0
        while found < options.trials and not is_over(begun, found, options.minutes):
            slower, usual = f"slower=ort@{build.folder}", "usual=ort"
            with variants_alike(ALIKE_BESIDE):
                backends = (slower, usual)
                one = tuned(model, options=options, backends=backends, threads=1, seed=found)
            found += 1
            gains_over = {
                each.settings.backend.partition("=")[0]: each.gain for each in one.confirmed
            }
            of_slower = gains_over.get("slower")
            is_usual = one.winner is not None and one.winner.backend.startswith(usual)
            chosen += is_usual
            right += is_usual and of_slower is not None and of_slower.is_above_one(1)
            if of_slower and of_slower.low and of_slower.high:
                covered += of_slower.low <= truth.high and truth.low <= of_slower.high
            print(f"{line(one)}; over the slower one {shown(of_slower)}", flush=True)
    least = 100 * lower_bound(right, found) if found else 0
    print(
        f"chosen in {chosen} of {found} searches, and faster beyond doubt in {right} (at least "
        f"{least:.0f} % with 97.5 % confidence); true ratio covered in {covered}"
    )


def alike(options: argparse.Namespace) -> None:
    """Print how many searches among settings that are alike claim a gain."""
    begun, found, claimed = time.monotonic(), 0, 0
    while found < options.trials and not is_over(begun, found, options.minutes):
        with variants_alike(ALIKE):
            one = tuned(options.models[0], options=options, backends="ort", threads=1, seed=found)
        found += 1
        claimed += one.best != one.default
        print(line(one), flush=True)
    most = int(binom.ppf(0.975, found, FALSE_ALARMS)) if found else 0
    print(f"a gain is claimed in {claimed} of {found} searches; up to {most} are expected")


def main() -> None:
    """Run one part."""
    parser = argparse.ArgumentParser(description="What simx tune finds.")
    parser.add_argument("part", choices=("gains", "planted", "alike"))
    parser.add_argument("--models", nargs="+", default=BACKBONES, help="the first one for trials")
    parser.add_argument("--backends", nargs="+", default=("ort", "torch"), help="for gains")
    parser.add_argument("--goal", choices=("latency", "throughput"), default="latency")
    parser.add_argument("--percent", type=float, default=5.0, help="of more work, if planted")
    parser.add_argument("--truth", type=float, default=30.0, help="seconds for its true ratio")
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--budget", type=float, help="seconds of each search")
    parser.add_argument("--store")
    options = parser.parse_args()
    {"gains": gains, "planted": planted, "alike": alike}[options.part](options)


if __name__ == "__main__":
    main()
