"""What the download of checkpoints will take, said and asked of the disk before the first byte."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from simx.common.errors import SystemFailureError
from simx.common.input_files import shown
from simx.exporter.weights.cache import checkpoint_path, checkpoints_folder
from simx.exporter.weights.partial import arrived_bytes
from simx.exporter.weights.transfer import MEBIBYTE
from simx.models.backbone import Backbone

_GIGABYTE = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Need:
    """Checkpoints that are to be downloaded: how many, and the bytes that are missing of them."""

    checkpoints: int
    bytes: int
    folder: Path

    def free_bytes(self) -> int:
        """Return the room where they are to go.

        Raises:
            SystemFailureError: the disk does not say.
        """
        try:
            folder = next(each for each in (self.folder, *self.folder.parents) if each.exists())
            return shutil.disk_usage(folder).free
        except OSError as error:
            raise SystemFailureError(
                f"{shown(self.folder)}: cannot be looked at ({error.strerror}); set TORCH_HOME to "
                "another folder"
            ) from error

    def require_room(self) -> None:
        """Refuse what would not fit.

        Raises:
            SystemFailureError: the disk has less room than is needed.
        """
        free = self.free_bytes()
        if free < self.bytes:
            raise SystemFailureError(
                f"{shown(self.folder)}: the checkpoints need {size_of(self.bytes)}, and "
                f"{size_of(free)} are free; make room there, set TORCH_HOME to another folder, or "
                "name fewer backbones"
            )


def need_of(backbones: Sequence[Backbone]) -> Need:
    """Return what downloading these backbones' checkpoints takes, by the catalogue's figures."""
    return Need(
        checkpoints=len(backbones),
        bytes=sum(max(0, checkpoint_bytes(each) - _arrived(each)) for each in backbones),
        folder=checkpoints_folder(),
    )


def checkpoint_bytes(backbone: Backbone) -> int:
    """Return the size of a backbone's checkpoint, as far as the catalogue has it."""
    return round(backbone.file_size * MEBIBYTE)


def size_of(count: int) -> str:
    """Return a number of bytes as it is said to people."""
    if count >= _GIGABYTE:
        return f"{count / _GIGABYTE:.1f} GB"
    return f"{count / 1_000_000:.1f} MB"


def _arrived(backbone: Backbone) -> int:
    return arrived_bytes(checkpoint_path(backbone))
