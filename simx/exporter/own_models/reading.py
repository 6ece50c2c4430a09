"""Reads an ONNX file of unknown origin, with its external data. Runs inside a worker only."""

import hashlib
from collections.abc import Iterator
from pathlib import Path, PurePath

import onnx
from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped]
from onnx.inliner import inline_local_functions

from simx.common.errors import InputError
from simx.common.input_files import read_whole
from simx.exporter.own_models.described import MODEL
from simx.exporter.store.manifest import SINGLE_FILE_LIMIT
from simx.exporter.verification.inspection.walk import is_external


class UnusableModelError(Exception):
    """A file cannot be used; the text follows its name and says what to do."""


class ReadModel:
    """A model with all its weights, and without functions of its own.

    ``sha256`` is the hash of its file; with external data, that of the hashes of all its files, the
    model's first and the others by their names. ``content`` are the bytes of its only file, or None
    if the model is not as in its file.
    """

    def __init__(self, path: Path) -> None:
        data = _content(path)
        try:
            self.model = onnx.ModelProto.FromString(data)
        except DecodeError:
            raise UnusableModelError("is no ONNX model, or is damaged; export it again") from None
        if not self.model.graph.node:
            raise UnusableModelError("is no ONNX model: it has no graph; export it again")
        others = _ExternalData(path.parent).load_into(self.model)
        self.bytes = len(data) + sum(map(len, others.values()))
        hashes = [hashlib.sha256(each).hexdigest() for each in (data, *others.values())]
        joined = hashlib.sha256("".join(hashes).encode()).hexdigest()
        self.sha256 = joined if others else hashes[0]
        self.content: bytes | None = None if others else data
        if self.model.functions:
            self.model = inline_local_functions(self.model)
            self.content = None


class _ExternalData:
    """The files in a folder that tensors of a model name, which must not be elsewhere."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._files: dict[str, bytes] = {}
        self._left = SINGLE_FILE_LIMIT

    def load_into(self, model: onnx.ModelProto) -> dict[str, bytes]:
        """Put the values of all tensors into a model, and return the files by their names."""
        for tensor in tensors(model):
            if is_external(tensor):
                tensor.raw_data = self._values(tensor)
                del tensor.external_data[:]
                tensor.ClearField("data_location")
        return dict(sorted(self._files.items()))

    def _values(self, tensor: onnx.TensorProto) -> bytes:
        keys = {each.key: each.value for each in tensor.external_data}
        name = keys.get("location", "")
        if name not in self._files:
            self._files[name] = self._read(name)
        content = self._files[name]
        try:
            begin = int(keys.get("offset", 0))
            end = begin + int(keys.get("length", len(content) - begin))
        except ValueError:
            begin = end = -1
        if not 0 <= begin <= end <= len(content):
            raise UnusableModelError(
                f"its external data {name!r} do not have all of {tensor.name!r}; copy both files "
                "again"
            )
        self._left -= end - begin
        if self._left < 0:
            raise UnusableModelError(
                f"its weights have more than the {SINGLE_FILE_LIMIT:,} bytes allowed"
            )
        return content[begin:end]

    def _read(self, name: str) -> bytes:
        path, parts = self._folder / name, PurePath(name).parts
        leads_out = ".." in parts or not path.resolve().is_relative_to(self._folder)
        if not name or PurePath(name).is_absolute() or leads_out:
            raise UnusableModelError(
                f"its external data {name!r} are not in its own folder; save it with its data "
                "beside it"
            )
        return _content(path)


def _content(path: Path) -> bytes:
    try:
        return read_whole(path, MODEL)
    except InputError as error:
        reason = str(error).removeprefix(MODEL.label).removesuffix(f"; {MODEL.mend}")
        raise UnusableModelError(f"its data {reason}; copy all its files again") from None


def tensors(message: Message) -> Iterator[onnx.TensorProto]:
    """Yield every tensor in a message, at any depth."""
    if isinstance(message, onnx.TensorProto):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for each in value if field.is_repeated else (value,):
                yield from tensors(each)
