"""The backends there are, and their variants.

Imports none of them: their modules are loaded in worker processes.
"""

from importlib.util import find_spec
from typing import Literal

import msgspec

from simx.errors import InputError, ProviderUnavailableError

TORCH_DEVICES = {"CPUExecutionProvider": "cpu", "CUDAExecutionProvider": "cuda"}
"""torch's device for each of ONNX Runtime's provider names that it has one for."""


Environment = tuple[tuple[str, str | None], ...]
"""Variables of a worker, by name; None removes one that is set."""


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """A setting that changes a backend's standing, and therefore becomes part of its name.

    Where ``environment`` is empty, the backend itself sets it by the variant's name.
    """

    name: str
    meaning: str
    environment: Environment = ()


class BackendSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One line per backend.

    ``entry`` is what its workers run; ``package`` must be importable there; ``providers`` are the
    only ones it has devices for, or None where it can be asked for any. ``executes`` tells which
    file of an export it runs: the state dict or the ONNX graph. ``environment`` is pinned for all
    its workers; ``variants`` are what can be asked for instead.
    """

    name: str
    entry: str
    package: str
    install: str
    providers: tuple[str, ...] | None
    executes: Literal["weights", "graph"]
    environment: Environment = ()
    variants: tuple[Variant, ...] = ()


_OPENMP = (
    "GOMP_CPU_AFFINITY",
    "GOMP_SPINCOUNT",
    "KMP_AFFINITY",
    "KMP_BLOCKTIME",
    "OMP_PLACES",
    "OMP_PROC_BIND",
    "OMP_WAIT_POLICY",
)
"""How OpenMP's threads wait and where they run: somebody's settings would be torch's alone."""

FLUSHING = Variant(name="flush-denormals", meaning="denormal numbers become zero")

BACKENDS = (
    BackendSpec(
        name="torch",
        entry="simx.runner.torch_backend:main",
        package="torch",
        install="pip install torch torchvision",
        providers=tuple(TORCH_DEVICES),
        executes="weights",
        environment=tuple((name, None) for name in _OPENMP),
        variants=(
            Variant(name="channels-last", meaning="inputs and weights with the channels last"),
            FLUSHING,
            Variant(
                name="passive",
                meaning="threads sleep instead of spinning while they wait",
                environment=(("OMP_WAIT_POLICY", "PASSIVE"),),
            ),
        ),
    ),
    BackendSpec(
        name="ort",
        entry="simx.runner.ort_backend:main",
        package="onnxruntime",
        install="pip install onnxruntime",
        providers=None,
        executes="graph",
        variants=(
            FLUSHING,
            Variant(name="passive", meaning="threads sleep instead of spinning while they wait"),
            Variant(name="spinning", meaning="threads go on spinning after a call"),
        ),
    ),
)


class Choice(msgspec.Struct, frozen=True):
    """A backend as it was asked for: with the variants it is to have, in the registry's order."""

    spec: BackendSpec
    variants: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """``torch``, or ``torch:channels-last+passive``: what the cells are labelled with."""
        return ":".join([self.spec.name, *filter(None, ["+".join(self.variants)])])

    @property
    def environment(self) -> Environment:
        """The variables of its workers."""
        chosen = (each for each in self.spec.variants if each.name in self.variants)
        return (*self.spec.environment, *(pair for each in chosen for pair in each.environment))


def backend_named(name: str) -> Choice:
    """Look a backend up: ``torch``, or with variants ``torch:channels-last+passive``.

    Raises:
        InputError: there is none of that name, or it has no such variant.
        ProviderUnavailableError: its package is not installed.
    """
    base, _, variants = name.partition(":")
    spec = next((spec for spec in BACKENDS if spec.name == base), None)
    if spec is None:
        known = ", ".join(spec.name for spec in BACKENDS)
        raise InputError(f"backend {name!r}: simx has no such backend; choose from {known}")
    known_variants = [variant.name for variant in spec.variants]
    asked = variants.split("+") if variants else []
    for variant in asked:
        if variant not in known_variants:
            raise InputError(
                f"backend {name!r}: {base} has no variant {variant!r}; "
                f"choose from {', '.join(known_variants)}"
            )
    if find_spec(spec.package) is None:
        raise ProviderUnavailableError(
            f"backend {name}: {spec.package} is not installed here; {spec.install}"
        )
    return Choice(spec, tuple(variant for variant in known_variants if variant in asked))
