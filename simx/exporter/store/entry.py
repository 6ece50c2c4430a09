"""One export in the store: where its files are, and whether they match its manifest."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from simx.common.locking import try_lock
from simx.exporter.store.manifest import MANIFEST_FILE, MODEL_FILE, VERIFICATION_FILE, Manifest
from simx.exporter.store.stored_files import DamagedEntryError, verify_file


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

    def verify(self) -> None:
        """Read every file of the entry and compare it with the manifest.

        Raises:
            DamagedEntryError: a file is missing, is no regular file of one name, or its hash
                differs; or the entry is not in its store.
        """
        self.verify_own()
        verify_file(self.weights_path, self.manifest.weights)

    def verify_own(self) -> None:
        """Do the same without the state dict that others may share."""
        if not self.folder.resolve().is_relative_to(self.store.resolve()):
            raise DamagedEntryError(f"{self.folder} leads out of the store by a link")
        for name, record in self.manifest.files.items():
            verify_file(self.folder / name, record)

    def is_sound(self) -> bool:
        """Whether ``verify`` finds nothing."""
        with suppress(DamagedEntryError):
            self.verify()
            return True
        return False

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep the entry from being pruned, without waiting or changing anything."""
        try:
            file = (self.folder / MANIFEST_FILE).open("rb")
        except OSError:
            yield  # loading it fails later, with a clear error
            return
        with file:
            try_lock(file.fileno(), shared=True)
            yield
