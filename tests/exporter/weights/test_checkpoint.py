import contextlib
import io
import itertools
import json
import os
import pickle
import re
import shlex
import zipfile
from argparse import Namespace
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from simx.common.errors import InputError
from simx.exporter.weights.cache import checkpoint_hash, checkpoint_path, file_hash
from simx.exporter.weights.checkpoint import read as read_checked
from simx.exporter.weights.selection import containers
from simx.models.backbone import Backbone
from tests.exporter.weights.support import PutCheckpoint, equal, saved

TENSOR = torch.Tensor
STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.count": torch.tensor(3)}


@dataclass
class Trap:
    """Creates a file when it is unpickled by anything that obeys a pickle."""

    path: str

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.mkdir, (self.path,)


INDEX = json.dumps({"weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"}}).encode()

ONNX = onnx.helper.make_model(onnx.GraphProto(), producer_name="pytorch").SerializeToString()


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def scripted() -> bytes:
    """Return a TorchScript archive, as far as its list of files goes."""
    return zipped({"m/data.pkl": b"", "m/constants.pkl": b"", "m/code/m.py": b""})


def read(path: Path) -> dict[str, torch.Tensor]:
    """Read the only state dict of a file that has not changed since its hash was taken."""
    return state_in(read_checked(path, file_hash(path)))


def state_in(loaded: object) -> dict[str, torch.Tensor]:
    """Return the only state dict in what a file holds."""
    [held] = containers(loaded)
    return {name: value for name in held.names if isinstance(value := held.entries[name], TENSOR)}


def file_of(folder: Path, content: bytes) -> Path:
    path = folder / "weights.bin"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        safetensors.torch.save(STATE),
        saved(STATE),
        saved(STATE, legacy=True),
        saved(OrderedDict(STATE)),
        saved({name: torch.nn.Parameter(t, requires_grad=False) for name, t in STATE.items()}),
        saved({"state_dict": STATE, "epoch": 3}),
        saved({"model": STATE, "optimizer": {"lr": 0.1}}),
        saved({**STATE, "lr": 0.1}),
        saved({"ema": {"module": STATE}, 1: [torch.ones(2)]}),
        saved({"model": STATE, "args": Namespace(lr=1, more=Namespace())}),
        saved({"model": STATE, "args": Namespace(lr=1)}, legacy=True),
    ],
    ids=itertools.count(),
)
def test_state_dicts_are_read_in_every_form(content: bytes, tmp_path: Path) -> None:
    """The content, not the suffix, says which format it is; what is beside it does not matter."""
    assert equal(read(file_of(tmp_path, content)), STATE)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "an empty file"),
        (b"PK", "neither safetensors nor"),
        (b"weights for a model, honest", "neither safetensors nor"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 64, "a picture"),
        (b"GGUF\x03\0\0\0" + b"\0" * 64, "a GGUF file"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 64, "an HDF5 file"),
        (b"\x1f\x8b\x08" + b"\0" * 64, "a gzip file: unpack it"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "a pointer of Git LFS: git lfs pull"),
        (b"\n<!DOCTYPE html>\n<html>", "a web page, which a server sent"),
        (b"<HTML><body>404</body>", "a web page, which a server sent"),
        (ONNX, "an ONNX model"),
        (INDEX, "an index of 2 files that hold the weights: join them"),
        (b'{"epochs": 3}' + b" " * 9, "a JSON file"),
        (safetensors.torch.save(STATE)[:-1], "no valid safetensors"),
        (safetensors.torch.save(STATE)[:12], "no valid safetensors"),
        (b"\xff" * 7 + b"\x7f{", "no valid safetensors"),
        (zipped({"a.npy": b"1"}), "a zip file in which torch.save has written nothing"),
        (scripted(), r"a TorchScript archive, .*save its state_dict\(\)"),
        (saved(STATE)[:-100], "torch cannot read it"),
        (saved(STATE, legacy=True)[:-5], "torch cannot read it"),
        (saved([1, 2]), "not a state dict, .*but a list"),
        (saved(torch.ones(2)), "not a state dict, .*but a Tensor"),
        (saved({}), "not a state dict"),
        (saved({"state_dict": {}}), "not a state dict"),
        (saved({"a": 1.0}), r"not a state dict.*: \['a'\] is of type float"),
        (saved({1: torch.ones(2)}), r"not a state dict.*\[1\]"),
        (saved({"model": STATE, "best": {"acc": np.float64(3)}}), r"under \['best'\]\['acc'\]\)"),
        (saved({"args": Namespace(lr=1)}), r"\['args'\] is of type argparse\.Namespace;"),
        (saved({"args": SimpleNamespace()}, legacy=True), r"holds more .*types\.SimpleNamespace\)"),
        (saved(torch.nn.Linear(2, 2)), "a whole object of torch.nn.modules.linear.Linear"),
        (pickle.dumps([1], protocol=4), "torch cannot read it|it holds more than tensors"),
    ],
    # Pickled files differ from process to process, and the names of tests must not.
    ids=itertools.count(),
)
def test_what_is_no_state_dict_is_refused(content: bytes, reason: str, tmp_path: Path) -> None:
    """Anything else ends in one line with the file, the reason and what to save instead."""
    path = file_of(tmp_path, content)

    with pytest.raises(InputError, match=reason) as raised:
        read(path)
    assert str(raised.value).startswith(f"weights file {path}: ")
    assert "torch.save(model.state_dict(), ...)" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_compressed_archive_is_refused_unread(tmp_path: Path) -> None:
    """A zip file that is small on the disk and large in memory is not unpacked."""
    packed = tmp_path / "packed.pth"
    with (
        zipfile.ZipFile(io.BytesIO(saved({"a": torch.zeros(2**20)}))) as plain,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name in plain.namelist():
            archive.writestr(name, plain.read(name))

    with pytest.raises(InputError, match="a zip file that is compressed"):
        read(packed)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ({"model": STATE, "best": np.float64(3)}, '["model"]'),
        ({"a'b": {'"': STATE}, "best": np.float64(3)}, '["a\'b"]["\\""]'),
        (torch.nn.Linear(2, 2), ".state_dict()"),
        ({"epoch": 3, "model": torch.nn.Linear(2, 2)}, '["model"].state_dict()'),
    ],
    ids=itertools.count(),
)
def test_the_line_that_converts_does_so(content: object, part: str, tmp_path: Path) -> None:
    """A shell that runs the message's last part gets a file that simx reads."""
    path = tmp_path / "it's.pth"
    path.write_bytes(saved(content))
    with pytest.raises(InputError, match="it holds more than tensors") as raised:
        read(path)
    _, line = str(raised.value).split("; if you trust the file, this line does that: ")
    python, option, code = shlex.split(line)
    exec(code, {})  # noqa: S102 - the file is our own

    assert (python, option) == ("python", "-c")
    assert f"weights_only=False){part}, " in code
    assert read(tmp_path / "it's.weights.pth").keys() in (STATE.keys(), {"weight", "bias"})


TRAPS: dict[str, Callable[[Trap], bytes]] = {
    "zip": lambda trap: saved({"a": trap}),
    "legacy": lambda trap: saved({"a": trap}, legacy=True),
    "beside tensors": lambda trap: saved({"state_dict": STATE, "args": trap}),
    "bare pickle": lambda trap: pickle.dumps(trap, protocol=2),
}


@pytest.mark.parametrize("form", TRAPS)
def test_a_malicious_file_runs_nothing(form: str, tmp_path: Path) -> None:
    """A file that would run code when unpickled is refused by name, and nothing has run."""
    trace = tmp_path / "trace"
    path = file_of(tmp_path, TRAPS[form](Trap(str(trace))))

    with pytest.raises(InputError, match=r"it holds more than tensors .*so it is not loaded"):
        read(path)
    assert not trace.exists()


@pytest.mark.parametrize("form", TRAPS)
def test_a_malicious_checkpoint_runs_nothing(
    form: str, small: Backbone, put_checkpoint: PutCheckpoint, tmp_path: Path
) -> None:
    """A poisoned file in torch's cache runs nothing either, even under its rightful hash."""
    trace = tmp_path / "trace"
    named = put_checkpoint(small, TRAPS[form](Trap(str(trace))))

    with pytest.raises(InputError, match=r"it holds more than tensors .*so it is not loaded"):
        read_checked(checkpoint_path(named), checkpoint_hash(checkpoint_path(named)))
    assert not trace.exists()


def test_the_trap_works(tmp_path: Path) -> None:
    """Unpickled without restriction the trap does leave its trace, so the tests above mean it."""
    trace = tmp_path / "trace"
    pickle.loads(pickle.dumps(Trap(str(trace))))  # noqa: S301 - the trap is our own and harmless

    assert trace.exists()


def test_checkpoint_is_checked_before_it_is_read(
    small: Backbone, put_checkpoint: PutCheckpoint
) -> None:
    """A cached checkpoint with another hash is refused although it would load."""
    named = put_checkpoint(small, saved(STATE))
    path = checkpoint_path(named)
    sha256 = checkpoint_hash(path)
    path.write_bytes(saved({"a": torch.ones(1)}))

    with pytest.raises(InputError, match="damaged or replaced; delete it") as raised:
        read_checked(path, sha256, is_cached=True)
    assert {sha256, file_hash(path)} <= set(re.findall("[0-9a-f]{64}", str(raised.value)))
    assert str(path) in str(raised.value)


def test_a_file_that_has_changed_is_refused(tmp_path: Path) -> None:
    """What is read is what was hashed when the export was planned."""
    path = file_of(tmp_path, saved(STATE))
    sha256 = file_hash(path)
    path.write_bytes(saved({"a": torch.ones(1)}))

    with pytest.raises(InputError, match="changed while it was exported"):
        read_checked(path, sha256)


@pytest.mark.parametrize("legacy", [False, True])
def test_intact_checkpoint_is_read(
    *, legacy: bool, small: Backbone, put_checkpoint: PutCheckpoint
) -> None:
    """The older of torchvision's checkpoints are in the form before zip; both are read."""
    named = put_checkpoint(small, saved(STATE, legacy=legacy))

    path = checkpoint_path(named)

    assert equal(state_in(read_checked(path, checkpoint_hash(path), is_cached=True)), STATE)


@pytest.mark.parametrize("is_cached", [False, True])
def test_unreadable_file_is_an_input_error(*, is_cached: bool, tmp_path: Path) -> None:
    """A file that is gone or a folder is one line, not a traceback."""
    with pytest.raises(InputError, match="no such file"):
        read_checked(tmp_path / "gone-12345678.pth", "0" * 64, is_cached=is_cached)
    with pytest.raises(InputError, match="is a folder"):
        read_checked(tmp_path, "0" * 64, is_cached=is_cached)


@settings(deadline=None)
@given(
    form=st.sampled_from([safetensors.torch.save(STATE), saved(STATE), saved(STATE, legacy=True)]),
    data=st.data(),
)
def test_damage_never_ends_in_a_traceback(
    form: bytes, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """With any few bytes changed a file is read or refused by InputError, nothing else."""
    content = bytearray(form)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(form) - 1))] = data.draw(st.integers(0, 255))
    path = file_of(tmp_path_factory.getbasetemp(), bytes(content))

    state: dict[str, torch.Tensor] = {}
    with contextlib.suppress(InputError):
        state = read(path)

    assert all(isinstance(tensor, torch.Tensor) for tensor in state.values())
