"""Read a weights file of any origin into plain tensors, without running any code in it."""

import dataclasses
import io
import pickle
import re
import struct
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch

from simx.common.errors import InputError
from simx.common.input_files import opened, shown
from simx.exporter.store.stored_files import name_of
from simx.exporter.weights.foreign import kind_of, zip_problem
from simx.exporter.weights.identity import hash_of, record_path, replaced
from simx.exporter.weights.request import WEIGHTS

_WRAPPERS = ("state_dict", "model")
"""Keys under which training scripts keep the state dict beside their own bookkeeping."""

_TORCH_MAGIC = (b"PK\x03\x04", b"\x80")
"""Of a zip file, and of a pickle."""

_HEAD_BYTES = struct.calcsize("<Qc")

_LENGTH_AT_MOST = 60

_FORBIDDEN = re.compile(r"GLOBAL ([\w.]+)")
"""How torch's message names the first thing that it does not load."""

STATE_DICT = dataclasses.replace(
    WEIGHTS,
    mend="save a state dict as safetensors, or with torch.save(model.state_dict(), ...)",
)


def read_checkpoint(path: Path, sha256: str) -> dict[str, torch.Tensor]:
    """Read a checkpoint from torch's cache, after checking its hash.

    The same open file is checked and loaded, so it cannot be replaced in between.

    Raises:
        InputError: unreadable, of another hash, or no state dict.
    """
    with opened(path, STATE_DICT) as file:
        digest = hash_of(file, path)
        if digest != sha256:
            problem = f"its sha256 is {digest}, not {sha256} as before"
            record = shown(record_path(path.name))
            raise replaced(path, problem, f" (if the file is right, delete {record} instead)")
        return _tensors(_torch_load(file, path), path)


def read_file(path: Path, sha256: str) -> dict[str, torch.Tensor]:
    """Read a user's state dict: safetensors, or a file for ``torch.load(weights_only=True)``.

    The content decides, not the suffix.

    Raises:
        InputError: unreadable, of another hash, neither format, or no state dict of plain tensors.
    """
    with opened(path, STATE_DICT) as file:
        if hash_of(file, path) != sha256:
            raise InputError(
                f"weights file {shown(path)}: changed while it was exported; do not change it "
                "during an export"
            )
        head = file.peek(_HEAD_BYTES)[:_HEAD_BYTES]
        # safetensors: a little-endian uint64 header length, then a JSON object.
        if len(head) == _HEAD_BYTES and head.endswith(b"{"):
            try:
                return safetensors.torch.load_file(name_of(file, path))
            except (safetensors.SafetensorError, ValueError, RuntimeError, KeyError) as error:
                problem = "damaged or cut short: no valid safetensors"
                raise STATE_DICT.refused(path, problem) from error
        if head.startswith(_TORCH_MAGIC):
            return _tensors(_torch_load(file, path), path)
        raise STATE_DICT.refused(path, kind_of(file))


def _torch_load(file: io.BufferedReader, path: Path) -> object:
    if problem := zip_problem(file):
        raise STATE_DICT.refused(path, problem)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickle protocols other than torch's own
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        more = _more_than_tensors(file, str(error))
        problem = f"it holds more than tensors ({more}), so it is not loaded"
        raise STATE_DICT.refused(path, problem) from error
    except Exception as error:  # a damaged file can raise anything from the reader
        problem = "torch cannot read it (damaged or cut short)"
        raise STATE_DICT.refused(path, problem) from error


class _Stub:
    """Stands for an object of any class in a file, and does nothing."""

    def __init__(self, *_: object) -> None: ...

    def __setstate__(self, _: object) -> None: ...


def _more_than_tensors(file: io.BufferedReader, message: str) -> str:
    """Name what a file holds besides tensors, and its key; no object of the file is made."""
    try:
        file.seek(0)
        classes = torch.serialization.get_unsafe_globals_in_checkpoint(file)
        stubs: list[Callable[..., object] | tuple[Callable[..., object], str]] = [
            (type(name, (_Stub,), {}), name) for name in classes
        ]
        file.seek(0)
        with torch.serialization.safe_globals(stubs):
            loaded = torch.load(file, map_location="cpu", weights_only=True)
        for keys, value in _items(loaded):
            if isinstance(value, _Stub):
                return f"{_plain(type(value).__name__)} under {_key(keys)}"
        if isinstance(loaded, _Stub):
            return f"a whole object of {_plain(type(loaded).__name__)}"
    except Exception:  # noqa: BLE001, S110 - a file of the older form, or a damaged one
        pass
    found = _FORBIDDEN.search(message)
    return found.group(1) if found else "or is damaged"


def _items(
    loaded: object, keys: tuple[object, ...] = ()
) -> Iterator[tuple[tuple[object, ...], object]]:
    """Yield the values of nested mappings with their keys, outer ones first."""
    if isinstance(loaded, Mapping):
        yield from (((*keys, key), value) for key, value in loaded.items())
        for key, value in loaded.items():
            yield from _items(value, (*keys, key))


def _key(keys: tuple[object, ...]) -> str:
    return "".join(f"[{ascii(key)[:_LENGTH_AT_MOST]}]" for key in keys)


def _plain(name: str) -> str:
    """Return a name from a file, which can be any text, as text for one line."""
    return ascii(name)[1:-1][:_LENGTH_AT_MOST]


def _tensors(loaded: object, path: Path) -> dict[str, torch.Tensor]:
    """Return the state dict without its wrapper; refuse anything else."""
    if isinstance(loaded, dict):
        inner = [loaded[key] for key in _WRAPPERS if isinstance(loaded.get(key), dict)]
        candidate = inner[0] if inner else loaded
        if _is_state_dict(candidate):
            return dict(candidate)
    raise STATE_DICT.refused(path, _no_state_dict(loaded))


def _no_state_dict(loaded: object) -> str:
    """Say where in a file the state dict is, or which entry of it is no ordinary tensor."""
    what = "not a state dict, which is a mapping of names to tensors"
    if not isinstance(loaded, Mapping):
        return f"{what}, but a {type(loaded).__name__}"
    places = [_key(keys) for keys, value in _items(loaded) if _is_state_dict(value)]
    if places:
        return f"its state dict is under {' and under '.join(places[:2])}: save that alone"
    for keys, value in _items(loaded):
        if not isinstance(value, Mapping) and not _is_entry(keys[-1], value):
            return f"{what}: {_key(keys)} is {_described(value)}"
    return what


def _described(value: object) -> str:
    if not isinstance(value, torch.Tensor):
        return f"of type {type(value).__name__}"
    return f"a tensor on the {value.device.type} device, {value.layout}, {value.dtype}"


def _is_state_dict(candidate: object) -> bool:
    return (
        isinstance(candidate, Mapping)
        and bool(candidate)
        and all(_is_entry(key, value) for key, value in candidate.items())
    )


def _is_entry(key: object, value: object) -> bool:
    """Whether this is a name with an ordinary tensor in memory: not sparse, quantised or meta."""
    return (
        isinstance(key, str)
        and type(value) in {torch.Tensor, torch.nn.Parameter}
        and isinstance(value, torch.Tensor)
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and not value.is_quantized
    )
