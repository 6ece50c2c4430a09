"""Environment variables that change how runtimes compute, and what workers see of them.

Left in place, one could slow down a single backend by half, and no report would show it. Workers
get none of them, except those that the machine may need to work at all.
"""

import os
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple


class Family(NamedTuple):
    """The variables of some runtimes: all that begin with a prefix, and single names.

    Workers see none but the ``kept`` ones: they select a device, or say where files are.
    """

    runtimes: str
    prefixes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()

    def has(self, name: str) -> bool:
        """Whether a variable is one of the family."""
        return name in self.names or name in self.kept or name.startswith(self.prefixes)


FAMILIES = (
    Family("OpenMP", ("OMP_", "GOMP_", "KMP_", "LIBOMP", "ACC_")),
    Family(
        "Linear algebra",
        ("MKL_", "OPENBLAS_", "GOTO_", "GOTOBLAS_", "BLIS_", "NVPL_"),
        ("VECLIB_MAXIMUM_THREADS",),
        kept=("MKLROOT",),
    ),
    Family("oneDNN", ("DNNL_", "ONEDNN_", "MKLDNN_"), ("LRU_CACHE_CAPACITY",)),
    Family(
        "PyTorch",
        ("ATEN_", "C10_", "FBGEMM_", "KINETO_", "PYTORCH_", "TORCH"),
        ("DISABLE_ADDMM_CUDA_LT", "THP_MEM_ALLOC_ENABLE", "USE_EIGEN_FOR_BLAS"),
        kept=("PYTORCH_KERNEL_CACHE_PATH", "PYTORCH_VERSION", "TORCH_HOME"),
    ),
    Family("ONNX Runtime", ("ORT_", "MLAS_", "ONNXRUNTIME_")),
    Family(
        "OpenVINO and TBB",
        ("OPENVINO_", "OV_", "TBB_", "INTEL_LIBITTNOTIFY", "INTEL_ITTNOTIFY"),
        kept=("OPENVINO_LIB_PATHS",),
    ),
    Family(
        "NVIDIA",
        ("CUDA_", "CUBLAS", "CUDNN_", "NVIDIA_"),
        kept=(
            "CUDA_CACHE_PATH",
            "CUDA_DEVICE_ORDER",
            "CUDA_HOME",
            "CUDA_MPS_LOG_DIRECTORY",
            "CUDA_MPS_PIPE_DIRECTORY",
            "CUDA_PATH",
            "CUDA_VERSION",
            "CUDA_VISIBLE_DEVICES",
            "CUDNN_VERSION",
            "NVIDIA_DRIVER_CAPABILITIES",
            "NVIDIA_PRODUCT_NAME",
            "NVIDIA_REQUIRE_CUDA",
            "NVIDIA_VISIBLE_DEVICES",
        ),
    ),
    Family(
        "AMD",
        ("HIP_", "HIPBLASLT_", "HSA_", "MIGRAPHX_", "MIOPEN_", "ROCBLAS_", "ROCR_"),
        kept=(
            "HIP_PATH",
            "HIP_VISIBLE_DEVICES",
            "HSA_OVERRIDE_GFX_VERSION",
            "HSA_PATH",
            "ROCR_VISIBLE_DEVICES",
        ),
    ),
    Family("numpy and Pillow", ("NPY_", "NUMPY_", "PILLOW_", "JSIMD_"), ("JPEGMEM",)),
    Family(
        "Memory and the loader",
        ("MALLOC_", "JE_MALLOC", "TCMALLOC_", "MIMALLOC_"),
        ("GLIBC_TUNABLES", "LD_AUDIT", "LD_BIND_NOW", "LD_DEBUG", "LD_PRELOAD", "LD_PROFILE"),
        kept=("LD_LIBRARY_PATH",),
    ),
    Family(
        "Python",
        names=(
            "PYTHONASYNCIODEBUG",
            "PYTHONDEVMODE",
            "PYTHONDUMPREFS",
            "PYTHONMALLOC",
            "PYTHONMALLOCSTATS",
            "PYTHONOPTIMIZE",
            "PYTHONPERFSUPPORT",
            "PYTHONPROFILEIMPORTTIME",
            "PYTHONTRACEMALLOC",
            "PYTHON_GIL",
            "PYTHON_JIT",
        ),
    ),
)
"""By the runtimes that read them. docs/environment-variables.md says what single ones do."""


PRIVATE: Mapping[str, str] = {"ORT_DISABLE_TELEMETRY": "1", "PYTHONIOENCODING": "utf-8"}
"""Variables that every worker gets. They keep libraries offline, and let them print what they like.
ONNX Runtime sends telemetry by default since 1.29, and reads this when it is imported. Its sender
is also a thread, and a process with threads cannot be forked safely."""

BLAS_THREADS = "OPENBLAS_NUM_THREADS"
"""The variable that sets the threads of numpy's library; the command line sets it for itself."""

_UNNAMED = frozenset(
    {*PRIVATE, BLAS_THREADS, "KMP_DUPLICATE_LIB_OK", "TORCHINDUCTOR_CACHE_DIR", "TORCH_HOME"}
)
"""Variables that nothing is said of: workers get those of ``PRIVATE``, simx itself sets the next
one, importing torch the two after it, and simx looks for weights where the last says."""


def is_kept(name: str) -> bool | None:
    """Whether workers keep a variable; None if it belongs to no family, so that they see it."""
    family = next((each for each in FAMILIES if each.has(name)), None)
    return None if family is None else name in family.kept


def without_runtimes(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables without those that change how a runtime computes."""
    return {name: value for name, value in variables.items() if is_kept(name) is not False}


def notes(passed: Collection[str] = (), variables: Mapping[str, str] = os.environ) -> Iterator[str]:
    """Yield what is to be said of the variables that are set, by their names alone.

    Args:
        passed: Those that workers get on purpose.
        variables: Those of this process.
    """
    named = sorted(set(variables) - {*passed, *_UNNAMED})
    if removed := [name for name in named if is_kept(name) is False]:
        yield (
            f"workers run without {', '.join(removed)}, because such variables change what is "
            "measured; simx bench --env NAME=VALUE passes one and labels its cells"
        )
    if kept := [name for name in named if is_kept(name)]:
        yield f"workers keep {', '.join(kept)}, because the machine may need them"
