"""Providers by every name a user may type."""

import pytest

from simx.common.errors import InputError, ProviderUnavailableError
from simx.runner.backends.pairs import provider_option
from simx.runner.backends.providers import SHORT_NAMES, provider_named, short_name
from simx.runner.backends.registry import backend_named
from simx.runner.bench.targets import product, require_takers

TORCH_AND_ORT = [backend_named("torch"), backend_named("ort")]


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("cpu", "CPUExecutionProvider"),
        ("CUDA", "CUDAExecutionProvider"),
        ("CUDAExecutionProvider", "CUDAExecutionProvider"),
        ("cudaexecutionprovider", "CUDAExecutionProvider"),
        ("MIGraphXExecutionProvider", "MIGraphXExecutionProvider"),
    ],
)
def test_a_name_is_known_in_short_and_in_full(typed: str, name: str) -> None:
    """Short forms and ONNX Runtime's own names mean the same, in any case."""
    assert provider_named(typed) == name


@pytest.mark.parametrize("typed", ["CUDAExecutionProvder", "cuda0", "", "gpu"])
def test_a_misspelling_is_refused(typed: str) -> None:
    """A name that is none is refused instead of being run on the CPU."""
    with pytest.raises(InputError, match="has this provider; try"):
        provider_named(typed)


def test_a_misspelling_is_answered_with_the_close_name() -> None:
    """The message offers what was probably meant."""
    with pytest.raises(InputError, match="try CUDAExecutionProvider"):
        provider_named("CUDAExecutionProvder")


@pytest.mark.parametrize(("short", "name"), SHORT_NAMES.items())
def test_short_names_go_both_ways(short: str, name: str) -> None:
    """The short form of a name is the one that stands for it."""
    assert short_name(name) == short


def test_a_backend_without_the_device_gets_a_note_and_no_target() -> None:
    """Torch has no OpenVINO device: ONNX Runtime is measured there alone, and a note says so."""
    targets, notes = product(TORCH_AND_ORT, ["OpenVINOExecutionProvider", "CPUExecutionProvider"])

    assert [(each.backend.label, each.provider) for each in targets] == [
        ("ort", "OpenVINOExecutionProvider"),
        ("torch", "CPUExecutionProvider"),
        ("ort", "CPUExecutionProvider"),
    ]
    assert notes == ["torch has no device for OpenVINOExecutionProvider, so no cells there"]


def test_another_way_to_the_same_device_is_torch_s_own_way() -> None:
    """TensorRT is held against torch on CUDA, measured once and called so."""
    targets, notes = product(TORCH_AND_ORT, ["TensorrtExecutionProvider", "CUDAExecutionProvider"])

    assert [(each.backend.label, each.provider) for each in targets] == [
        ("torch", "CUDAExecutionProvider"),
        ("ort", "TensorrtExecutionProvider"),
        ("ort", "CUDAExecutionProvider"),
    ]
    assert notes == ["torch is measured on CUDAExecutionProvider, which is the same device"]


@pytest.mark.parametrize(
    ("backend", "options", "provider"),
    [
        ("ort", ["use_tf32=1"], "CPUExecutionProvider"),
        ("ort:use_tf32=1", [], "CPUExecutionProvider"),
        ("torch", ["use_tf32=1"], "CUDAExecutionProvider"),
    ],
)
def test_an_option_that_nothing_takes_is_refused(
    backend: str, options: list[str], provider: str
) -> None:
    """It would be dropped in silence otherwise."""
    with pytest.raises(InputError, match="'use_tf32=1': nothing that is asked for takes it"):
        require_takers(options, [backend_named(backend)], [provider])


def takes(options: list[str], providers: list[str]) -> bool:
    """Whether one of the two backends on these providers takes options."""
    try:
        require_takers(options, [backend_named("torch"), backend_named("ort")], providers)
    except InputError:
        return False
    return True


def test_an_option_that_something_takes_is_let_pass() -> None:
    """The processor beside it is measured as it is."""
    assert takes(["a=1"], ["CPUExecutionProvider", "OpenVINOExecutionProvider"])
    assert not takes(["a=1"], ["CPUExecutionProvider"])


def test_a_share_cannot_be_asked_for() -> None:
    """It is what was found, and no option."""
    with pytest.raises(InputError, match="marks the cells that --allow-partial accepts"):
        backend_named("ort:partial=118/142")


@pytest.mark.parametrize(("typed", "name"), [("webgpu", "WebGpuExecutionProvider")])
def test_every_provider_has_a_short_form(typed: str, name: str) -> None:
    """The one that is printed is the one that can be typed."""
    assert provider_named(typed) == name
    assert short_name(name) == typed


@pytest.mark.parametrize(
    ("typed", "option"),
    [
        ("use_tf32=1", "use_tf32=1"),
        (" device_type = CPU ", "device_type=CPU"),
        ("a.b=c=d", "a.b=c=d"),
    ],
)
def test_an_option_is_a_key_and_a_value(typed: str, option: str) -> None:
    """Space around them is nobody's."""
    assert provider_option(typed) == option


@pytest.mark.parametrize(
    "typed", ["use_tf32", "=1", "a=", "a=b+c", "a=b c", "1a=b", "a=b\nc", "a b=c"]
)
def test_what_is_no_option_is_refused(typed: str) -> None:
    """Nor what could not be told apart in a backend's name."""
    with pytest.raises(InputError, match="write it as KEY=VALUE"):
        provider_option(typed)


def test_options_are_part_of_the_name_and_come_back_from_it() -> None:
    """A cell's label is what the command line takes, so that a failure can be seen again."""
    backend = backend_named("ort:spinning").with_options(["b=2", "a=1", "b=2"])

    assert backend.label == "ort:spinning+b=2+a=1"
    assert backend_named(backend.label) == backend
    assert backend_named("torch").with_options(["a=1"]).label == "torch"


def test_torch_has_no_options() -> None:
    """What is asked of it by name is refused."""
    with pytest.raises(InputError, match="has no variant 'a=1'"):
        backend_named("torch:a=1")


def test_the_processor_s_own_provider_has_no_options() -> None:
    """It takes any in silence, and its cells must not be labelled with what they do not have."""
    backend = backend_named("ort").with_options(["device_type=CPU"])
    targets, _ = product([backend], ["CPUExecutionProvider", "OpenVINOExecutionProvider"])

    assert [each.backend.label for each in targets] == ["ort", "ort:device_type=CPU"]


def test_an_unknown_backend_is_refused_with_the_known_ones() -> None:
    """The message lists the backends there are."""
    with pytest.raises(InputError, match="choose from torch, ort"):
        backend_named("tensorflow")


def test_a_backend_that_is_not_installed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing package is named, with the command that installs it."""
    monkeypatch.setattr("simx.runner.backends.registry.find_spec", lambda _: None)
    with pytest.raises(ProviderUnavailableError, match="pip install torch torchvision"):
        backend_named("torch")


def test_a_variant_is_part_of_the_name() -> None:
    """Variants label whatever is measured with them, in one order however they are typed."""
    backend = backend_named("torch:passive+channels-last")

    assert backend.label == "torch:channels-last+passive"
    assert backend == backend_named("torch:channels-last+passive")
    assert ("OMP_WAIT_POLICY", "PASSIVE") in backend.environment


def test_a_backend_without_variants_has_its_own_name() -> None:
    """And its workers no variable of a variant."""
    assert backend_named("ort").label == "ort"
    assert "OMP_WAIT_POLICY" not in dict(backend_named("torch").environment)


@pytest.mark.parametrize("name", ["ort:nhwc", "torch:spinning", "torch:passive+"])
def test_an_unknown_variant_is_refused_with_the_known_ones(name: str) -> None:
    """A backend has only the variants that it can have."""
    with pytest.raises(InputError, match=r"has no variant .*; choose from"):
        backend_named(name)
