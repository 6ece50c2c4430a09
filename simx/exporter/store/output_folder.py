"""Plain ``NAME.onnx`` files in a folder of the user's, with a manifest, from exports in the store.

Files are copied, never linked, and hashed on the way. The manifest names a file before it appears,
so that simx knows its own files even after it was killed, and replaces no others.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import msgspec

from simx.common.atomic import make_folder, sync_folder, write_atomically, write_synced
from simx.common.errors import InputError, SystemFailureError
from simx.common.input_files import refuse_url, shown
from simx.common.locking import locked
from simx.common.output_files import has_content
from simx.common.temporary import workspace
from simx.exporter.store.entry import Entry, copy_as_recorded, damage_of, record_of
from simx.exporter.store.manifest import DATA_FILE, MODEL_FILE, Manifest
from simx.exporter.store.output_manifest import (
    OUTPUT_MANIFEST_FILE,
    OutputManifest,
    output_model,
    read_output_manifest,
)
from simx.models.backbone import Backbone, EmbeddingKind, Precision
from simx.workers.spawning import Spawner
from simx.workers.worker import WorkerError

_UNFINISHED = ".simx-unfinished"
_RELOCATION = "simx.exporter.store.relocation:main"
_RELOCATION_SECONDS = 300.0


class Relocate(msgspec.Struct, frozen=True):
    """Return a graph with its data in files of other names.

    ``names`` has the new name of each of the graph's files, by its name in the store. The data of a
    graph that holds it itself is written into a new file beside it.
    """

    path: str
    names: dict[str, str]


class Relocated(msgspec.Struct, frozen=True):
    """The content of the graph's file."""

    graph: bytes


RELOCATION_REQUESTS = msgspec.msgpack.Decoder(Relocate)
_RELOCATION_REPLIES = msgspec.msgpack.Decoder(Relocated)


class OutputFolder:
    """A folder that models are put into, by this process alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        path = folder / OUTPUT_MANIFEST_FILE
        self._manifest = read_output_manifest(path) if path.exists() else OutputManifest()

    def require_free(self, names: Mapping[str, str], *reads: Path) -> None:
        """Refuse to replace files that are not simx's, read-only, or read.

        Args:
            names: the names of the files, and each one's backbone.
            reads: the files and folders that the command reads.

        Raises:
            InputError: one of them is not simx's, is read-only, or is read.
        """
        has_content(self._folder / OUTPUT_MANIFEST_FILE, reads)
        for name, what in names.items():
            path = self._folder / name
            if os.path.lexists(path) and name not in self._manifest.owned:
                raise InputError(
                    f"{shown(path)}: is not simx's own (the manifest beside it does not name it), "
                    f"so {what} is not written there; move it away or name another folder"
                )
            has_content(path, reads)

    def put(self, backbone: Backbone, entry: Entry, *, data_beside: bool = False) -> Path:
        """Put a backbone's export into the folder, unless it is there, and return its file.

        With ``data_beside`` the weights get a file of their own, however small they are.

        Raises:
            DamagedEntryError: a file of the export has changed; the folder has not.
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
        self.require_free(dict.fromkeys(names.values(), backbone.name), entry.folder)
        try:
            with workspace(self._folder / _UNFINISHED) as unfinished:
                for each, record in stored.items():
                    copy_as_recorded(entry.folder / each, record, unfinished / names[each])
                if len(names) > 1:
                    _relocate(unfinished / name, names)
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
            and model == output_model(name, model.files, entry.manifest)
            and not any(damage_of(self._folder / each, of) for each, of in model.files.items())
        )

    def _appear(
        self, name: str, names: Mapping[str, str], unfinished: Path, manifest: Manifest
    ) -> None:
        files = {target: record_of(unfinished / target) for target in names.values()}
        former = self._manifest.of(name)
        self._manifest = self._manifest.with_model(output_model(name, files, manifest))
        text = msgspec.json.format(msgspec.json.encode(self._manifest)) + b"\n"
        write_atomically(self._folder / OUTPUT_MANIFEST_FILE, text)
        # The data before the graph that refers to it.
        for target in sorted(files, key=len, reverse=True):
            (unfinished / target).replace(self._folder / target)
        for needless in (former.files.keys() if former else set()) - files.keys():
            (self._folder / needless).unlink(missing_ok=True)
        sync_folder(self._folder)


@contextmanager
def opened_output_folder(folder: Path) -> Iterator[OutputFolder]:
    """Open a folder, made where it is missing, to put models into.

    Raises:
        InputError: another process puts models into it, its manifest is not simx's, or it is a URL.
        SystemFailureError: it cannot be made.
    """
    refuse_url(folder, "", "name a folder")
    with ExitStack() as stack:
        try:
            make_folder(folder)
            is_ours = stack.enter_context(locked(folder))
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
    parts = (
        backbone.model.replace(":", "-"),  # a colon is a drive, or a host, to other tools
        "" if backbone.default else backbone.weights,
        "" if embedding == "pooled" else embedding,
        "" if precision == "fp32" else precision,
    )
    return "-".join(filter(None, parts)) + ".onnx"


def data_name(name: str) -> str:
    """Return the name of the file with a model's weights."""
    return f"{name}.data"


def _relocate(path: Path, names: Mapping[str, str]) -> None:
    with Spawner(_RELOCATION).launch() as worker:
        request = Relocate(str(path.resolve()), dict(names))
        reply = worker.request(request, _RELOCATION_REPLIES, _RELOCATION_SECONDS)
    path.unlink()
    write_synced(path, reply.graph)


def _unwritable(folder: Path, error: OSError) -> SystemFailureError:
    return SystemFailureError(
        f"{shown(folder)}: cannot be written ({error.strerror}); make room or name another folder"
    )
