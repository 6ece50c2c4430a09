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
    """A backend, as it comes or with some of its variants and options of its provider.

    ``entry`` is what its workers run, and ``package`` must be importable there. ``providers`` are
    the only ones it has devices for, None where any can be named; ``stand_ins`` pairs other
    providers with the one among them that names the same device. ``executes`` is the file of an
    export that it runs: the state dict or the ONNX graph. ``precisions`` are those it computes in.
    ``takes_options`` is true where its providers have options. ``pinned`` are variables that are
    set for all its workers. ``known_variants`` can be chosen instead; ``variants`` are the names of
    those that are, in the registry's order, and ``options`` the provider's, each as ``key=value``.
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
    pinned: Environment = ()
    known_variants: tuple[Variant, ...] = ()
    variants: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """``torch``, ``torch:channels-last+passive``, ``ort:use_tf32=1``: its name in a report.

        A path in an option is reduced to the name of its file.
        """
        options = (anonymous(each) if "/" in each else each for each in self.options)
        changes = "+".join((*self.variants, *options))
        return f"{self.name}:{changes}" if changes else self.name

    def with_options(self, options: Sequence[str]) -> "BackendSpec":
        """Return the backend with further options of its provider, where it takes any."""
        if not self.takes_options:
            return self
        every = tuple(dict.fromkeys((*self.options, *options)))
        return msgspec.structs.replace(self, options=every)

    @property
    def bounds(self) -> Bounds:
        """How far its embeddings may be from the reference."""
        return TF32_BOUNDS if self._uses_tf32 else FP32

    @property
    def environment(self) -> Environment:
        """The variables of its workers."""
        chosen = (each for each in self.known_variants if each.name in self.variants)
        return (
            *self.pinned,
            (_TF32_SWITCH, None if self._uses_tf32 else "0"),
            *(pair for each in chosen for pair in each.environment),
        )

    @property
    def _uses_tf32(self) -> bool:
        options = {option.lower() for option in self.options} & {"use_tf32=1", "use_tf32=true"}
        return bool(options) or TF32.name in self.variants


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
        pinned=tuple((name, None) for name in (*_OPENMP, *_PINNED_ELSEWHERE)),
        known_variants=(
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
        pinned=tuple((name, None) for name in _PINNED_ELSEWHERE),
        known_variants=(
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


def backend_named(name: str) -> BackendSpec:
    """Look a backend up: ``torch``, ``torch:channels-last+passive``, ``ort:use_tf32=1``.

    Raises:
        InputError: there is none of that name, or it has no such variant.
        ProviderUnavailableError: its package is not installed.
    """
    base, _, changes = name.partition(":")
    backend = next((each for each in BACKENDS if each.name == base), None)
    if backend is None:
        known = ", ".join(each.name for each in BACKENDS)
        raise InputError(f"backend {name!r}: simx has no such backend; choose from {known}")
    named = changes.split("+") if changes else []
    options = [provider_option(each) for each in named if "=" in each and backend.takes_options]
    variants = [each for each in named if not ("=" in each and backend.takes_options)]
    known_variants = [variant.name for variant in backend.known_variants]
    for variant in variants:
        if variant not in known_variants:
            raise InputError(
                f"backend {name!r}: {base} has no variant {variant!r}; "
                f"choose from {', '.join(known_variants)}"
            )
    if find_spec(backend.package) is None:
        raise ProviderUnavailableError(
            f"backend {name}: {backend.package} is not installed here; {backend.install}"
        )
    chosen = tuple(each for each in backend.known_variants if each.name in variants)
    return msgspec.structs.replace(
        backend,
        providers=_narrowed(backend.providers, chosen),
        variants=tuple(each.name for each in chosen),
        options=tuple(dict.fromkeys(options)),
    )


def _narrowed(
    providers: tuple[str, ...] | None, variants: Sequence[Variant]
) -> tuple[str, ...] | None:
    """Return those of the providers on which all variants have a meaning, None for any."""
    for variant in variants:
        if variant.providers is not None:
            known = variant.providers if providers is None else providers
            providers = tuple(name for name in known if name in variant.providers)
    return providers


def require_meaning(backends: Sequence[BackendSpec], providers: Sequence[str]) -> None:
    """Refuse a backend with a variant that has no meaning on any of the providers.

    Raises:
        InputError: there is one.
    """
    for backend in backends:
        for variant in backend.known_variants:
            where = variant.providers if variant.name in backend.variants else None
            if where is not None and not set(where) & set(providers):
                raise InputError(
                    f"backend {backend.label}: {variant.name} means something on "
                    f"{' and '.join(where)} only, and --provider asks for {', '.join(providers)}"
                )


def require_precisions(backends: Sequence[BackendSpec], precisions: Sequence[Precision]) -> None:
    """Refuse a precision that no backend computes in.

    Raises:
        InputError: there is one.
    """
    for precision in precisions:
        if not any(precision in backend.precisions for backend in backends):
            named = ", ".join(backend.label for backend in backends)
            raise InputError(
                f"--precision {precision}: what is asked for ({named}) computes in "
                f"{', '.join(backends[0].precisions)} only; add --backend ort"
            )
