"""Variants: the same names on both backends, and no label for what means nothing."""

import sys

import pytest

from simx.common.errors import InputError, ProviderUnavailableError
from simx.results.statistics.parity import FP32, TF32
from simx.runner.backends import registry
from simx.runner.backends.pairs import provider_option, variable
from simx.runner.backends.registry import (
    BACKENDS,
    backend_named,
)
from simx.runner.bench.targets import product, require_meaning
from simx.workers.allocator import KEEPING

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
ON_A_GPU = ("channels-last", "cuda-graph", "no-arena", "search-exhaustive", "tf32")


def test_what_differs_on_a_gpu_has_one_name_on_both_backends() -> None:
    """So that like is compared with like."""
    for spec in (each for each in BACKENDS if each.name in {"torch", "ort"}):
        known = {
            variant.name
            for variant in spec.known_variants
            if CUDA in (variant.providers or (CUDA,))
        }
        assert set(ON_A_GPU) <= known


@pytest.mark.parametrize("name", ["torch:tf32", "ort:channels-last", "torch:cuda-graph+tf32"])
def test_a_variant_has_cells_where_it_means_something(name: str) -> None:
    """On the other provider a note says that there are none, instead of a label that lies."""
    targets, notes = product([backend_named(name)], [CPU, CUDA])

    assert [target.provider for target in targets] == [CUDA]
    assert len(notes) == 1
    assert CPU in notes[0]


def test_a_variant_that_means_nothing_anywhere_is_refused() -> None:
    """With the providers on which it does."""
    backend = backend_named("ort:tf32")

    with pytest.raises(InputError, match=f"tf32 means something on {CUDA} only, and --provider"):
        require_meaning([backend], [CPU])
    require_meaning([backend], [CPU, CUDA])
    require_meaning([backend_named("torch:channels-last")], [CPU])


def test_openvino_by_its_two_names_is_measured_side_by_side(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its own backend has the processor, as ONNX Runtime's provider of the name does by default."""
    monkeypatch.setattr(registry, "find_spec", lambda _: True)
    backends = [backend_named("ort"), backend_named("openvino")]
    targets, notes = product(backends, ["OpenVINOExecutionProvider"])

    assert [(each.backend.label, each.provider) for each in targets] == [
        ("ort", "OpenVINOExecutionProvider"),
        ("openvino", CPU),
    ]
    assert notes == [f"openvino is measured on {CPU}, which is the same device"]


def test_a_package_that_is_missing_is_named_with_its_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An extra is not installed with simx."""
    monkeypatch.setattr(registry, "find_spec", lambda _: None)

    with pytest.raises(ProviderUnavailableError) as refused:
        backend_named("openvino")

    assert str(refused.value) == (
        "backend openvino: openvino is not installed here; pip install openvino"
    )


@pytest.mark.parametrize("variant", ["compile", "freezing", "max-autotune"])
def test_a_variant_that_compiles_needs_a_compiler(
    variant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked for before anything is measured; the line says how to get one."""
    monkeypatch.setenv("CXX", "no-such-compiler -O2")

    with pytest.raises(ProviderUnavailableError) as refused:
        backend_named(f"torch:{variant}")
    monkeypatch.setenv("CXX", sys.executable)

    assert str(refused.value) == (
        f"backend torch:{variant}: it needs a C++ compiler, and no-such-compiler is not here; "
        "install one, such as with apt-get install g++, or name another one in the variable CXX"
    )
    assert backend_named(f"torch:{variant}").providers == (CPU,)


def test_a_variant_for_two_providers_has_cells_on_both() -> None:
    """But on no third."""
    targets, _ = product([backend_named("ort:no-arena")], [CPU, CUDA, "OpenVINOExecutionProvider"])

    assert [target.provider for target in targets] == [CPU, CUDA]


@pytest.mark.parametrize(
    ("name", "bounds"),
    [
        ("torch", FP32),
        ("ort:channels-last", FP32),
        ("ort:use_tf32=0", FP32),
        ("torch:tf32", TF32),
        ("ort:tf32+channels-last", TF32),
        ("ort:use_tf32=1", TF32),
    ],
)
def test_rounded_factors_have_a_looser_bound(name: str, bounds: object) -> None:
    """Whether they were asked for by the variant or by the provider's option."""
    assert backend_named(name).bounds == bounds


@pytest.mark.parametrize("backend", ["torch", "ort"])
def test_tf32_is_off_in_every_library_unless_it_was_asked_for(backend: str) -> None:
    """NVIDIA's own switch covers what no option does; left unset where TF32 is wanted."""
    assert dict(backend_named(backend).environment)["NVIDIA_TF32_OVERRIDE"] == "0"
    assert dict(backend_named(f"{backend}:tf32").environment)["NVIDIA_TF32_OVERRIDE"] is None


def test_tf32_by_the_providers_own_option_is_tf32() -> None:
    """The option would be without effect otherwise, and its cells held to the wrong bound."""
    backend = backend_named("ort").with_options(["use_tf32=1"])
    assert dict(backend.environment)["NVIDIA_TF32_OVERRIDE"] is None
    assert backend.bounds == backend_named("ort:tf32").bounds


@pytest.mark.parametrize(
    "name",
    [
        "torch:OMP_THREAD_LIMIT=1",
        "ort:spinning+use_tf32=1+OMP_DYNAMIC=true",
        "torch:passive+GLIBC_TUNABLES=glibc.malloc.arena_max=1+OMP_THREAD_LIMIT=1",
    ],
)
def test_a_variable_is_part_of_the_name(name: str) -> None:
    """The name of a cell leads back to the backend with the same variables."""
    backend = backend_named(name)
    passed = [each for each in name.partition(":")[2].split("+") if each[0].isupper()]

    assert backend.label == name
    assert list(backend.variables) == passed
    assert [f"{name}={value}" for name, value in backend.environment[-len(passed) :]] == passed


def test_a_variable_of_all_backends_is_named_once() -> None:
    """Also where a backend's own name has it already."""
    backend = backend_named("torch:OMP_DYNAMIC=true").with_variables(["OMP_DYNAMIC=true"])

    assert backend.label == "torch:OMP_DYNAMIC=true"


@pytest.mark.parametrize(
    "text", ["omp_dynamic=true", "OMP_DYNAMIC", "OMP=", "=1", "A=b+c", "A=b c"]
)
def test_what_cannot_be_a_variable_of_a_name_is_refused(text: str) -> None:
    """With the form that it must have."""
    with pytest.raises(InputError, match="write it as NAME=VALUE"):
        variable(text)


@pytest.mark.parametrize(
    ("name", "passed"),
    [
        ("ort", "ORT_DISABLE_TELEMETRY=0"),
        ("torch:passive", "OMP_WAIT_POLICY=ACTIVE"),
        ("torch:OMP_DYNAMIC=true", "OMP_DYNAMIC=false"),
        ("ort:fresh-heap", "MALLOC_TRIM_THRESHOLD_=1"),
    ],
)
def test_a_variable_with_two_values_is_refused(name: str, passed: str) -> None:
    """Otherwise the cell's name would say what its worker did not have."""
    with pytest.raises(InputError, match=f"variable {passed.partition('=')[0]}: "):
        backend_named(name).with_variables([passed])


@pytest.mark.parametrize("backend", ["torch", "ort"])
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ("", dict(KEEPING)),
        (":MALLOC_ARENA_MAX=1", {**KEEPING, "MALLOC_ARENA_MAX": "1"}),
        (":MALLOC_TRIM_THRESHOLD_=1", {"MALLOC_TRIM_THRESHOLD_": "1"}),
        (":MALLOC_TOP_PAD_=1", {"MALLOC_TOP_PAD_": "1"}),
        (":fresh-heap", {}),
        (":fresh-heap+MALLOC_ARENA_MAX=1", {"MALLOC_ARENA_MAX": "1"}),
    ],
)
def test_a_passed_variable_decides_what_the_allocator_keeps(
    backend: str, changes: str, expected: dict[str, str]
) -> None:
    """Nothing is set beside a variable that decides it, or against a variant."""
    merged = dict(backend_named(f"{backend}{changes}").environment)

    found = {name: value for name, value in merged.items() if name.startswith("MALLOC_")}
    assert {name: value for name, value in found.items() if value is not None} == expected


def test_an_option_is_never_taken_for_a_variable() -> None:
    """An option with the name of a variable would have the same label."""
    with pytest.raises(InputError, match="pass it with --env"):
        provider_option("OMP_DYNAMIC=true")


@pytest.mark.parametrize("changes", ["passive+spinning", "graph-extended+tf32+graph-basic"])
def test_variants_of_one_setting_exclude_each_other(changes: str) -> None:
    """A label would name a setting that is not in force."""
    with pytest.raises(InputError, match="exclude each other; leave one out"):
        backend_named(f"ort:{changes}")
