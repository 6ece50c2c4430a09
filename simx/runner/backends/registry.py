"""The backends and their variants. Imports none of them; only worker processes load them."""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Literal

import msgspec

from simx.common.anonymous import anonymous
from simx.common.errors import InputError, ProviderUnavailableError
from simx.models.backbone import PRECISIONS, Precision
from simx.models.backend_name import BackendName
from simx.results.statistics.parity import FP32, Bounds
from simx.results.statistics.parity import TF32 as TF32_BOUNDS
from simx.runner.backends.compiler import require_cpp_compiler
from simx.runner.backends.interpreters import installed_at, interpreter_at
from simx.runner.backends.pairs import is_variable, provider_option, variable
from simx.workers.allocator import KEEPING, variables_beside
from simx.workers.child_process import ROOT_VARIABLE
from simx.workers.variables import PRIVATE

TORCH_DEVICES = {"CPUExecutionProvider": "cpu", "CUDAExecutionProvider": "cuda"}
"""torch's devices, by ONNX Runtime's names of their providers."""

FIXED = "static-batch"
"""The variant whose network takes no other number of pictures than the batch."""

ALTERNATIVES = (frozenset({"passive", "spinning"}), frozenset({"graph-basic", "graph-extended"}))
"""Variants of one setting: a backend has at most one of each set."""

Environment = tuple[tuple[str, str | None], ...]
"""Variables of a worker; None removes one."""


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a backend's settings that becomes part of its name.

    With an empty ``environment`` the backend itself makes the change. It has an effect only on
    ``providers``, or on all if None. One that ``compiles`` needs a C++ compiler.
    """

    name: str
    meaning: str
    environment: Environment = ()
    providers: tuple[str, ...] | None = None
    compiles: bool = False


class BackendSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A backend with its chosen variants, options of its provider, and variables of its workers.

    Workers run ``entry``, which needs ``package``. It has devices for ``providers``, None for any;
    ``stand_ins`` pairs other providers with the one among them that has the same device. It
    executes the state dict or the ONNX graph, in one of ``precisions``. ``variants`` are those
    chosen of ``known_variants``, in that order, and ``options`` are the provider's, each as
    ``key=value``, if it ``takes_options``. ``variables`` are those of the environment that its
    workers get, each as ``NAME=VALUE``. Its workers run in ``interpreter``, None for this one, and
    need the distributions ``beside`` there. A report has the ``title`` for the name, unless it is
    empty. ``python`` and ``libraries`` are the versions in the interpreter's environment.
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
    known_variants: tuple[Variant, ...] = ()
    variants: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    beside: tuple[str, ...] = ("numpy", "msgspec")
    interpreter: str | None = None
    title: str = ""
    python: str = ""
    libraries: tuple[tuple[str, str], ...] = ()

    @property
    def label(self) -> str:
        """Its name in a report, such as ``torch:channels-last+passive``, without folders."""
        pairs = (*self.options, *self.variables)
        shown = (anonymous(each) if "/" in each else each for each in pairs)
        changes = "+".join((*self.variants, *shown))
        name = self.title or self.name
        return f"{name}:{changes}" if changes else name

    @property
    def typed(self) -> str:
        """Its name on a command line, with ENVIRONMENT in place of a path."""
        if not self.title:
            return self.label
        where = "" if self.interpreter is None else "@ENVIRONMENT"
        return f"{self.title}={self.name}{where}{self.label.removeprefix(self.title)}"

    @property
    def runtime(self) -> tuple[str, str | None]:
        """What executes it, whatever its variants and options: its name, and its interpreter."""
        return self.name, self.interpreter

    def with_options(self, options: Sequence[str]) -> "BackendSpec":
        """Return the backend with further options, if it takes any."""
        if not self.takes_options:
            return self
        every = tuple(dict.fromkeys((*self.options, *options)))
        return msgspec.structs.replace(self, options=every)

    def with_variables(self, variables: Sequence[str]) -> "BackendSpec":
        """Return the backend with further variables of its workers.

        Raises:
            InputError: one has two values, or is set by simx itself.
        """
        every = tuple(dict.fromkeys((*self.variables, *variables)))
        names = [each.partition("=")[0] for each in every]
        own = {*_OWN_VARIABLES, *(name for name, _ in self._of_variants)}
        for name in names:
            if name in own:
                raise InputError(
                    f"variable {name}: simx or a variant of {self.name} sets it; leave it out"
                )
            if names.count(name) > 1:
                raise InputError(f"variable {name}: it has two values; leave one out")
        return msgspec.structs.replace(self, variables=every)

    @property
    def bounds(self) -> Bounds:
        """The largest differences of its embeddings from the reference."""
        return TF32_BOUNDS if self._uses_tf32 else FP32

    @property
    def environment(self) -> Environment:
        """The variables of its workers; they get no others that change how it computes."""
        given = {name: value for name, _, value in (each.partition("=") for each in self.variables)}
        return (
            (_TF32_SWITCH, None if self._uses_tf32 else "0"),
            *variables_beside(given),
            *self._of_variants,
            *given.items(),
        )

    @property
    def _of_variants(self) -> Environment:
        chosen = (each for each in self.known_variants if each.name in self.variants)
        return tuple(pair for each in chosen for pair in each.environment)

    @property
    def _uses_tf32(self) -> bool:
        options = {option.lower() for option in self.options}
        return not options.isdisjoint({"use_tf32=1", "use_tf32=true"}) or "tf32" in self.variants


_TF32_SWITCH = "NVIDIA_TF32_OVERRIDE"
"""At 0 no library of NVIDIA's uses TF32, TensorRT included; ONNX Runtime has no such option."""

_OWN_VARIABLES = frozenset({*PRIVATE, ROOT_VARIABLE})
"""Variables that every worker gets from simx."""

_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


def _variant(name: str, meaning: str, *providers: str, **environment: str | None) -> Variant:
    return Variant(
        name=name,
        meaning=meaning,
        environment=tuple(environment.items()),
        providers=providers or None,
    )


def _compiling(name: str, meaning: str) -> Variant:
    return Variant(name=name, meaning=meaning, providers=(_CPU,), compiles=True)


_FLUSHING = _variant("flush-denormals", "denormal numbers become zero")
_CAPTURING = _variant(
    "cuda-graph", "the network's kernels are recorded once and launched together", _CUDA
)
_FRESH = _variant(
    "fresh-heap",
    "memory is returned to the system after use, as glibc does by default in a new process",
    **dict.fromkeys(KEEPING),
)
_RETURNING = "memory is given back instead of being kept for the next call"
_PASSIVE = "threads sleep instead of spinning while they wait"
_SEARCHING = _variant(
    "search-exhaustive", "cuDNN tries every algorithm of a convolution and keeps the fastest", _CUDA
)
_TF32 = _variant("tf32", "products and convolutions round their factors to ten bits", _CUDA)
_STATIC = _variant(FIXED, "the graph's free batch is fixed to that of the calls")

BACKENDS = (
    BackendSpec(
        name="torch",
        entry="simx.runner.backends.torch.backend:main",
        package="torch",
        install="pip install torch torchvision",
        beside=("torchvision", "numpy", "msgspec"),
        providers=tuple(TORCH_DEVICES),
        executes="weights",
        # TensorRT is another way to the device that torch has by CUDA.
        stand_ins=(
            ("NvTensorRTRTXExecutionProvider", _CUDA),
            ("TensorrtExecutionProvider", _CUDA),
        ),
        known_variants=(
            _variant("channels-last", "inputs and weights with the channels last"),
            _compiling("compile", "inductor compiles the network"),
            _CAPTURING,
            _FLUSHING,
            _compiling("freezing", "inductor compiles the network with its weights as constants"),
            _FRESH,
            _variant("fused-batch-norms", "batch norms are part of the convolutions before them"),
            _compiling("max-autotune", "inductor tries several kernels for each part of it"),
            _variant("no-arena", _RETURNING, _CUDA, PYTORCH_NO_CUDA_MEMORY_CACHING="1"),
            _variant("passive", _PASSIVE, OMP_WAIT_POLICY="PASSIVE"),
            _SEARCHING,
            _TF32,
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
        known_variants=(
            _variant("channels-last", "convolutions with the channels last", _CUDA),
            _CAPTURING,
            _FLUSHING,
            _FRESH,
            _variant("graph-basic", "the graph is optimised at the level basic alone"),
            _variant("graph-extended", "the graph is optimised at the level extended alone"),
            _variant("no-arena", _RETURNING, _CPU, _CUDA),
            _variant("offline-optimised", "the graph is optimised once, and saved", _CPU),
            _variant("parallel", "branches of the graph are computed side by side", _CPU),
            _variant("passive", _PASSIVE),
            _SEARCHING,
            _variant("spinning", "threads go on spinning after a call"),
            _STATIC,
            _TF32,
        ),
    ),
    BackendSpec(
        name="openvino",
        entry="simx.runner.backends.openvino:main",
        package="openvino",
        install="pip install openvino",
        providers=(_CPU,),
        executes="graph",
        precisions=PRECISIONS,
        stand_ins=(("OpenVINOExecutionProvider", _CPU),),
        known_variants=(
            _FRESH,
            _STATIC,
            _variant("throughput", "as many streams as OpenVINO chooses; a call uses one of them"),
        ),
    ),
    BackendSpec(
        name="executorch",
        entry="simx.runner.backends.executorch:main",
        package="executorch",
        install="pip install executorch",
        beside=("torch", "torchvision", "numpy", "msgspec"),
        providers=(_CPU,),
        executes="weights",
    ),
)


def backend_named(name: str) -> BackendSpec:
    """Return a backend by its name, with all that its label has: ``ort:passive+use_tf32=1``.

    ``[LABEL=]NAME[@ENVIRONMENT][:CHANGES]`` is one that runs in another environment, the folder of
    a virtual one or a Python executable. Without LABEL a report names it by its distribution and
    version: ``ort-openvino 1.24.1``.

    Raises:
        InputError: there is no such backend, variant or environment.
        ProviderUnavailableError: its package, or a compiler that it needs, is not installed.
    """
    parts = BackendName.parse(name)
    backend = next((each for each in BACKENDS if each.name == parts.name), None)
    if backend is None:
        known = ", ".join(each.name for each in BACKENDS)
        raise InputError(f"backend {name!r}: simx has no such backend; choose from {known}")
    options, variants, variables = list[str](), list[str](), list[str]()
    known_variants = [variant.name for variant in backend.known_variants]
    for each in parts.changes.split("+") if parts.changes else ():
        if is_variable(each):
            variables.append(variable(each))
        elif "=" in each and backend.takes_options:
            options.append(provider_option(each))
        elif each in known_variants:
            variants.append(each)
        else:
            raise InputError(
                f"backend {name!r}: {parts.name} has no variant {each!r}; "
                f"choose from {', '.join(known_variants)}"
            )
    for either in ALTERNATIVES:
        if either <= set(variants):
            both = " and ".join(sorted(either))
            raise InputError(f"backend {name!r}: {both} exclude each other; leave one out")
    backend = _installed(msgspec.structs.replace(backend, title=parts.title), parts.environment)
    chosen = tuple(each for each in backend.known_variants if each.name in variants)
    if any(variant.compiles for variant in chosen):
        require_cpp_compiler(name)
    return msgspec.structs.replace(
        backend,
        providers=_common_providers(backend, *chosen),
        variants=tuple(each.name for each in chosen),
        options=tuple(dict.fromkeys(options)),
    ).with_variables(variables)


def _common_providers(*limited: BackendSpec | Variant) -> tuple[str, ...] | None:
    """Return the providers that all of them have; None for any."""
    sets = [of.providers for of in limited if of.providers is not None]
    return tuple(each for each in sets[0] if all(each in of for of in sets)) if sets else None


def _installed(backend: BackendSpec, path: str) -> BackendSpec:
    """Return a backend in the environment at a path, named by what is there; empty is this one."""
    if not path:
        if find_spec(backend.package) is None:
            raise ProviderUnavailableError(
                f"backend {backend.name}: {backend.package} is not installed here; "
                f"{backend.install}"
            )
        return backend
    interpreter = interpreter_at(path)
    installed = installed_at(interpreter, backend.package, backend.beside)
    distribution = installed.distribution(backend.package) or backend.package
    build = distribution.replace(backend.package, backend.name, 1)
    # A plus sign begins the next variant in a backend's name.
    version = installed.libraries[distribution].partition("+")[0]
    return msgspec.structs.replace(
        backend,
        interpreter=interpreter,
        title=backend.title or f"{build} {version}",
        python=installed.python,
        libraries=tuple(installed.libraries.items()),
    )
