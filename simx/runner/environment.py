"""The machine and its software, as a report states them. No user, host or home directory names."""

import os
import platform
from importlib import metadata
from pathlib import Path

import psutil

from simx.results.schema import Environment
from simx.runner.threads import affinity_cores, quota_cores

_LIBRARIES = (
    "torch",
    "torchvision",
    "onnxruntime",
    "onnxruntime-gpu",
    "onnxruntime-openvino",
    "onnxruntime-directml",
    "onnx",
    "onnxscript",
    "numpy",
    "Pillow",
)

_CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))


def describe_environment() -> Environment:
    """Read everything that is not measured."""
    return Environment(
        cpu=_cpu_model(),
        architecture=platform.machine(),
        logical_cores=os.cpu_count() or 1,
        affinity_cores=affinity_cores(),
        quota_cores=quota_cores(),
        memory_bytes=psutil.virtual_memory().total,
        system=f"{platform.system()} {platform.release()}",
        container=any(mark.exists() for mark in _CONTAINER_MARKS),
        python=platform.python_version(),
        libraries=library_versions(),
    )


def library_versions() -> dict[str, str]:
    """Return the versions of the installed libraries that a time can depend on."""
    versions = {}
    for name in _LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.processor() or "unknown"
