"""Room on the disk for checkpoints that are to be downloaded, checked before the first byte."""

import shutil
from collections.abc import Sequence

from simx.common.errors import SystemFailureError
from simx.common.input_files import shown
from simx.common.user_folders import homeless, is_unknown
from simx.exporter.weights.cache import checkpoint_bytes, checkpoints_folder
from simx.models.backbone import Backbone


def require_room(backbones: Sequence[Backbone]) -> tuple[int, int]:
    """Require that these backbones' checkpoints fit into torch's cache.

    Returns:
        The bytes that they need by the catalogue, and the bytes that are free there.

    Raises:
        InputError: torch's cache would be in a home folder, and there is none.
        SystemFailureError: the disk has less room, or cannot be examined.
    """
    folder, needed = checkpoints_folder(), sum(map(checkpoint_bytes, backbones))
    if is_unknown(folder):
        raise homeless("set TORCH_HOME to a folder for the checkpoints, or use --weights random")
    try:
        existing = next(each for each in (folder, *folder.parents) if each.exists())
        free = shutil.disk_usage(existing).free
    except OSError as error:
        raise SystemFailureError(
            f"{shown(folder)}: cannot be examined ({error.strerror}); set TORCH_HOME to another "
            "folder"
        ) from error
    if free < needed:
        raise SystemFailureError(
            f"{shown(folder)}: the checkpoints need {size_of(needed)}, and {size_of(free)} are "
            "free; make room there, set TORCH_HOME to another folder, or name fewer backbones"
        )
    return needed, free


def size_of(count: int) -> str:
    """Return a number of bytes as text, in decimal units."""
    gigabytes = count / 1e9
    return f"{gigabytes:.1f} GB" if gigabytes >= 1 else f"{count / 1e6:.1f} MB"
