"""The backends there are. Imports none of them: their modules are loaded in worker processes."""

from importlib.util import find_spec
from typing import Literal

import msgspec

from simx.errors import InputError, ProviderUnavailableError

TORCH_DEVICES = {"CPUExecutionProvider": "cpu", "CUDAExecutionProvider": "cuda"}
"""torch's device for each of ONNX Runtime's provider names that it has one for."""


class BackendSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One line per backend.

    ``entry`` is what its workers run; ``package`` must be importable there; ``providers`` are the
    only ones it has devices for, or None where it can be asked for any. ``executes`` tells which
    file of an export it runs: the state dict or the ONNX graph.
    """

    name: str
    entry: str
    package: str
    install: str
    providers: tuple[str, ...] | None
    executes: Literal["weights", "graph"]


BACKENDS = (
    BackendSpec(
        name="torch",
        entry="simx.runner.torch_backend:main",
        package="torch",
        install="pip install torch torchvision",
        providers=tuple(TORCH_DEVICES),
        executes="weights",
    ),
    BackendSpec(
        name="ort",
        entry="simx.runner.ort_backend:main",
        package="onnxruntime",
        install="pip install onnxruntime",
        providers=None,
        executes="graph",
    ),
)


def backend_named(name: str) -> BackendSpec:
    """Look a backend up.

    Raises:
        InputError: there is none of that name.
        ProviderUnavailableError: its package is not installed.
    """
    for spec in BACKENDS:
        if spec.name == name:
            if find_spec(spec.package) is None:
                raise ProviderUnavailableError(
                    f"backend {name}: {spec.package} is not installed here; {spec.install}"
                )
            return spec
    known = ", ".join(spec.name for spec in BACKENDS)
    raise InputError(f"backend {name!r}: simx has no such backend; choose from {known}")
