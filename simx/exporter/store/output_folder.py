"""Plain ``NAME.onnx`` files in a folder of the user's, with a manifest, from exports in the store.

Files are copied, never linked, and hashed on the way. The manifest names a file before it appears,
so that the next process knows which files are simx's even if this one is killed: those are
replaced, and no others. A file whose hash is not the manifest's is made again.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import msgspec

from simx.common.atomic import make_folder, sync_folder, write_atomically
from simx.common.errors import InputError, SystemFailureError
from simx.common.input_files import shown
from simx.exporter.store.entry import Entry, is_intact
from simx.exporter.store.manifest import (
    DATA_FILE,
    INPUT_NAME,
    MODEL_FILE,
    OUTPUT_NAME,
    FileRecord,
    Manifest,
)
from simx.exporter.store.output_manifest import (
    OUTPUT_MANIFEST_FILE,
    OutputManifest,
    OutputModel,
    Preprocessing,
    TensorInterface,
    read_output_manifest,
)
from simx.exporter.store.relocating import relocate
from simx.exporter.store.stored_files import copy_as_recorded, record_of
from simx.exporter.store.workspaces import locked_folder, workspace
from simx.models.backbone import Backbone, EmbeddingKind, Precision
from simx.workers.worker import WorkerError

_UNFINISHED = ".simx-unfinished"


class OutputFolder:
    """A folder that models are put into, by this process alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        path = folder / OUTPUT_MANIFEST_FILE
        self._manifest = read_output_manifest(path) if path.exists() else OutputManifest()

    def require_free(self, names: Mapping[str, str]) -> None:
        """Refuse to replace files that are not simx's, before any work is done.

        Args:
            names: of files, and what each is to be.

        Raises:
            InputError: one of them is not simx's.
        """
        for name, what in names.items():
            path = self._folder / name
            is_there = path.exists() or path.is_symlink()
            if is_there and name not in self._manifest.owned:
                raise InputError(
                    f"{shown(path)}: is not simx's own (the manifest beside it does not name it), "
                    f"so {what} is not written there; move it away or name another folder"
                )

    def put(self, backbone: Backbone, entry: Entry, *, data_beside: bool = False) -> Path:
        """Put an export into the folder, unless it is there, and return its file.

        Args:
            backbone: what was exported.
            entry: its export.
            data_beside: whether the weights go into a file of their own, however small they are.

        Raises:
            DamagedEntryError: a file of the export is not what it was; nothing has changed.
            InputError: a file in its place is not simx's.
            SystemFailureError: the folder cannot be written.
        """
        identity = entry.manifest.identity
        name = plain_name(backbone, identity.embedding, identity.precision)
        path = self._folder / name
        stored = entry.manifest.graph_files
        names = {each: name + each.removeprefix(MODEL_FILE) for each in stored}
        if data_beside:
            names[DATA_FILE] = data_name(name)
        if self._is_there(name, set(names.values()), entry):
            return path
        self.require_free(dict.fromkeys(names.values(), backbone.name))
        try:
            with workspace(self._folder / _UNFINISHED) as unfinished:
                for each, record in stored.items():
                    copy_as_recorded(entry.folder / each, record, unfinished / names[each])
                if len(names) > 1:
                    relocate(unfinished / name, names)
                self._appear(name, names, unfinished, entry.manifest)
        except OSError as error:
            raise _unwritable(self._folder, error) from None
        except WorkerError as error:
            raise SystemFailureError(
                f"{shown(path)}: its graph could not be rewritten (the worker {error}); try again"
            ) from None
        return path

    def _is_there(self, name: str, files: set[str], entry: Entry) -> bool:
        model = self._manifest.of(name)
        return (
            model is not None
            and model.files.keys() == files
            and model == _output_model(name, model.files, entry.manifest)
            and all(is_intact(self._folder / each, record) for each, record in model.files.items())
        )

    def _appear(
        self, name: str, names: Mapping[str, str], unfinished: Path, manifest: Manifest
    ) -> None:
        files = {target: record_of(unfinished / target) for target in names.values()}
        former = self._manifest.of(name)
        self._manifest = self._manifest.with_model(_output_model(name, files, manifest))
        text = msgspec.json.format(msgspec.json.encode(self._manifest)) + b"\n"
        write_atomically(self._folder / OUTPUT_MANIFEST_FILE, text)
        # The data before the graph that refers to it.
        for target in sorted(files, key=len, reverse=True):
            (unfinished / target).replace(self._folder / target)
        for needless in former.files.keys() - files if former is not None else ():
            (self._folder / needless).unlink(missing_ok=True)
        sync_folder(self._folder)


@contextmanager
def opened_output_folder(folder: Path) -> Iterator[OutputFolder]:
    """Open a folder, made where it is missing, to put models into.

    Raises:
        InputError: another process puts models into it, or its manifest is not simx's.
        SystemFailureError: it cannot be made.
    """
    with ExitStack() as stack:
        try:
            make_folder(folder)
            is_ours = stack.enter_context(locked_folder(folder))
        except OSError as error:
            raise _unwritable(folder, error) from None
        if not is_ours:
            raise InputError(
                f"{shown(folder)}: another simx process puts models there; wait until it has "
                "finished, or name another folder"
            )
        try:
            yield OutputFolder(folder)
        finally:
            with suppress(OSError):
                (folder / _UNFINISHED).rmdir()


def plain_name(backbone: Backbone, embedding: EmbeddingKind, precision: Precision = "fp32") -> str:
    """Return the file's name: the model's, with each property that is not the default."""
    special = (
        ("" if backbone.default else backbone.weights, ""),
        (embedding, "pooled"),
        (precision, "fp32"),
    )
    return "-".join([backbone.model, *(part for part, usual in special if part != usual)]) + ".onnx"


def data_name(name: str) -> str:
    """Return the name of the file beside a model's, for weights that are not in it."""
    return f"{name}.data"


def _output_model(name: str, files: Mapping[str, FileRecord], manifest: Manifest) -> OutputModel:
    identity, preset = manifest.identity, manifest.preset
    return OutputModel(
        file=name,
        files=dict(files),
        graph_sha256=manifest.graph_sha256,
        model=identity.model,
        weights=identity.weights,
        weights_origin=identity.weights_origin,
        source=manifest.source,
        embedding=identity.embedding,
        embedding_dim=manifest.embedding_dim,
        precision=identity.precision,
        input=TensorInterface(name=INPUT_NAME, shape=("batch", 3, preset.crop, preset.crop)),
        output=TensorInterface(name=OUTPUT_NAME, shape=("batch", manifest.embedding_dim)),
        preprocessing=Preprocessing(**msgspec.structs.asdict(preset)),
        parity=manifest.parity,
        versions=manifest.versions,
    )


def _unwritable(folder: Path, error: OSError) -> SystemFailureError:
    return SystemFailureError(
        f"{shown(folder)}: cannot be written ({error.strerror}); make room or name another folder"
    )
