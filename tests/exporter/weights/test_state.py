from pathlib import Path

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from simx.common.errors import SystemFailureError
from simx.exporter.network import architecture
from simx.exporter.weights.state import fill, load_state, save_state
from tests.exporter.weights.support import BackboneOf, equal

STATE = {"b": torch.tensor([1.0, -2.0]), "n": torch.tensor(3), "a": torch.zeros(1, 2)}

CANONICAL = (
    b'\xa8\x00\x00\x00\x00\x00\x00\x00{"n":{"dtype":"I64","shape":[],"data_offsets":[0,8]},'
    b'"a":{"dtype":"F32","shape":[1,2],"data_offsets":[8,16]},'
    b'"b":{"dtype":"F32","shape":[2],"data_offsets":[16,24]}}'
)

shapes = st.lists(st.integers(0, 3), max_size=3).map(tuple)
states = st.dictionaries(
    st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda name: name != "__metadata__"),
    st.one_of(
        shapes.map(torch.randn),
        shapes.map(lambda shape: torch.randint(-(1 << 40), 1 << 40, shape)),
    ),
    max_size=5,
)


def test_the_form_is_pinned(tmp_path: Path) -> None:
    """Equal weights are these bytes for ever, or stored hashes would lose their meaning."""
    save_state(STATE, tmp_path / "state")
    header, _, data = (tmp_path / "state").read_bytes().partition(b"}}")

    assert (header + b"}}").rstrip() == CANONICAL
    assert data.lstrip(b" ") == (
        b"\x03" + b"\0" * 7 + b"\0" * 8 + b"\x00\x00\x80\x3f" + b"\x00\x00\x00\xc0"
    )


@settings(deadline=None, max_examples=50)
@given(state=states)
def test_what_was_saved_comes_back(
    state: dict[str, torch.Tensor], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Every state dict survives the file, and the format's library reads it."""
    path = tmp_path_factory.getbasetemp() / "state"
    save_state(state, path)

    assert equal(load_state(path), state)
    assert equal(safetensors.torch.load(path.read_bytes()), state)


def test_order_is_no_difference(tmp_path: Path) -> None:
    """The same tensors in another order give the same bytes."""
    save_state(STATE, tmp_path / "one")
    save_state(dict(reversed(STATE.items())), tmp_path / "other")

    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


@pytest.mark.parametrize(
    "changed",
    [
        {**STATE, "b": torch.tensor([1.0, 2.0])},
        {**STATE, "a": torch.zeros(2, 1)},
        {**STATE, "n": torch.tensor(4)},
        {"b": STATE["b"], "n": STATE["n"], "c": STATE["a"]},
    ],
)
def test_any_difference_changes_the_file(changed: dict[str, torch.Tensor], tmp_path: Path) -> None:
    """A value, a shape or a name: each counts."""
    save_state(STATE, tmp_path / "one")
    save_state(changed, tmp_path / "other")

    assert (tmp_path / "one").read_bytes() != (tmp_path / "other").read_bytes()


def test_shared_and_strided_tensors_are_written_out(tmp_path: Path) -> None:
    """Tied tensors and transposed views are stored by their values."""
    base = torch.arange(6.0).reshape(2, 3)
    state = {"one": base, "tied": base, "turned": base.T, "part": base[:, 1]}
    save_state(state, tmp_path / "state")

    assert equal(load_state(tmp_path / "state"), state)


def test_loaded_tensors_lie_as_torch_allocates(tmp_path: Path) -> None:
    """No tensor is a page of the file, at an address torch would never have chosen."""
    save_state(STATE, tmp_path / "state")
    state = load_state(tmp_path / "state")

    assert all(tensor.data_ptr() % 64 == 0 for tensor in state.values())


@pytest.mark.parametrize("content", [None, b"", CANONICAL])
def test_damaged_file_is_the_systems_failure(content: bytes | None, tmp_path: Path) -> None:
    """A stored file that is gone or cut short is named, with what to do."""
    path = tmp_path / "state"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(SystemFailureError, match=r"cannot be read .*; run simx export again"):
        load_state(path)


def test_unwritable_folder_is_the_systems_failure(tmp_path: Path) -> None:
    """The reason why the file cannot be written is one line."""
    with pytest.raises(SystemFailureError, match="No such file or directory"):
        save_state(STATE, tmp_path / "absent" / "state")


@pytest.mark.parametrize("model", ["squeezenet1_1", "mnasnet0_5"])
def test_a_model_is_filled(model: str, tmp_path: Path, backbone_of: BackboneOf) -> None:
    """A model built without memory takes a stored state dict over; mnasnet needs its version."""
    original = architecture.build(backbone_of(model))
    save_state(original.state_dict(), tmp_path / "state")
    with torch.device("meta"):
        copy = architecture.build(backbone_of(model))
    state = load_state(tmp_path / "state")
    fill(copy, state)
    crop = backbone_of(model).preset.crop
    image = torch.linspace(-2, 2, 3 * crop * crop).reshape(1, 3, crop, crop)

    with torch.inference_mode():
        assert torch.equal(copy(image), original(image))
    assert {p.data_ptr() for p in copy.parameters()} <= {t.data_ptr() for t in state.values()}


def test_a_model_refuses_another_state(backbone_of: BackboneOf) -> None:
    """Nothing is left as it was by chance: a missing tensor is an error."""
    model = architecture.build(backbone_of("squeezenet1_1"))
    state = dict(model.state_dict())
    del state["features.0.bias"]

    with pytest.raises(RuntimeError, match=r"features\.0\.bias"):
        fill(model, state)
