"""Read a weights file of any origin, without running any code in it.

The result is what the file holds: a state dict, or nested mappings with one among other values.
"""

import dataclasses
import io
import pickle
import re
import shlex
import struct
import warnings
import zipfile
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from pathlib import Path

import msgspec
import safetensors
import safetensors.torch
import torch

from simx.common.errors import InputError
from simx.common.input_files import opened, shown
from simx.exporter.store.entry import name_of
from simx.exporter.weights.cache import hash_of, record_path, replaced
from simx.exporter.weights.request import WEIGHTS
from simx.exporter.weights.selection import Keys, containers, nested, plain

_TORCH_MAGIC = (b"PK\x03\x04", b"\x80")
"""Of a zip file, and of a pickle."""

_HEAD_BYTES = struct.calcsize("<Qc")

_BEGINNING_BYTES = 1024

_MOST_INDEX_BYTES = 2**24

_KINDS = (
    (b"GGUF", "a GGUF file, whose weights are quantised"),
    (b"\x89HDF", "an HDF5 file, as Keras writes them"),
    (b"\x93NUMPY", "a numpy array"),
    (b"\x1f\x8b", "a gzip file: unpack it first"),
    *((bytes((8, version, 18)), "an ONNX model") for version in range(3, 16)),  # ir_version first
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"version https://git-lfs", "a pointer of Git LFS: git lfs pull fetches the file itself"),
    (b"<!doctype html", "a web page, which a server sent in place of the file"),
    (b"<html", "a web page, which a server sent in place of the file"),
)
"""Beginnings of files, in small letters where they are text."""

_LENGTH_AT_MOST = 60

_FORBIDDEN = re.compile(r"GLOBAL ([\w.]+)")
"""How torch's message names the first thing that it does not load."""

STATE_DICT = dataclasses.replace(
    WEIGHTS, mend="save a state dict as safetensors, or with torch.save(model.state_dict(), ...)"
)


class _Index(msgspec.Struct):
    """The part of ``model.safetensors.index.json`` by which it is known."""

    weight_map: dict[str, str]


class _Stub:
    """Stands for an object of any class in a file, and does nothing."""

    def __init__(self, *_: object) -> None: ...

    def __setstate__(self, _: object) -> None: ...


_Stubs = list[Callable[..., object] | tuple[Callable[..., object], str]]


def _stubs(classes: Iterable[str]) -> _Stubs:
    """Return for each class one that torch makes in its place, so that none of its code runs."""
    return [(type(name, (_Stub,), {}), name) for name in classes]


_IGNORED = ("argparse.Namespace",)
"""Classes of objects beside the weights; torchvision's training script saves its arguments so."""


def read(path: Path, sha256: str, *, is_cached: bool = False) -> object:
    """Read a user's weights, or a checkpoint in torch's cache, after checking the hash.

    It is safetensors, or a file for ``torch.load(weights_only=True)``: the content decides, not the
    suffix. The same open file is checked and loaded, so it cannot be replaced in between.

    Raises:
        InputError: unreadable, of another hash, neither format, or without a state dict.
    """
    with opened(path, STATE_DICT) as file:
        digest = hash_of(file, path)
        if digest != sha256 and is_cached:
            problem = f"its sha256 is {digest}, not {sha256} as before"
            record = shown(record_path(path.name))
            raise replaced(path, problem, f" (if the file is right, delete {record} instead)")
        if digest != sha256:
            raise InputError(
                f"weights file {shown(path)}: changed while it was exported; do not change it "
                "during an export"
            )
        return _loaded(file, path)


def _loaded(file: io.BufferedReader, path: Path) -> object:
    head = file.peek(_HEAD_BYTES)[:_HEAD_BYTES]
    # safetensors: a little-endian uint64 header length, then a JSON object.
    if len(head) == _HEAD_BYTES and head.endswith(b"{"):
        try:
            return _with_tensors(safetensors.torch.load_file(name_of(file, path)), path)
        except (safetensors.SafetensorError, ValueError, RuntimeError, KeyError) as error:
            problem = "damaged or cut short: no valid safetensors"
            raise STATE_DICT.refused(path, problem) from error
    if head.startswith(_TORCH_MAGIC):
        return _torch_load(file, path)
    raise STATE_DICT.refused(path, _kind_of(file))


def _torch_load(file: io.BufferedReader, path: Path) -> object:
    if problem := _zip_problem(file):
        raise STATE_DICT.refused(path, problem)
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(_stubs(_IGNORED)):
            warnings.simplefilter("ignore")  # of pickle protocols other than torch's own
            loaded: object = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _more_than_tensors(file, path, str(error)) from error
    except Exception as error:  # a damaged file can raise anything from the reader
        problem = "torch cannot read it (damaged or cut short)"
        raise STATE_DICT.refused(path, problem) from error
    return _with_tensors(loaded, path)


def _with_tensors(loaded: object, path: Path) -> object:
    if containers(loaded):
        return loaded
    problem = "not a state dict, which is a mapping of names to tensors"
    if not isinstance(loaded, Mapping):
        problem += f", but a {type(loaded).__name__}"
    else:
        parts = (each for each in nested(loaded) if not isinstance(each[1], Mapping))
        for keys, value in islice(parts, 1):
            problem += f": {_key(keys)} is of type {type(value).__name__}"
    raise STATE_DICT.refused(path, problem)


def _more_than_tensors(file: io.BufferedReader, path: Path, message: str) -> InputError:
    """Name what a file holds besides tensors, and its key; no object of the file is made."""
    found = _FORBIDDEN.search(message)
    more, line = found.group(1) if found else "or is damaged", ""
    try:
        file.seek(0)
        stubs = _stubs(torch.serialization.get_unsafe_globals_in_checkpoint(file))
        file.seek(0)
        with torch.serialization.safe_globals(stubs):
            loaded = torch.load(file, map_location="cpu", weights_only=True)
        keys, value = next(each for each in nested(loaded) if isinstance(each[1], _Stub))
        name = plain(type(value).__name__)
        more = f"{name} under {_key(keys)}" if keys else f"a whole object of {name}"
        line = f"; if you trust the file, this line does that: {_conversion(path, loaded, keys)}"
    except Exception:  # noqa: BLE001, S110 - a file of the older form, or a damaged one
        pass
    kind = dataclasses.replace(STATE_DICT, mend=STATE_DICT.mend + line)
    return kind.refused(path, f"it holds more than tensors ({more}), so it is not loaded")


def _conversion(path: Path, loaded: object, keys: Keys) -> str:
    """Return a line for the shell that saves a file's largest state dict, or its module's."""
    with_dots = [each for each in containers(loaded) if any("." in name for name in each.names)]
    if with_dots:
        keys = max(with_dots, key=lambda each: len(each.names)).keys
    part = "".join(f"[{_literal(key)}]" for key in keys) + ("" if with_dots else ".state_dict()")
    new = path.with_suffix(".weights.pth")
    old = f"torch.load({_literal(str(path))}, weights_only=False){part}"
    return f"python -c {shlex.quote(f'import torch; torch.save({old}, {_literal(str(new))})')}"


def _literal(key: object) -> str:
    """Return a Python literal, a text in double quotes, for a shell's single ones around it."""
    if not isinstance(key, str):
        return ascii(key)
    return '"' + ascii(key)[1:-1].replace('"', '\\"') + '"'


def _key(keys: Keys) -> str:
    return "".join(f"[{ascii(key)[:_LENGTH_AT_MOST]}]" for key in keys)


def _kind_of(file: io.BufferedReader) -> str:
    head = file.read(_BEGINNING_BYTES)
    if not head:
        return "an empty file"
    text = head.lstrip().lower()
    for beginning, kind in _KINDS:
        if head.startswith(beginning) or text.startswith(beginning):
            return kind
    if text.startswith(b"{"):
        try:
            index = msgspec.json.decode(head + file.read(_MOST_INDEX_BYTES), type=_Index)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return "a JSON file"
        count = len(set(index.weight_map.values()))
        return f"an index of {count} files that hold the weights: join them in one file first"
    return "neither safetensors nor a file written by torch.save"


def _zip_problem(file: io.BufferedReader) -> str | None:
    """Say why a zip file is none that ``torch.load`` may read; leaves it at its beginning."""
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, struct.error):
        return None  # no zip file, or a damaged one, which torch refuses
    finally:
        file.seek(0)
    names = {each.filename.rpartition("/")[2] for each in entries}
    if "constants.pkl" in names:
        return "a TorchScript archive, which is a program: save its state_dict() where it was made"
    if "data.pkl" not in names:
        return "a zip file in which torch.save has written nothing (no data.pkl)"
    if any(
        each.compress_type != zipfile.ZIP_STORED or each.file_size > each.compress_size
        for each in entries
    ):
        return "a zip file that is compressed, which torch.save never does"
    return None
