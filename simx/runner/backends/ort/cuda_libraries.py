"""Loads the CUDA, cuDNN and TensorRT libraries of ONNX Runtime's providers from pip's folders.

ONNX Runtime searches the system's folders alone; ``preload_dlls`` searches the ``nvidia-*`` wheels
or a given folder, such as torch's, which is found without importing torch. Source:
https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html#preload-dlls.
"""

import contextlib
import ctypes
import io
import re
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import onnxruntime

_TENSORRT = "TensorrtExecutionProvider"

_TENSORRT_LIBRARIES = ("libnvinfer.so.*", "libnvinfer_plugin.so.*", "libnvonnxparser.so.*")
"""In the order of their dependencies."""

_TORCH_CUDA = re.compile(r"^cuda\b[^=]*=\s*['\"](\d+)\.", re.MULTILINE)


def preload(provider: str) -> None:
    """Load the libraries that a provider needs, as far as they are installed.

    Never raises: the session that follows reports missing libraries.
    """
    version: str = onnxruntime.cuda_version
    if provider not in {"CUDAExecutionProvider", _TENSORRT} or not version:
        return
    # It prints and warns about missing libraries, and so does the session.
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(Exception):
        onnxruntime.preload_dlls(directory=cuda_folder(version))
    if provider == _TENSORRT:
        preload_tensorrt(package_folders("tensorrt_libs"))


def cuda_folder(version: str) -> str | None:
    """Return torch's folder of libraries if it fits the CUDA of ONNX Runtime, such as ``13.0``.

    None, for ONNX Runtime's own order, if the ``nvidia-*`` wheels have them, or if torch has
    another major version.
    """
    major = version.partition(".")[0]
    needed = f"libcublas.so.{major}"
    if any(any(folder.glob(f"*/lib/{needed}")) for folder in package_folders("nvidia")):
        return None
    for folder in package_folders("torch"):
        with contextlib.suppress(OSError):
            built = _TORCH_CUDA.search((folder / "version.py").read_text(encoding="utf-8"))
            if built and built[1] == major and (folder / "lib" / needed).exists():
                return str(folder / "lib")
    return None


def preload_tensorrt(folders: Sequence[Path], load: Callable[[str], object] = ctypes.CDLL) -> None:
    """Load TensorRT's libraries from the folders of its wheel."""
    for folder in folders:
        for pattern in _TENSORRT_LIBRARIES:
            for path in sorted(folder.glob(pattern)):
                with contextlib.suppress(OSError):
                    load(str(path))


def package_folders(package: str) -> tuple[Path, ...]:
    """Return the folders of a package, without importing it."""
    spec = find_spec(package)
    return tuple(map(Path, (spec and spec.submodule_search_locations) or ()))
