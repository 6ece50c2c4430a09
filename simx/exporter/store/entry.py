"""One export in the store: where its files are, and whether they match its manifest."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import msgspec

from simx.common.locking import locked
from simx.exporter.store.manifest import MANIFEST_FILE, MODEL_FILE, VERIFICATION_FILE, Manifest
from simx.exporter.store.stored_files import damage_of


class Entry(msgspec.Struct, frozen=True):
    """One export in the store."""

    folder: Path
    store: Path
    manifest: Manifest

    @property
    def key(self) -> str:
        """The hash of everything that changes the files, under which it was published."""
        return self.folder.name.rsplit("-", 1)[-1]

    @property
    def model_path(self) -> Path:
        """The ONNX file."""
        return self.folder / MODEL_FILE

    @property
    def verification_path(self) -> Path:
        """The verification input and torch's answer to it."""
        return self.folder / VERIFICATION_FILE

    @property
    def weights_path(self) -> Path:
        """The state dict the export was made from, as safetensors."""
        return self.store / "weights" / f"{self.manifest.weights.sha256}.safetensors"

    @property
    def bytes(self) -> int:
        """The size of its own files, without the state dict that others may share."""
        return sum(record.bytes for record in self.manifest.files.values())

    def is_complete(self) -> bool:
        """Whether every file is there with its size; cheap, without reading the content."""
        records = {self.folder / name: record for name, record in self.manifest.files.items()}
        records[self.weights_path] = self.manifest.weights
        return all(
            path.is_file() and path.stat().st_size == record.bytes
            for path, record in records.items()
        )

    def damage(self) -> str | None:
        """Read every file, and say how one differs from the manifest; None where none does.

        A stored file is regular, has one name, and lies in the store.
        """
        return self.own_damage() or self.weights_damage()

    def own_damage(self) -> str | None:
        """Do the same without the state dict that others may share."""
        if not self.folder.resolve().is_relative_to(self.store.resolve()):
            return f"{self.folder} leads out of the store by a link"
        files = self.manifest.files.items()
        found = (damage_of(self.folder / name, record) for name, record in files)
        return next(filter(None, found), None)

    def weights_damage(self) -> str | None:
        """Do the same for that state dict."""
        return damage_of(self.weights_path, self.manifest.weights)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep the entry from being pruned, without waiting or changing anything."""
        with ExitStack() as stack:
            with suppress(OSError):  # loading it fails later, with a clear error
                stack.enter_context(locked(self.folder / MANIFEST_FILE, shared=True))
            yield
