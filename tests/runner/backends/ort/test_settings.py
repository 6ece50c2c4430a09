"""What ONNX Runtime is told: pinned, by variant, and as asked for. The CUDA part needs no GPU."""

import pytest

from simx.runner.backends.ort.settings import CUDA, PROVIDER_OPTIONS, settings_of
from simx.runner.backends.registry import BACKENDS

CPU = "CPUExecutionProvider"

CHANGES = [
    ("channels-last", "prefer_nhwc", "1"),
    ("cuda-graph", "enable_cuda_graph", "1"),
    ("no-arena", "arena_extend_strategy", "kSameAsRequested"),
    ("search-exhaustive", "cudnn_conv_algo_search", "EXHAUSTIVE"),
    ("tf32", "use_tf32", "1"),
]


@pytest.mark.parametrize(("variant", "option", "value"), CHANGES)
def test_a_variant_changes_one_option(variant: str, option: str, value: str) -> None:
    """And nothing else of what is pinned; it is stated, too."""
    settings = settings_of(CUDA, (variant,), (), 2)

    assert settings.provider == {**PROVIDER_OPTIONS[CUDA], option: value}
    assert PROVIDER_OPTIONS[CUDA][option] != value
    assert settings.stated[option] == value


def test_every_variant_for_cuda_alone_changes_one() -> None:
    """A variant that the registry knows and that changes nothing would be a label that lies."""
    ort = next(spec for spec in BACKENDS if spec.name == "ort")
    only = {variant.name for variant in ort.known_variants if CUDA in (variant.providers or ())}

    assert only == {variant for variant, _, _ in CHANGES}


def test_what_was_asked_for_wins() -> None:
    """An option is the user's own word for one thing."""
    settings = settings_of(CUDA, ("search-exhaustive",), ("cudnn_conv_algo_search=DEFAULT",), 2)

    assert settings.provider["cudnn_conv_algo_search"] == "DEFAULT"


def test_a_call_waits_on_a_device_whatever_the_default() -> None:
    """And the host's own provider is told nothing of devices."""
    assert settings_of(CUDA, (), (), 2).stated["disable_synchronize_execution_providers"] == "0"
    assert not settings_of(CPU, (), (), 2).run


def test_without_an_arena_memory_is_given_back() -> None:
    """On the CPU there is none then; a GPU's is emptied after every call, on its own device."""
    on_gpu = settings_of(CUDA, ("no-arena",), ("device_id=2",), 2)

    assert not settings_of(CPU, ("no-arena",), (), 2).arena
    assert on_gpu.run["memory.enable_memory_arena_shrinkage"] == "gpu:2"
    assert on_gpu.device_id == 2


def test_simx_s_own_graphs_are_never_recorded() -> None:
    """Their inputs come from many places; everything else holds for them, too."""
    own = settings_of(CUDA, ("cuda-graph", "tf32"), (), 2, own=True)

    assert settings_of(CUDA, ("cuda-graph",), (), 2).captures
    assert not own.captures
    assert own.provider["use_tf32"] == "1"


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        (
            "OpenVINOExecutionProvider",
            {
                "num_of_threads": "3",
                "load_config": '{"CPU":{"INFERENCE_NUM_THREADS":"3",'
                '"INFERENCE_PRECISION_HINT":"f32"}}',
            },
        ),
        ("XnnpackExecutionProvider", {"intra_op_num_threads": "3"}),
        (CPU, {}),
    ],
)
def test_a_provider_with_its_own_threads_gets_their_number(
    provider: str, expected: dict[str, str]
) -> None:
    """Otherwise it takes every core, whatever the session has."""
    assert settings_of(provider, (), (), 3).provider == expected


def test_an_option_for_threads_counts_for_all_of_them() -> None:
    """It names the cell, and no second option contradicts it."""
    settings = settings_of("OpenVINOExecutionProvider", (), ("num_of_threads=2",), 1)

    assert settings.provider["num_of_threads"] == "2"
    assert '"INFERENCE_NUM_THREADS":"2"' in settings.provider["load_config"]


def test_threads_of_the_session_do_not_spin_beside_the_provider_s() -> None:
    """XNNPACK's documentation asks for this; spinning ones take its cores."""
    settings = settings_of("XnnpackExecutionProvider", (), (), 2)

    assert settings.session["session.intra_op.allow_spinning"] == "0"


@pytest.mark.parametrize(
    ("threads", "pools"), [(1, (1, 2)), (2, (1, 3)), (4, (3, 3)), (16, (15, 3))]
)
def test_parallel_branches_share_the_threads(threads: int, pools: tuple[int, int]) -> None:
    """A pool makes one thread less than its number: together they have as many as asked for."""
    attributes = settings_of(CPU, ("parallel",), (), threads).attributes
    found = attributes["intra_op_num_threads"], attributes["inter_op_num_threads"]

    assert found == pools
    assert sum(pools) - 2 == threads


def test_one_node_after_the_other_has_all_threads() -> None:
    """The pool for branches has no thread of its own."""
    attributes = settings_of(CPU, (), (), 4).attributes

    assert (attributes["intra_op_num_threads"], attributes["inter_op_num_threads"]) == (4, 1)
