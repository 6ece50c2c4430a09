"""Variants: the same names on both backends, and no label for what means nothing."""

import pytest

from simx.common.errors import InputError
from simx.results.statistics.parity import FP32, TF32
from simx.runner.backends.registry import BACKENDS, backend_named, require_meaning
from simx.runner.bench.targets import product

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
ON_A_GPU = ("channels-last", "cuda-graph", "no-arena", "search-exhaustive", "tf32")


def test_what_differs_on_a_gpu_has_one_name_on_both_backends() -> None:
    """So that like is compared with like."""
    for spec in BACKENDS:
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
