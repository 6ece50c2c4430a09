"""The machine and its software, as a report has them, without names of users, hosts or folders."""

import os
import platform
import re
from collections.abc import Iterable
from contextlib import suppress
from importlib import metadata
from pathlib import Path

import psutil

from simx.common.cgroups import cpu_quota
from simx.models.backbone import TIMM_PREFIX
from simx.results.schema.environment import Environment, OtherEnvironment
from simx.runner.backends.gpu.nvml import describe_gpus
from simx.runner.backends.ort.plugins import installed_plugins, runtime_distributions
from simx.runner.backends.registry import BACKENDS, BackendSpec
from simx.runner.bench.threads import affinity_cores
from simx.runner.measure.system import text

_LIBRARIES = ("torch", "torchvision", "onnx", "onnxscript", "numpy", "Pillow")
_COMMITS = ("GITHUB_SHA", "CI_COMMIT_SHA", "GIT_COMMIT", "BUILD_SOURCEVERSION")
"""In which variable GitHub, GitLab, Jenkins and Azure name the commit that is tested."""

_CORES = Path("/sys/devices/system/cpu")
_CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))


def describe_environment(
    backends: Iterable[BackendSpec] = (), backbones: Iterable[str] = ()
) -> Environment:
    """Read the description of the machine and its software.

    Args:
        backends: those of them that run in another environment add it.
        backbones: names; with one of timm's, its version is a part of the software.
    """
    of_timm = any(name.startswith(TIMM_PREFIX) for name in backbones)
    return Environment(
        cpu=_cpu_model(),
        architecture=platform.machine(),
        logical_cores=os.cpu_count() or 1,
        affinity_cores=affinity_cores(),
        quota_cores=cpu_quota(),
        memory_bytes=psutil.virtual_memory().total,
        governor=_governor(),
        boost=_boost(),
        threads_per_core=_threads_per_core(),
        gpus=describe_gpus(),
        system=f"{platform.system()} {platform.release()}",
        container=any(mark.exists() for mark in _CONTAINER_MARKS),
        python=platform.python_version(),
        libraries=_library_versions(*(("timm",) if of_timm else ())),
        others={
            each.title: OtherEnvironment(
                backend=each.name, python=each.python, libraries=dict(each.libraries)
            )
            for each in backends
            if each.interpreter is not None
        },
        commit=_commit(),
    )


def _library_versions(*further: str) -> dict[str, str]:
    """Return the versions that a time can depend on, also of each build and plug-in."""
    plugins = {plugin.distribution: plugin.version for plugin in installed_plugins()}
    versions = runtime_distributions() | plugins
    for name in (*_LIBRARIES, *(each.package for each in BACKENDS), *further):
        with suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


def _commit() -> str | None:
    """Return the first variable's value that is a hash, so that nothing else gets into a report."""
    values = (os.environ.get(name, "") for name in _COMMITS)
    return next((value for value in values if re.fullmatch(r"[0-9a-f]{7,64}", value)), None)


def _governor(cores: Path = _CORES) -> str | None:
    """Return the frequency governors of all cores, each once."""
    found = [text(path) for path in sorted(cores.glob("cpu[0-9]*/cpufreq/scaling_governor"))]
    return " ".join(dict.fromkeys(name for name in found if name)) or None


def _boost(cores: Path = _CORES) -> bool | None:
    """Whether cores may run above their nominal frequency; Intel's driver has the inverse."""
    if (no_turbo := text(cores / "intel_pstate" / "no_turbo")) is not None:
        return no_turbo == "0"
    boost = text(cores / "cpufreq" / "boost")
    return None if boost is None else boost == "1"


def _threads_per_core(cores: Path = _CORES) -> int | None:
    """Return how many hardware threads share the first core: ``0-1`` and ``0,4`` are two."""
    shared = text(cores / "cpu0" / "topology" / "thread_siblings_list")
    if not shared:
        return None
    ends = [[int(end) for end in part.split("-")] for part in shared.split(",")]
    return sum(part[-1] - part[0] + 1 for part in ends)


def _cpu_model() -> str:
    for line in (text(Path("/proc/cpuinfo")) or "").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.processor() or "unknown"
