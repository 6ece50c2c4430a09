"""Finds out what this install and this machine can do, with proof."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec

from simx.common.anonymous import anonymous
from simx.common.errors import ProviderUnavailableError
from simx.exporter.store.store import Store
from simx.exporter.weights.cache import pretrained_cached
from simx.models.catalogue import load
from simx.results.schema.diagnosis import (
    Diagnosis,
    PluginDiagnosis,
    ProviderDiagnosis,
    StoreDiagnosis,
)
from simx.results.schema.environment import Environment
from simx.results.schema.report import Failure
from simx.runner.backends.contract import RuntimeFacts
from simx.runner.backends.ort.plugins import runtime_distributions
from simx.runner.backends.providers import probe, remedy
from simx.runner.backends.registry import BACKENDS, BackendSpec, backend_named
from simx.runner.bench.environment import describe_environment
from simx.runner.bench.targets import started
from simx.runner.bench.threads import default_threads
from simx.runner.measure.messages import DESCRIBED, Describe, Described
from simx.workers.worker import Launcher, WorkerError

STORE_BYTES = 40_000_000_000
"""Size of the exports of all 80 architectures, with their weights."""

_DESCRIBE_SECONDS = 120.0


def diagnose(store: Path, named: Sequence[str]) -> Diagnosis:
    """Ask every backend for its providers, and run a tiny graph on each of them.

    Args:
        store: The folder of exports.
        named: Providers to test in addition to the backends' own, by ONNX Runtime's names.
    """
    providers: list[ProviderDiagnosis] = []
    plugins: list[PluginDiagnosis] = []
    cuda: dict[str, str] = {}
    for spec in BACKENDS:
        with ExitStack() as stack:
            try:
                launcher = stack.enter_context(started(backend_named(spec.name)))
                facts = _facts(launcher)
            except (ProviderUnavailableError, WorkerError) as error:
                providers += _unavailable(spec, named, str(error))
                continue
            if facts.cuda is not None:
                cuda[spec.name] = facts.cuda
            plugins += facts.plugins
            providers += _probed(spec, launcher, facts, named)
    environment = describe_environment()
    found = Diagnosis(
        environment=environment,
        threads=default_threads(),
        providers=tuple(providers),
        plugins=tuple(plugins),
        distributions=runtime_distributions(),
        cuda=cuda,
        store=StoreDiagnosis(exports=len(Store(store).entries()), free_bytes=_free_bytes(store)),
        cached_weights=sum(pretrained_cached(backbone) is not None for backbone in load()),
        problems=(),
        advice=(),
    )
    return judged(found)


def judged(found: Diagnosis) -> Diagnosis:
    """Return a diagnosis with its problems and its advice."""
    return msgspec.structs.replace(
        found, problems=tuple(_problems(found)), advice=tuple(_advice(found))
    )


def _facts(launcher: Launcher) -> RuntimeFacts:
    with launcher.launch() as worker:
        reply: Described | Failure = worker.request(Describe(), DESCRIBED, _DESCRIBE_SECONDS)
    if isinstance(reply, Failure):
        raise WorkerError(reply.reason)
    return reply.facts


def _probed(
    backend: BackendSpec, launcher: Launcher, facts: RuntimeFacts, named: Sequence[str]
) -> Iterator[ProviderDiagnosis]:
    devices = backend.providers
    asked = [name for name in named if devices is None or name in devices]
    for provider in dict.fromkeys((*facts.providers, *asked)):
        reply = probe(provider, launcher)
        failed = isinstance(reply, Failure)
        yield ProviderDiagnosis(
            backend=backend.label,
            provider=provider,
            named=provider in named,
            proof={} if isinstance(reply, Failure) else reply.placement,
            reason=anonymous(reply.reason) if isinstance(reply, Failure) else None,
            remedy=remedy(backend, provider) if failed else None,
            libraries={} if isinstance(reply, Failure) else reply.libraries,
        )


def _unavailable(
    spec: BackendSpec, named: Sequence[str], reason: str
) -> Iterator[ProviderDiagnosis]:
    for provider in named or ("CPUExecutionProvider",):
        if spec.providers is None or provider in spec.providers:
            yield ProviderDiagnosis(
                backend=spec.name,
                provider=provider,
                named=provider in named,
                proof={},
                reason=anonymous(reason),
                remedy=None,
            )


def _free_bytes(folder: Path) -> int:
    """Return the free bytes of the disk of a folder, which need not exist yet."""
    existing = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    return shutil.disk_usage(existing).free


def _problems(found: Diagnosis) -> Iterator[str]:
    if len(found.distributions) > 1:
        names = " and ".join(found.distributions)
        yield (
            f"{names} are installed at once and have overwritten each other: pip uninstall all of "
            "them, then install only the one that you need"
        )
    majors = {backend: version.split(".")[0] for backend, version in found.cuda.items()}
    if len(set(majors.values())) > 1:
        built = ", ".join(f"{backend} for CUDA {found.cuda[backend]}" for backend in majors)
        yield (
            f"the backends are built for different major versions of CUDA ({built}): each needs "
            "its own libraries; install builds for the same one"
        )
    if not any(each.usable for each in found.providers):
        yield "no backend runs on any provider: nothing can be measured here"


def _advice(found: Diagnosis) -> Iterator[str]:
    environment = found.environment
    yield from _machine_advice(environment)
    if found.store.free_bytes < STORE_BYTES:
        yield (
            f"{found.store.free_bytes / 1e9:.0f} GB are free where the store is; all "
            f"architectures take about {STORE_BYTES / 1e9:.0f} GB"
        )


def _machine_advice(environment: Environment) -> Iterator[str]:
    governor = environment.governor
    if governor is not None and governor != "performance":
        yield (
            f"the frequency governor is {governor}: frequencies follow the load; "
            "`cpupower frequency-set -g performance` makes times steadier"
        )
    if environment.boost:
        yield "the cores may exceed their nominal frequency, so that times depend on temperature"
    if environment.quota_cores is not None and environment.quota_cores < environment.affinity_cores:
        yield (
            f"the container's quota is {environment.quota_cores:g} cores of "
            f"{environment.affinity_cores}: bursts are throttled, and times vary with it"
        )
