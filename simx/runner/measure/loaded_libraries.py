"""The providers' libraries in this process's memory map, by name, without paths."""

import ctypes
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

_MAPS = Path("/proc/self/maps")
_FIELDS_BEFORE_PATH = 5

_NAME = re.compile(
    r"""
    (lib(?:cuda|cudart|cublas|cublasLt|cudnn|cufft|curand|cusparse|cusolver|nvrtc  # CUDA
      |nvinfer|nvinfer_plugin|nvonnxparser  # TensorRT
      |openvino|openvino_\w+_plugin  # OpenVINO
      |Qnn\w+  # QNN
      |amdhip64|MIOpen|rocblas  # ROCm
      |vulkan  # WebGPU
      |onnxruntime_providers_(?!shared)\w+))
    \.so(?:\.([\d.]+))?$
    """,
    re.VERBOSE | re.ASCII,
)


def _reported_version(name: str, path: str) -> str | None:
    """Return the version that CUDA's runtime or cuDNN reports: 13000 is 13.0."""
    with suppress(OSError, AttributeError):
        if name == "libcudart":
            runtime = ctypes.c_int()
            ctypes.CDLL(path).cudaRuntimeGetVersion(ctypes.byref(runtime))
            return f"{runtime.value // 1000}.{runtime.value % 1000 // 10}"
        if name == "libcudnn":
            version = ctypes.CDLL(path).cudnnGetVersion
            version.restype = ctypes.c_size_t
            return cudnn_version(version())
    return None


def loaded_libraries() -> dict[str, str]:
    """Return the providers' libraries that this process has loaded, with their versions."""
    try:
        maps = _MAPS.read_text(errors="surrogateescape")
    except OSError:  # some systems do not allow reading it
        return {}
    fields = (line.split(maxsplit=_FIELDS_BEFORE_PATH) for line in maps.splitlines())
    return libraries_in(each[-1] for each in fields if len(each) > _FIELDS_BEFORE_PATH)


def libraries_in(
    paths: Iterable[str], version_of: Callable[[str, str], str | None] = _reported_version
) -> dict[str, str]:
    """Return the providers' libraries among mapped files, by name, with their versions.

    A version is what ``version_of`` returns for a library's name and path, or else the one in the
    file's name, or an empty text.
    """
    names = ((_NAME.search(Path(path).name), path) for path in sorted(set(paths)))
    return {
        match[1]: version_of(match[1], path) or match[2] or "" for match, path in names if match
    }


def cudnn_version(number: int) -> str:
    """Return ``9.28.1`` for 92801, as cuDNN counts from version 9 on.

    Source: NVIDIA, cudnn_version.h: CUDNN_MAJOR * 10000 + CUDNN_MINOR * 100 + CUDNN_PATCHLEVEL.
    """
    return f"{number // 10000}.{number // 100 % 100}.{number % 100}"
