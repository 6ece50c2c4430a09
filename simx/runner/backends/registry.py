"""The backends there are, and their variants.

Imports none of them: their modules are loaded in worker processes.
"""

import re
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Literal

import msgspec

from simx.common.anonymous import anonymous
from simx.common.errors import InputError, ProviderUnavailableError
from simx.models.backbone import PRECISIONS, Precision
from simx.results.schema.partial_placement import PARTIAL
from simx.results.statistics.parity import FP32, Bounds
from simx.results.statistics.parity import TF32 as TF32_BOUNDS

_KEY = re.compile(r"[A-Za-z_][\w.]*", re.ASCII)
_VALUE = re.compile(r"[^\s+\x00-\x1f\x7f]+")
"""What an option of a provider is made of: nothing that a backend's name has a meaning for."""

TORCH_DEVICES = {"CPUExecutionProvider": "cpu", "CUDAExecutionProvider": "cuda"}
"""torch's device for each of ONNX Runtime's provider names that it has one for."""

TORCH_STAND_INS = {
    "NvTensorRTRTXExecutionProvider": "CUDAExecutionProvider",
    "TensorrtExecutionProvider": "CUDAExecutionProvider",
}
"""Providers that are another way to a device of torch's, and the one that names it."""


Environment = tuple[tuple[str, str | None], ...]
"""Variables of a worker, by name; None removes one that is set."""


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """A setting that changes a backend's standing, and therefore becomes part of its name.

    Where ``environment`` is empty, the backend itself sets it by the variant's name. ``providers``
    are the only ones on which it means anything, or None where it does everywhere.
    """

    name: str
    meaning: str
    environment: Environment = ()
    providers: tuple[str, ...] | None = None


class BackendSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One line per backend.

    ``entry`` is what its workers run; ``package`` must be importable there; ``providers`` are the
    only ones it has devices for, or None where it can be asked for any; ``stand_ins`` pairs other
    providers with the one among them that names the same device. ``executes`` tells which file of
    an export it runs: the state dict or the ONNX graph; ``precisions`` are those it can be asked
    for. ``takes_options`` tells that its
    providers have options. ``environment`` is pinned for all
    its workers; ``variants`` are what can be asked for instead.
    """

    name: str
    entry: str
    package: str
    install: str
    providers: tuple[str, ...] | None
    executes: Literal["weights", "graph"]
    precisions: tuple[Precision, ...] = ("fp32",)
    stand_ins: tuple[tuple[str, str], ...] = ()
    takes_options: bool = False
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

_PINNED_ELSEWHERE = (
    "CUDA_LAUNCH_BLOCKING",
    "PYTORCH_ALLOC_CONF",
    "PYTORCH_CUDA_ALLOC_CONF",
    "PYTORCH_NO_CUDA_MEMORY_CACHING",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
)
"""Variables that would undo, for one backend or for both, what is pinned on a GPU."""

_TF32_SWITCH = "NVIDIA_TF32_OVERRIDE"
"""At 0 no library of NVIDIA's uses TF32, TensorRT included; ONNX Runtime has no option for that."""

_CPU = "CPUExecutionProvider"
_CUDA = "CUDAExecutionProvider"

FLUSHING = Variant(name="flush-denormals", meaning="denormal numbers become zero")
CAPTURING = Variant(
    name="cuda-graph",
    meaning="the network's kernels are recorded once and launched together",
    providers=(_CUDA,),
)
SEARCHING = Variant(
    name="search-exhaustive",
    meaning="cuDNN tries every algorithm of a convolution and keeps the fastest",
    providers=(_CUDA,),
)
TF32 = Variant(
    name="tf32",
    meaning="products and convolutions round their factors to ten bits",
    providers=(_CUDA,),
)

BACKENDS = (
    BackendSpec(
        name="torch",
        entry="simx.runner.backends.torch.backend:main",
        package="torch",
        install="pip install torch torchvision",
        providers=tuple(TORCH_DEVICES),
        executes="weights",
        stand_ins=tuple(TORCH_STAND_INS.items()),
        environment=tuple((name, None) for name in (*_OPENMP, *_PINNED_ELSEWHERE)),
        variants=(
            Variant(name="channels-last", meaning="inputs and weights with the channels last"),
            CAPTURING,
            FLUSHING,
            Variant(
                name="no-arena",
                meaning="device memory is given back instead of being kept for the next call",
                environment=(("PYTORCH_NO_CUDA_MEMORY_CACHING", "1"),),
                providers=(_CUDA,),
            ),
            Variant(
                name="passive",
                meaning="threads sleep instead of spinning while they wait",
                environment=(("OMP_WAIT_POLICY", "PASSIVE"),),
            ),
            SEARCHING,
            TF32,
        ),
    ),
    BackendSpec(
        name="ort",
        entry="simx.runner.backends.ort.backend:main",
        package="onnxruntime",
        install="pip install onnxruntime",
        providers=None,
        executes="graph",
        precisions=PRECISIONS,
        takes_options=True,
        environment=tuple((name, None) for name in _PINNED_ELSEWHERE),
        variants=(
            Variant(
                name="channels-last",
                meaning="convolutions with the channels last",
                providers=(_CUDA,),
            ),
            CAPTURING,
            FLUSHING,
            Variant(
                name="no-arena",
                meaning="memory is given back instead of being kept for the next call",
                providers=(_CPU, _CUDA),
            ),
            Variant(name="passive", meaning="threads sleep instead of spinning while they wait"),
            SEARCHING,
            Variant(name="spinning", meaning="threads go on spinning after a call"),
            TF32,
        ),
    ),
)


class Choice(msgspec.Struct, frozen=True):
    """A backend as it was asked for.

    ``variants`` are those it is to have, in the registry's order, and ``options`` those of the
    execution provider, each as ``key=value``.
    """

    spec: BackendSpec
    variants: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """``torch``, ``torch:channels-last+passive``, ``ort:use_tf32=1``: the cells' label.

        A path in an option is reduced to the name of its file.
        """
        options = (anonymous(each) if "/" in each else each for each in self.options)
        changes = "+".join((*self.variants, *options))
        return f"{self.spec.name}:{changes}" if changes else self.spec.name

    def with_options(self, options: Sequence[str]) -> "Choice":
        """Return the choice with further options of its provider, where it can have any."""
        if not self.spec.takes_options:
            return self
        return Choice(self.spec, self.variants, tuple(dict.fromkeys((*self.options, *options))))

    def without_options(self) -> "Choice":
        """Return the choice for a provider that has none."""
        return Choice(self.spec, self.variants)

    @property
    def bounds(self) -> Bounds:
        """How far its embeddings may be from the reference."""
        return TF32_BOUNDS if self._wants_tf32 else FP32

    @property
    def environment(self) -> Environment:
        """The variables of its workers."""
        chosen = (each for each in self.spec.variants if each.name in self.variants)
        return (
            *self.spec.environment,
            (_TF32_SWITCH, None if self._wants_tf32 else "0"),
            *(pair for each in chosen for pair in each.environment),
        )

    @property
    def _wants_tf32(self) -> bool:
        asked = {option.lower() for option in self.options} & {"use_tf32=1", "use_tf32=true"}
        return bool(asked) or TF32.name in self.variants


def provider_option(text: str) -> str:
    """Return an option of a provider, ``key=value``, without the space around its parts.

    Raises:
        InputError: it is not of that form, or could not be part of a backend's name.
    """
    key, sign, value = (part.strip() for part in text.partition("="))
    if not (sign and _KEY.fullmatch(key) and _VALUE.fullmatch(value)):
        raise InputError(
            f"provider option {text!r}: write it as KEY=VALUE, such as use_tf32=1, without '+' "
            "or spaces in it"
        )
    if key == PARTIAL:
        raise InputError(
            f"provider option {text!r}: {PARTIAL} is how cells are called that --allow-partial "
            "lets pass; it cannot be asked for"
        )
    return f"{key}={value}"


def backend_named(name: str) -> Choice:
    """Look a backend up: ``torch``, ``torch:channels-last+passive``, ``ort:use_tf32=1``.

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
    options = [provider_option(each) for each in asked if "=" in each and spec.takes_options]
    asked = [each for each in asked if not ("=" in each and spec.takes_options)]
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
    chosen = tuple(variant for variant in known_variants if variant in asked)
    return Choice(_narrowed(spec, chosen), chosen, tuple(dict.fromkeys(options)))


def require_meaning(choices: Sequence[Choice], providers: Sequence[str]) -> None:
    """Refuse a backend whose variants mean nothing on any of the providers.

    Raises:
        InputError: there is one; elsewhere a note says on which providers it has no cells.
    """
    for choice in choices:
        for variant in choice.spec.variants:
            where = variant.providers if variant.name in choice.variants else None
            if where is not None and not set(where) & set(providers):
                raise InputError(
                    f"backend {choice.name}: {variant.name} means something on "
                    f"{' and '.join(where)} only, and --provider asks for {', '.join(providers)}"
                )


def require_precisions(choices: Sequence[Choice], precisions: Sequence[Precision]) -> None:
    """Refuse a precision that no backend computes in.

    Raises:
        InputError: there is one; elsewhere a note says which backends have no cells of it.
    """
    for precision in precisions:
        if not any(precision in choice.spec.precisions for choice in choices):
            asked = ", ".join(choice.name for choice in choices)
            raise InputError(
                f"--precision {precision}: what is asked for ({asked}) computes in "
                f"{', '.join(choices[0].spec.precisions)} only; add --backend ort"
            )


def _narrowed(spec: BackendSpec, variants: Sequence[str]) -> BackendSpec:
    """Return a backend with those of its providers on which all of its variants mean something."""
    providers = spec.providers
    for variant in spec.variants:
        if variant.name in variants and variant.providers is not None:
            known = variant.providers if providers is None else providers
            providers = tuple(name for name in known if name in variant.providers)
    return msgspec.structs.replace(spec, providers=providers)
