"""Where an export's time goes: in a plain call of torch's exporter, and in simx's.

Each export runs in a process of its own, with the libraries imported before the clock starts. Times
are those of whole steps, on the wall; a step inside another one is taken out of it.

    python benchmarks/export_profile.py [MODEL...]
"""

import functools
import importlib
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

USUAL = ("mobilenet_v3_small", "densenet121", "swin_t")

_CORE = "torch.onnx._internal.exporter._core"

PLAIN_STEPS = {
    "trace": ("torch.export:export",),
    "decompose": ("torch.export:ExportedProgram.run_decompositions",),
    "translate": (f"{_CORE}:_exported_program_to_onnx_program",),
    "simplify": ("torch.onnx:ONNXProgram.optimize",),
    "save": ("torch.onnx:ONNXProgram.save",),
}
"""What torch's exporter does, under the names that simx's steps have."""

SIMX_STEPS = {
    "weights": (
        "simx.exporter.jobs.from_weights:load",
        "simx.exporter.jobs.from_weights:save_state",
    ),
    "reference": (
        "simx.exporter.jobs.from_weights:_embed",
        "simx.exporter.jobs.from_weights:verification_pixels",
    ),
    "trace": ("simx.exporter.network.graph:_trace",),
    "prepare": ("simx.exporter.network.graph:lower",),
    "translate": ("simx.exporter.network.graph:_translate",),
    "simplify": ("simx.exporter.network.graph:simplify",),
    "save": ("torch.onnx:ONNXProgram.save",),
    "verify": ("simx.exporter.jobs.job:verify_export",),
    "hash": ("simx.exporter.jobs.job:record_of",),
}


class Steps:
    """Seconds that were spent in each step, without those of steps inside it."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._inside: list[str] = []
        self._since = 0.0

    def watch(self, steps: Mapping[str, Sequence[str]]) -> None:
        """Wrap the functions of all steps where they are looked up."""
        for step, functions in steps.items():
            for name in functions:
                module, _, path = name.partition(":")
                *owners, attribute = path.split(".")
                owner = functools.reduce(getattr, owners, importlib.import_module(module))
                setattr(owner, attribute, self._wrapped(step, getattr(owner, attribute)))

    def run(self, step: str, function: Callable[..., Any], *args: Any, **options: Any) -> Any:  # noqa: ANN401 - whatever it returns
        """Call a function and count what it takes as a step's."""
        self._turn()
        self._inside.append(step)
        try:
            return function(*args, **options)
        finally:
            self._turn()
            self._inside.pop()

    def _wrapped(self, step: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def watched(*args: Any, **options: Any) -> Any:  # noqa: ANN401 - as above
            return self.run(step, function, *args, **options)

        return watched

    def _turn(self) -> None:
        now = time.perf_counter()
        if self._inside:
            self.seconds[self._inside[-1]] += now - self._since
        self._since = now


def main(names: Sequence[str]) -> None:
    """Profile both ways of exporting each model, each in a fresh process, and print the steps."""
    for name in names:
        for way in ("plain", "simx"):
            command = [sys.executable, __file__, f"--{way}", name]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            print(f"{name:20} {way:6} {done.stdout.splitlines()[-1]}", flush=True)


def profile(way: str, name: str) -> None:
    """Export in this process and print the seconds of every step in one line."""
    steps = Steps()
    with tempfile.TemporaryDirectory() as folder:
        if way == "--plain":
            export = plain_export(name, Path(folder))
            steps.watch(PLAIN_STEPS)
        else:
            export = simx_export(name, Path(folder))
            steps.watch(SIMX_STEPS)
        steps.run("other", export)
    parts = "  ".join(f"{step} {seconds:.1f}" for step, seconds in steps.seconds.items())
    print(f"{sum(steps.seconds.values()):5.1f} s: {parts}")


def plain_export(name: str, folder: Path) -> Callable[[], object]:
    """Return a first script's export: torch's exporter with a dynamic batch."""
    import torch  # noqa: PLC0415 - the parent needs none of it
    from torch import nn  # noqa: PLC0415
    from torchvision.models import get_model  # noqa: PLC0415

    model = get_model(name, weights=None).eval()
    head = next(each for each in ("classifier", "fc", "head", "heads") if hasattr(model, each))
    setattr(model, head, nn.Identity())
    return lambda: torch.onnx.export(
        model,
        (torch.randn(2, 3, 224, 224),),
        folder / "model.onnx",
        dynamo=True,
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        external_data=False,
        verbose=False,
    )


def simx_export(name: str, folder: Path) -> Callable[[], object]:
    """Return what an export worker does, verification and hashing included."""
    from simx.exporter.jobs import from_weights  # noqa: PLC0415 - as above
    from simx.exporter.jobs.plan import (  # noqa: PLC0415
        ExportRequest,
        NotExported,
        order_from_weights,
    )
    from simx.exporter.weights.cache import Source  # noqa: PLC0415
    from simx.models.catalogue import load  # noqa: PLC0415

    backbone = next(each for each in load() if each.model == name and each.default)
    (folder / "entry").mkdir()
    order = order_from_weights(backbone, "pooled", Source("random"))
    paths = str(folder / "entry"), str(folder / "weights.safetensors")
    request = ExportRequest(order, 1, *paths)

    class Direct:
        """A connection whose other end is this process."""

        def __init__(self) -> None:
            self._requests = [request]

        def receive(self, _type: object) -> ExportRequest:
            if not self._requests:
                raise EOFError
            return self._requests.pop()

        def send(self, reply: object) -> None:
            if isinstance(reply, NotExported):
                sys.exit(f"{name} was not exported: {reply.stage}: {reply.reason}")

    return lambda: from_weights.main(Direct())  # type: ignore[arg-type]  # it only sends and receives


if __name__ == "__main__":
    if sys.argv[1:2] in (["--plain"], ["--simx"]):
        profile(*sys.argv[1:])
    else:
        main(sys.argv[1:] or USUAL)
