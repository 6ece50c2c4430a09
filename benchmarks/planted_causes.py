"""How often ``simx explain`` names a planted cause first: an engine beside the same with the cause.

The slow one is that of a second environment, whose package does more, or has a variant or a
variable of its own:

- ``module``: one module of the network computes its answer ten times;
- ``fusion``: ONNX Runtime does not fuse a sigmoid with the product that follows it;
- ``thread``: a limit lets one thread compute, though two are asked for;
- ``denormals``: logarithms of denormal numbers that add nothing to the answer;
- ``allocator``: memory is returned to the system after use.

    python -m benchmarks.planted_causes --trials 10
    python -m benchmarks.planted_causes --causes module fusion --minutes 4
"""

import argparse
import re
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import msgspec
import onnxruntime
import torchvision

import simx
from benchmarks.side_by_side import borrowed_environment, is_over
from simx.report.blocks.document import Paragraph
from simx.report.blocks.explanation import explanation_blocks
from simx.results.schema.explanation import Explanation
from simx.runner.explaining import explain
from simx.selfcheck.check import lower_bound

PART = "features.6"
"""The module that has a cause."""

SLOWER_PACKAGE = '''"""{name}, with a planted cause."""
import pathlib
real = pathlib.Path({real!r})
__path__ = [str(real)]
exec((real / "__init__.py").read_text())
{planted}
'''
"""A package that comes before the real one on the path of its environment."""

OTHER_NETWORK = """
import torch
from torchvision import models
usual = models.get_model
def get_model(*arguments, **options):
    network = usual(*arguments, **options)
    module = network.get_submodule({part!r})
    forward = module.forward
    def slower(image):
        {work}
        return forward(image)
    module.forward = slower
    return network
models.get_model = get_model
"""

TEN_TIMES = "for _ in range(9): forward(image)"

DENORMALS = "for small in [torch.full((30000,), 1e-39)] * 1000: torch.log1p(small)"
"""On some processors products and convolutions of denormal numbers are no slower; these are."""

UNFUSED = """
Usual = InferenceSession
class InferenceSession(Usual):
    def __init__(self, path, *arguments, **options):
        options["disabled_optimizers"] = ["QuickGeluFusion"]
        super().__init__(path, *arguments, **options)
"""


class Cause(NamedTuple):
    """Backends without and with a cause, and what the explanation of a model has to begin with."""

    usual: str
    slow: str
    sentence: str
    model: str = "squeezenet1_1"


def planted(folder: Path, package: str, real: str, text: str) -> str:
    """Make an environment with a changed package, and return its folder."""
    changed = borrowed_environment(folder) / package
    changed.mkdir()
    its = SLOWER_PACKAGE.format(name=package, real=str(Path(real).parent), planted=text)
    (changed / "__init__.py").write_text(its)
    return str(folder)


def _module(folder: Path) -> Cause:
    text = OTHER_NETWORK.format(part=PART, work=TEN_TIMES)
    where = planted(folder, "torchvision", torchvision.__file__, text)
    return Cause("torch", f"slow=torch@{where}", rf".* Of the parts, {PART}\b[\w.]* loses most")


def _fusion(folder: Path) -> Cause:
    where = planted(folder, "onnxruntime", onnxruntime.__file__, UNFUSED)
    # It has 49 such pairs.
    model = "efficientnet_b0"
    return Cause("ort", f"slow=ort@{where}", r"Additions and products: \d+ % of what slow", model)


def _thread(_: Path) -> Cause:
    slow = "torch:OMP_THREAD_LIMIT=1"
    return Cause("torch", slow, f"{slow} computes on 1.0 of ")


def _denormals(folder: Path) -> Cause:
    text = OTHER_NETWORK.format(part=PART, work=DENORMALS)
    where = planted(folder, "torchvision", torchvision.__file__, text)
    return Cause("torch", f"slow=torch@{where}", "slow computes with denormal numbers")


def _allocator(_: Path) -> Cause:
    slow = "torch:fresh-heap"
    return Cause("torch", slow, f"{slow} gets memory anew")


CAUSES: dict[str, Callable[[Path], Cause]] = {
    "module": _module,
    "fusion": _fusion,
    "thread": _thread,
    "denormals": _denormals,
    "allocator": _allocator,
}


def first_words(found: Explanation) -> str:
    """Return the paragraph that an explanation begins with."""
    blocks = explanation_blocks(found)
    return next(each.text for each in blocks if isinstance(each, Paragraph))


def share_found(name: str, cause: Cause, options: argparse.Namespace) -> str:
    """Explain again and again, and return how often the cause was named first."""
    begun, done, right = time.monotonic(), 0, 0
    while done < options.trials and not is_over(begun, done, options.minutes):
        both: Sequence[str] = (cause.slow, cause.usual)[:: -1 if done % 2 else 1]
        found = simx.explain(cause.model, backends=both, seed=done, store=options.store)
        words, done = first_words(found), done + 1
        is_right = re.match(cause.sentence, words) is not None
        right += is_right
        value = found.ratio and max(found.ratio.value, 1 / found.ratio.value)
        print(f"{name}, {value:.2f} times as long, {is_right}: {words}", flush=True)
    least = 100 * lower_bound(right, done) if done else 0
    seconds = (time.monotonic() - begun) / max(done, 1)
    return f"| {name} | {right} of {done} | at least {least:.0f} % | {seconds:.0f} s |"


def main() -> None:
    """Print what each explanation begins with, and a table."""
    parser = argparse.ArgumentParser(description="How often planted causes are named first.")
    parser.add_argument("--causes", nargs="+", choices=CAUSES, default=tuple(CAUSES))
    parser.add_argument("--trials", type=int, default=10, help="of each cause")
    parser.add_argument("--minutes", type=float, default=10.0, help="for each cause")
    parser.add_argument("--launches", type=int, default=5, help="of each trial")
    parser.add_argument("--store")
    options = parser.parse_args()
    fewer = msgspec.structs.replace(explain.EXPLAINING, launches=options.launches)
    with tempfile.TemporaryDirectory() as folder, patch.object(explain, "EXPLAINING", fewer):
        rows = [
            share_found(name, CAUSES[name](Path(folder, name)), options) for name in options.causes
        ]
    print("| cause | named first | with 97.5 % confidence | a trial |\n|---|---:|---:|---:|")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
