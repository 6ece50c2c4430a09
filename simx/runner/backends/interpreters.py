"""Other Python environments that backends run in: what is installed there, by their interpreter."""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import msgspec

from simx.common.errors import InputError, ProviderUnavailableError
from simx.common.safe_text import clean
from simx.workers.child_process import environment

_OLDEST = (3, 11)
"""The oldest Python that the code of workers runs on."""

LEAST: Mapping[str, str] = {
    "executorch": "1.5",
    "msgspec": "0.16",
    "numpy": "1.23.2",
    "onnxruntime": "1.16.3",
    "openvino": "2025.0",
    "torch": "2.10",
    "torchvision": "0.25",
}
"""The oldest releases that workers run with. Older ones of msgspec lack types; there is no older
numpy for the oldest Python. torch and torchvision are the oldest that can be installed with simx,
and those of ExecuTorch and ONNX Runtime are the oldest that were tried. ONNX Runtime has no record
of each node's provider before 1.24, and the profile proves it; simx's exports need 1.18."""

_SECONDS = 60.0

_SCRIPT = """
import importlib.metadata as metadata, json, platform, sys
names = {}
for each in metadata.distributions():
    name = (each.metadata["Name"] or "").lower().replace("_", "-")
    runtime = name == "onnxruntime" or name.startswith("onnxruntime-")
    files = map(str, each.files or ()) if runtime else ()
    if any(file.startswith("onnxruntime/") for file in files) or name in sys.argv[1:]:
        names.setdefault(name, each.version)
print(json.dumps({"python": platform.python_version(), "libraries": names}))
"""


class Installed(msgspec.Struct, frozen=True):
    """The version of an environment's Python, and of the libraries that a worker uses there."""

    python: str
    libraries: dict[str, str]

    def distribution(self, package: str) -> str | None:
        """Return the first distribution that has the package, such as onnxruntime-openvino."""
        builds = (each for each in self.libraries if each.startswith(f"{package}-"))
        return package if package in self.libraries else next(builds, None)


def interpreter_at(path: str) -> str:
    """Return the absolute path of the Python executable that a virtual environment has, or is.

    Raises:
        InputError: there is none.
    """
    # The executable of a virtual environment is a link, which has to stay one.
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - Path.resolve follows links
    python = absolute / "bin" / "python" if absolute.is_dir() else absolute
    if not (python.is_file() and os.access(python, os.X_OK)):
        raise InputError(
            f"environment {path}: has no Python; name the folder of a virtual environment, or a "
            "Python executable"
        )
    return str(python)


def installed_at(interpreter: str, package: str, needed: tuple[str, ...]) -> Installed:
    """Return what is installed in the environment of an interpreter.

    Args:
        interpreter: its Python executable.
        package: the runtime.
        needed: the other distributions that a worker needs.

    Raises:
        ProviderUnavailableError: its Python is too old, or something is missing or too old.
    """
    try:
        # Options that an old Python does not know are left out for the version alone.
        version = _output(interpreter, "-c", "import sys; print(*sys.version_info[:2])")
        major, minor = map(int, version.split())
        if (major, minor) < _OLDEST:
            raise ProviderUnavailableError(
                f"environment {interpreter}: is Python {major}.{minor}, and workers need "
                f"{_OLDEST[0]}.{_OLDEST[1]} or newer; name an environment of a newer one"
            )
        output = _output(interpreter, "-P", "-c", _SCRIPT, package, *needed)
        found = msgspec.json.decode(output, type=Installed)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise ProviderUnavailableError(
            f"environment {interpreter}: cannot be used ({clean(type(error).__name__)}); name the "
            "folder of a virtual environment, or a Python executable"
        ) from None
    problems, mended = [], []
    for each in (package, *needed):
        name, least = found.distribution(each) or each, LEAST[each]
        there = found.libraries.get(name)
        if there is None:
            problems.append(f"{name} is not installed there")
        elif _release(there) < _release(least):
            problems.append(f"{name} {there} is older than {least}")
        else:
            continue
        mended.append(f"'{name}>={least}'")
    if problems:
        raise ProviderUnavailableError(
            f"environment {interpreter}: {', '.join(problems)}; "
            f"{interpreter} -m pip install {' '.join(mended)}"
        )
    return found


def _release(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, without those of its build."""
    return tuple(map(int, re.findall(r"\d+", version.partition("+")[0])[:3]))


def _output(interpreter: str, *arguments: str) -> bytes:
    return subprocess.run(
        [interpreter, *arguments],
        capture_output=True,
        check=True,
        timeout=_SECONDS,
        env=environment((), interpreter),
    ).stdout
