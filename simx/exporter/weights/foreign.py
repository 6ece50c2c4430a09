"""What a file is that was given as weights and is none, so that the message can name it.

Reads the beginning of a file and a zip file's list of contents, and runs nothing.
"""

import io
import struct
import zipfile

import msgspec

HEAD_BYTES = 1024

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


class _Index(msgspec.Struct):
    """The part of ``model.safetensors.index.json`` by which it is known."""

    weight_map: dict[str, str]


def kind_of(file: io.BufferedReader) -> str:
    """Say what a file is that is neither safetensors nor written by ``torch.save``."""
    head = file.read(HEAD_BYTES)
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


def zip_problem(file: io.BufferedReader) -> str | None:
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
