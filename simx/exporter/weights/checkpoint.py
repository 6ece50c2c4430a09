"""Read a weights file of any origin into plain tensors, without running any code in it."""

import dataclasses
import io
import pickle
import struct
import warnings
import zipfile
from pathlib import Path

import safetensors
import safetensors.torch
import torch

from simx.common.errors import InputError
from simx.common.input_files import opened, shown
from simx.exporter.store.stored_files import name_of
from simx.exporter.weights.identity import hash_of, record_path, replaced
from simx.exporter.weights.request import WEIGHTS

_WRAPPERS = ("state_dict", "model")
"""Keys under which training scripts keep the state dict beside their own bookkeeping."""

_TORCH_MAGIC = (b"PK\x03\x04", b"\x80")
"""Of a zip file, and of a pickle."""

_HEAD_BYTES = struct.calcsize("<Qc")

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
    raise STATE_DICT.refused(path, "neither safetensors nor a file written by torch.save")


def _torch_load(file: io.BufferedReader, path: Path) -> object:
    if _is_packed(file):
        raise STATE_DICT.refused(path, "a zip file that is compressed, which torch.save never does")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickle protocols other than torch's own
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        problem = "it holds more than tensors (or is damaged), so it is not loaded"
        raise STATE_DICT.refused(path, problem) from error
    except Exception as error:  # a damaged file can raise anything from the reader
        problem = "torch cannot read it (damaged, cut short, or a TorchScript archive)"
        raise STATE_DICT.refused(path, problem) from error


def _is_packed(file: io.BufferedReader) -> bool:
    """Whether a zip file grows when it is read; leaves it at its beginning."""
    try:
        with zipfile.ZipFile(file) as archive:
            return any(
                each.compress_type != zipfile.ZIP_STORED or each.file_size > each.compress_size
                for each in archive.infolist()
            )
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, struct.error):
        return False  # no zip file, or a damaged one, which torch refuses
    finally:
        file.seek(0)


def _tensors(loaded: object, path: Path) -> dict[str, torch.Tensor]:
    """Return the state dict without its wrapper; refuse anything else."""
    if isinstance(loaded, dict):
        inner = [loaded[key] for key in _WRAPPERS if isinstance(loaded.get(key), dict)]
        candidate = inner[0] if inner else loaded
        if candidate and all(_is_entry(key, value) for key, value in candidate.items()):
            return dict(candidate)
    raise STATE_DICT.refused(path, "not a state dict, which is a mapping of names to tensors")


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
