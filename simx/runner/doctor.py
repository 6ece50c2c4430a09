"""Proves what this installation can do on this machine."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from simx.common.anonymous import anonymous
from simx.common.errors import ProviderUnavailableError
from simx.common.safe_text import counted
from simx.exporter.store.remote import opened_store
from simx.exporter.store.sharing import no_store
from simx.exporter.weights.cache import pretrained_cached
from simx.models.catalogue import load
from simx.results.schema.diagnosis import (
    Diagnosis,
    PluginDiagnosis,
    ProviderDiagnosis,
    StoreDiagnosis,
)
from simx.results.schema.report import Failure
from simx.runner.backends.compiler import REMEDY, compiler_name, cpp_compiler
from simx.runner.backends.contract import RuntimeFacts
from simx.runner.backends.ort.plugins import runtime_distributions
from simx.runner.backends.providers import probe, remedy
from simx.runner.backends.registry import BACKENDS, BackendSpec, backend_named
from simx.runner.bench.environment import describe_environment
from simx.runner.bench.targets import started
from simx.runner.bench.threads import default_threads
from simx.runner.measure.messages import Describe, Described, Usable, decoder
from simx.workers.worker import Launcher, WorkerError

STORE_BYTES = 40_000_000_000
"""Size of the exports of all 80 architectures, with their weights."""

_DESCRIBE_SECONDS = 120.0


def diagnose(
    store: Path | str | None, named: Sequence[str], backends: Sequence[BackendSpec] = ()
) -> Diagnosis:
    """Ask backends for their providers, and run a tiny graph on each of them.

    Args:
        store: The folder or URL of exports; None without one.
        named: Providers to test in addition to the backends' own, by ONNX Runtime's names.
        backends: The backends to test; by default all that simx has, in this environment.
    """
    providers: list[ProviderDiagnosis] = []
    plugins: list[PluginDiagnosis] = []
    cuda: dict[str, str] = {}
    for spec in backends or BACKENDS:
        try:
            with started(spec if backends else backend_named(spec.name)) as launcher:
                facts = _facts(launcher)
                providers += _probed(spec, launcher, facts, named)
        except (ProviderUnavailableError, WorkerError) as error:
            failure = Failure(stage="launch", reason=str(error))
            own = _fitting(spec, named or ("CPUExecutionProvider",))
            providers += [_diagnosis(spec, each, named, failure) for each in own]
            continue
        if facts.cuda is not None:
            cuda[spec.label] = facts.cuda
        plugins += facts.plugins
    found = Diagnosis(
        environment=describe_environment(backends),
        threads=default_threads(),
        providers=tuple(providers),
        plugins=tuple(plugins),
        distributions=runtime_distributions(),
        cuda=cuda,
        store=None if store is None else _store(store),
        cached_weights=sum(pretrained_cached(backbone) is not None for backbone in load()),
        cpp_compiler=Path(compiler).name if (compiler := cpp_compiler()) else None,
        problems=(),
        advice=(),
    )
    return judged(found)


def _store(name: Path | str) -> StoreDiagnosis:
    store = opened_store(name)
    # Its folder need not exist yet.
    existing = next(each for each in (store.root, *store.root.absolute().parents) if each.exists())
    free_bytes = shutil.disk_usage(existing).free
    return StoreDiagnosis(exports=len(store.entries()), free_bytes=free_bytes)


def judged(found: Diagnosis) -> Diagnosis:
    """Return a diagnosis with its problems and its advice."""
    problems, advice = tuple(_problems(found)), tuple(_advice(found))
    return msgspec.structs.replace(found, problems=problems, advice=advice)


def _facts(launcher: Launcher) -> RuntimeFacts:
    with launcher.launch() as worker:
        reply = worker.request(Describe(), decoder(Described), _DESCRIBE_SECONDS)
    if isinstance(reply, Failure):
        raise WorkerError(reply.reason)
    return reply.facts


def _probed(
    spec: BackendSpec, launcher: Launcher, facts: RuntimeFacts, named: Sequence[str]
) -> Iterator[ProviderDiagnosis]:
    for provider in dict.fromkeys((*facts.providers, *_fitting(spec, named))):
        reply = probe(provider, launcher)
        mend = remedy(spec, provider) if isinstance(reply, Failure) else None
        yield _diagnosis(spec, provider, named, reply, mend)


def _fitting(spec: BackendSpec, providers: Sequence[str]) -> list[str]:
    return [each for each in providers if spec.providers is None or each in spec.providers]


def _diagnosis(
    spec: BackendSpec,
    provider: str,
    named: Sequence[str],
    reply: Usable | Failure,
    mend: str | None = None,
) -> ProviderDiagnosis:
    return ProviderDiagnosis(
        backend=spec.label,
        provider=provider,
        named=provider in named,
        proof={} if isinstance(reply, Failure) else reply.placement,
        reason=anonymous(reply.reason) if isinstance(reply, Failure) else None,
        remedy=mend,
        libraries={} if isinstance(reply, Failure) else reply.libraries,
    )


def _problems(found: Diagnosis) -> Iterator[str]:
    others = found.environment.others
    for where in (found.distributions, *(other.libraries for other in others.values())):
        builds = [name for name in where if name.startswith("onnxruntime")]
        if len(builds) > 1:
            yield (
                f"{' and '.join(builds)} are installed at once and have overwritten each other: "
                "pip uninstall all of them, then install only the one that you need"
            )
    majors = {
        backend: version.split(".")[0]
        for backend, version in found.cuda.items()
        if backend.partition(":")[0] not in others
    }
    if len(set(majors.values())) > 1:
        built = ", ".join(f"{backend} for CUDA {found.cuda[backend]}" for backend in majors)
        yield (
            f"the backends are built for different major versions of CUDA ({built}): each needs "
            "its own libraries; install builds for the same one"
        )
    if not any(each.usable for each in found.providers):
        yield "no backend runs on any provider: nothing can be measured here"


def _advice(found: Diagnosis) -> Iterator[str]:
    environment, governor = found.environment, found.environment.governor
    if governor is not None and governor != "performance":
        yield (
            f"the frequency governor is {governor}: frequencies follow the load; "
            "`cpupower frequency-set -g performance` makes times steadier"
        )
    if environment.boost:
        yield "the cores may exceed their nominal frequency, so that times depend on temperature"
    if environment.quota_cores is not None and environment.quota_cores < environment.affinity_cores:
        yield (
            f"the container's quota is {counted(environment.quota_cores, 'core')} of "
            f"{environment.affinity_cores}: bursts are throttled, and times vary with it"
        )
    with_torch = any(each.backend.partition(":")[0] == "torch" for each in found.providers)
    if with_torch and found.cpp_compiler is None:
        yield f"torch:compile needs a C++ compiler, and {compiler_name()} is not here; {REMEDY}"
    if found.store is None:
        yield str(no_store())
    elif found.store.free_bytes < STORE_BYTES:
        yield (
            f"{found.store.free_bytes / 1e9:.0f} GB are free where the store is; all "
            f"architectures take about {STORE_BYTES / 1e9:.0f} GB"
        )
