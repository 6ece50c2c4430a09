"""Workers see no variable that changes how a runtime computes, unless they get it on purpose."""

import pytest

from simx.workers.child_process import environment
from simx.workers.variables import FAMILIES, PRIVATE, Family, is_kept, notes, without_runtimes

SLOWING = (
    "OMP_THREAD_LIMIT",
    "OMP_DYNAMIC",
    "GOMP_SPINCOUNT",
    "KMP_BLOCKTIME",
    "MKL_DYNAMIC",
    "OPENBLAS_NUM_THREADS",
    "ONEDNN_MAX_CPU_ISA",
    "DNNL_MAX_CPU_ISA",
    "LRU_CACHE_CAPACITY",
    "ATEN_CPU_CAPABILITY",
    "TORCH_BLAS_PREFER_CUBLASLT",
    "TORCHINDUCTOR_MAX_AUTOTUNE",
    "PYTORCH_CUDA_ALLOC_CONF",
    "FBGEMM_ENABLE_INSTRUCTIONS",
    "ORT_INTRA_OP_NUM_THREADS",
    "OV_CPU_DEBUG_LOG",
    "TBB_ENABLE_SANITIZERS",
    "CUDA_LAUNCH_BLOCKING",
    "CUBLAS_WORKSPACE_CONFIG",
    "NVIDIA_TF32_OVERRIDE",
    "MIOPEN_FIND_MODE",
    "NPY_DISABLE_CPU_FEATURES",
    "JSIMD_FORCENONE",
    "MALLOC_ARENA_MAX",
    "GLIBC_TUNABLES",
    "LD_PRELOAD",
    "PYTHONMALLOC",
)
NEEDED = ("CUDA_VISIBLE_DEVICES", "CUDA_HOME", "NVIDIA_VISIBLE_DEVICES", "TORCH_HOME")
ORDINARY = ("PATH", "HOME", "LANG", "PYTHONPATH", "XDG_CACHE_HOME", "TMPDIR", "SIMX_STORE")


@pytest.mark.parametrize("name", SLOWING)
def test_workers_do_not_see_what_changes_a_runtime(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable of one runtime would slow down that one alone."""
    monkeypatch.setenv(name, "1")

    assert name not in environment(())


@pytest.mark.parametrize("name", [*NEEDED, "LD_LIBRARY_PATH", *ORDINARY])
def test_workers_see_what_the_machine_needs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that is not visible, or a library that is not found, cannot be measured."""
    monkeypatch.setenv(name, "some")

    assert environment(())[name] == "some"


def test_a_variable_that_is_passed_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the passed value, whatever this process has."""
    monkeypatch.setenv("OMP_THREAD_LIMIT", "4")

    assert environment([("OMP_THREAD_LIMIT", "1")])["OMP_THREAD_LIMIT"] == "1"


@pytest.mark.parametrize("name", PRIVATE)
def test_workers_stay_offline_whatever_is_set(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Telemetry can be switched on neither by this process's variables nor by a passed one."""
    monkeypatch.setenv(name, "0")

    assert environment([(name, "0")])[name] == PRIVATE[name]


def test_what_is_removed_and_what_is_kept_are_named() -> None:
    """By their names alone: values may be paths."""
    given = {"OMP_DYNAMIC": "true", "CUDA_HOME": "/home/ada/cuda", "PATH": "/bin", **PRIVATE}
    removed, kept = notes(variables=given)

    assert "without OMP_DYNAMIC," in removed
    assert "--env" in removed
    assert "keep CUDA_HOME," in kept
    assert "ada" not in removed + kept


def test_a_passed_variable_is_not_said_to_be_removed() -> None:
    """And nothing is said where nothing of the kind is set, or what simx itself reads."""
    given = {
        "OMP_DYNAMIC": "true",
        "PATH": "/bin",
        "TORCH_HOME": "/ada",
        "KMP_DUPLICATE_LIB_OK": "True",
    }

    assert list(notes({"OMP_DYNAMIC"}, given)) == []


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.runtimes)
def test_families_do_not_overlap(family: Family) -> None:
    """The kept ones of each are kept, and each prefix covers what begins with it."""
    prefixed = [f"{prefix}X" for prefix in family.prefixes]

    assert all(map(is_kept, family.kept))
    assert not any(map(is_kept, (*family.names, *prefixed)))
    assert without_runtimes(dict.fromkeys((*family.names, *prefixed), "1")) == {}
