"""Targets: backends on providers in precisions, and the launchers of their workers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from simx.common.anonymous import anonymous
from simx.common.errors import InputError, ProviderUnavailableError
from simx.common.temporary import temporary_folder
from simx.models.backbone import Backbone, Precision
from simx.models.backend_name import BackendName
from simx.results.schema.config import Config
from simx.results.schema.evaluation import EvaluationConfig
from simx.results.schema.report import Failure
from simx.results.statistics.parity import Bounds, bounds_of
from simx.runner.backends import registry
from simx.runner.backends.ort.placement import CPU
from simx.runner.backends.pairs import provider_option, variable
from simx.runner.backends.providers import probe, remedy
from simx.workers.forking import launcher
from simx.workers.worker import Launcher, ModuleMissingError, WorkerDiedError


class Target(msgspec.Struct, frozen=True):
    """One backend on one provider in one precision."""

    backend: registry.BackendSpec
    provider: str
    precision: Precision = "fp32"

    @property
    def bounds(self) -> Bounds:
        """The largest difference between its embeddings and the reference."""
        return max(self.backend.bounds, bounds_of(self.precision))

    def runs(self, backbone: Backbone) -> bool:
        """Whether it can run a backbone: an ONNX file of the user's has no weights for torch."""
        return backbone.file is None or self.backend.executes == "graph"


class OpenTargets(msgspec.Struct, frozen=True):
    """Targets that work here, a launcher for each backend's label, and notes on the others."""

    targets: tuple[Target, ...]
    launchers: dict[str, Launcher]
    notes: tuple[str, ...] = ()


class Servers(ExitStack):
    """Launchers of backends, until the context ends; those that differ in settings alone share one.

    Each worker has at most ``memory`` bytes of address space.
    """

    def __init__(self, memory: int | None = None) -> None:
        super().__init__()
        # Workers' temporary files, such as code that they compile, end with the context.
        self._limits = memory, self.enter_context(temporary_folder())
        self._servers: dict[tuple[object, ...], Launcher] = {}
        self._launchers: dict[str, Launcher] = {}

    def started(self, backends: Iterable[registry.BackendSpec]) -> dict[str, Launcher]:
        """Start the launchers of further backends, and return all, by the backends' labels.

        Raises:
            ProviderUnavailableError: as ``started`` does.
        """
        for backend in backends:
            key = backend.entry, backend.environment, backend.interpreter
            if key not in self._servers:
                self._servers[key] = self.enter_context(started(backend, *self._limits))
            self._launchers[backend.label] = self._servers[key]
        return self._launchers


@contextmanager
def open_targets(targets: Sequence[Target], memory: int | None = None) -> Iterator[OpenTargets]:
    """Start every backend's launcher, and find out by running a tiny graph which targets work.

    Args:
        targets: the targets. A provider that does not work on one backend has to on another.
        memory: most bytes of address space of each worker.

    Raises:
        ProviderUnavailableError: a backend does not start, or a provider works on none of them; or
            it works on a backend, but not on the same one with other variants or options.
    """
    with Servers(memory) as servers:
        launchers = servers.started(target.backend for target in targets)
        failures = _failures(targets, launchers)
        usable = [each for each in targets if (each.backend, each.provider) not in failures]
        notes = tuple(_notes(failures, usable))
        yield OpenTargets(tuple(usable), launchers, notes)


_Failures = Mapping[tuple[registry.BackendSpec, str], Failure]


def _failures(targets: Sequence[Target], launchers: Mapping[str, Launcher]) -> _Failures:
    """Return why a backend cannot use a provider, for those that cannot."""
    return {
        (backend, provider): reply
        for backend, provider in dict.fromkeys((each.backend, each.provider) for each in targets)
        if isinstance(reply := probe(provider, launchers[backend.label], backend.options), Failure)
    }


def _notes(failures: _Failures, usable: Sequence[Target]) -> Iterator[str]:
    """Return a note on each failure where another backend can use the provider, or raise."""
    for (backend, provider), failure in failures.items():
        able = [each.backend for each in usable if each.provider == provider]
        if not able:
            raise ProviderUnavailableError(
                "; ".join(
                    _refusal(of, its, failure)
                    for (of, its), failure in failures.items()
                    if its == provider
                )
            )
        # Then its variants or options do not work, which is a mistake of the command line.
        if backend.runtime in (each.runtime for each in able):
            raise ProviderUnavailableError(_refusal(backend, provider, failure))
        reason = anonymous(failure.reason)
        yield f"{backend.label} has no cells on {provider}, which it cannot use: {reason}"


def _refusal(backend: registry.BackendSpec, provider: str, failure: Failure) -> str:
    advice = remedy(backend, provider)
    return (
        f"provider {provider} cannot be used with backend {backend.label} here: "
        f"{failure.reason}{'; ' if advice else ''}{advice}"
    )


def planned_targets(config: Config | EvaluationConfig) -> tuple[list[Target], list[str]]:
    """Return the targets of a configuration, and notes on the impossible ones; start none.

    Raises:
        InputError: a backend, a variant, an option or a precision is not known, or has no effect;
            or a variable cannot be passed.
        ProviderUnavailableError: a backend is not installed, or none has a device for any of the
            providers.
    """
    options = [provider_option(text) for text in config.provider_options]
    variables = [variable(text) for text in config.env]
    backends = [
        registry.backend_named(name).with_options(options).with_variables(variables)
        for name in config.backends
    ]
    require_takers(options, backends, config.providers)
    require_meaning(backends, config.providers)
    require_precisions(backends, config.precisions)
    targets, notes = product(backends, config.providers, config.precisions)
    if not targets:
        raise ProviderUnavailableError(f"{'; '.join(notes)}; nothing is left to measure")
    require_names([target.backend for target in targets])
    return targets, notes


def useful_targets(
    targets: Sequence[Target], backbones: Sequence[Backbone]
) -> tuple[list[Target], list[str]]:
    """Return the targets that can run a backbone, and a note on each that cannot run all.

    Raises:
        InputError: none can run a model of the user's own.
    """
    own = [each for each in backbones if each.file is not None]
    lacking = [each for each in targets if not all(each.runs(of) for of in own)]
    if own and len(lacking) == len(targets):
        raise InputError(
            f"--model: {targets[0].backend.label} cannot run an ONNX file; add --backend ort"
        )
    names = ", ".join(each.name for each in own)
    labels = dict.fromkeys(each.backend.label for each in lacking)
    notes = [
        f"{label} has no cells of {names}, because it cannot run an ONNX file" for label in labels
    ]
    return [each for each in targets if any(map(each.runs, backbones))], notes


def product(
    backends: Sequence[registry.BackendSpec],
    providers: Sequence[str],
    precisions: Sequence[Precision] = ("fp32",),
) -> tuple[list[Target], list[str]]:
    """Return every backend on every provider in every precision, and notes on what is impossible.

    A provider that a backend has no device for, or a precision that it does not compute in, is
    noted: another backend may have it.
    """
    found, notes = [], []
    for provider in dict.fromkeys(providers):
        for backend in dict.fromkeys(backends):
            its = dict(backend.stand_ins).get(provider, provider)
            if backend.providers is not None and its not in backend.providers:
                notes.append(f"{backend.label} has no device for {provider}, so no cells there")
                continue
            # The processor's own provider takes any option in silence and has none.
            options = () if its == CPU else backend.options
            fitting = msgspec.structs.replace(backend, options=options)
            usable = (each for each in precisions if each in backend.precisions)
            found += [Target(fitting, its, precision) for precision in usable]
            if its != provider:
                notes.append(f"{backend.label} is measured on {its}, which is the same device")
    notes += [
        f"{backend.label} computes in {', '.join(backend.precisions)} only, so it has no cells in "
        + " or ".join(lacking)
        for backend in dict.fromkeys(backends)
        if (lacking := [each for each in precisions if each not in backend.precisions])
    ]
    return list(dict.fromkeys(found)), notes


def require_names(backends: Sequence[registry.BackendSpec]) -> None:
    """Require that a report can tell the backends apart by their names, or raise InputError."""
    by_label = {backend.label: backend for backend in backends}
    by_title = {backend.title or backend.name: backend for backend in backends}
    for backend in backends:
        title = backend.title or backend.name
        other = by_title[title]
        if other.runtime != backend.runtime:
            raise InputError(
                f"--backend {backend.label}: another backend is also named {title}; give one of "
                f"them a label, such as new={backend.name}@PATH"
            )
        if by_label[backend.label] != backend:
            raise InputError(
                f"--backend {backend.label}: two backends differ in the folder of a file alone, "
                "which a report does not keep; give the files different names"
            )


def require_takers(
    options: Sequence[str], backends: Sequence[registry.BackendSpec], providers: Sequence[str]
) -> None:
    """Refuse options that no backend and provider takes.

    Args:
        options: those of every provider, each as ``key=value``.
        backends: with their own options.
        providers: by ONNX Runtime's names.

    Raises:
        InputError: names the first of the options.
    """
    takers = any(backend.takes_options for backend in backends) and set(providers) - {CPU}
    every = (*options, *(option for backend in backends for option in backend.options))
    if every and not takers:
        raise InputError(
            f"provider option {every[0]!r}: nothing that is asked for takes it; options are those "
            f"of ONNX Runtime's providers, and {CPU} has none"
        )


def require_meaning(backends: Sequence[registry.BackendSpec], providers: Sequence[str]) -> None:
    """Require an effect of every variant on one of the providers, or raise InputError."""
    for backend in backends:
        for variant in backend.known_variants:
            where = variant.providers if variant.name in backend.variants else None
            if where is not None and not set(where) & set(providers):
                raise InputError(
                    f"backend {backend.label}: {variant.name} means something on "
                    f"{' and '.join(where)} only, and --provider is {', '.join(providers)}"
                )


def require_precisions(
    backends: Sequence[registry.BackendSpec], precisions: Sequence[Precision]
) -> None:
    """Require a backend for every precision, or raise InputError."""
    for precision in precisions:
        if not any(precision in backend.precisions for backend in backends):
            named = ", ".join(backend.label for backend in backends)
            raise InputError(
                f"--precision {precision}: {named} computes in "
                f"{', '.join(backends[0].precisions)} only; add --backend ort"
            )


def located(name: str) -> str:
    """Return a backend's name with its label and an absolute path, if it has an environment.

    Raises:
        InputError: as ``backend_named`` does.
        ProviderUnavailableError: likewise.
    """
    parts = BackendName.parse(name)
    if not parts.environment:
        return name
    backend = registry.backend_named(name)
    environment = str(backend.interpreter)
    return str(msgspec.structs.replace(parts, title=backend.title, environment=environment))


def started(
    backend: registry.BackendSpec, memory: int | None = None, folder: Path | None = None
) -> Launcher:
    """Start the launcher of a backend's workers, with at most ``memory`` bytes each.

    Their temporary files lie in a ``folder``, or in the system's place for them.

    Raises:
        ProviderUnavailableError: a package of the backend is missing, or it cannot be imported.
    """
    variables = backend.environment
    if folder is not None:
        variables = (("TMPDIR", str(folder)), *variables)
    try:
        return launcher(backend.entry, variables, memory, backend.interpreter)
    except WorkerDiedError as error:
        where = "" if backend.interpreter is None else f"{backend.interpreter} -m "
        advice = f"; {where}{backend.install}" if isinstance(error, ModuleMissingError) else ""
        raise ProviderUnavailableError(
            f"backend {backend.label}: the worker {error}{advice}"
        ) from None
