"""What is checked and said before and after exports, for all backbones together."""

import shutil
from collections.abc import Sequence

from simx.common.errors import InputError, SystemFailureError
from simx.common.input_files import opened, shown
from simx.common.safe_text import counted
from simx.common.user_folders import homeless, is_unknown
from simx.exporter.jobs.plan import Exported, ExportListener, Outcome
from simx.exporter.store.cache_key import library_versions
from simx.exporter.weights.cache import checkpoint_bytes, checkpoints_folder, size_of
from simx.exporter.weights.request import WEIGHTS, WeightsRequest
from simx.models.backbone import Backbone


def require_fitting(request: WeightsRequest, backbones: Sequence[Backbone]) -> None:
    """Refuse an unusable weights file before any work is done.

    Raises:
        InputError: the file is absent or no regular file, or several backbones are to share it.
    """
    if request.path is None:
        return
    count = sum(each.file is None for each in backbones)
    if count != 1:
        raise InputError(
            f"--weights {request.path}: one file holds the weights of one backbone, "
            f"but {count} are selected; name one"
        )
    with opened(request.path, WEIGHTS):
        pass


def require_timm(lacking: Sequence[Backbone]) -> None:
    """Refuse to begin without timm, if one of its backbones is to be exported.

    Raises:
        InputError: it is not installed.
    """
    of_timm = [each.name for each in lacking if each.source == "timm"]
    if of_timm and "timm" not in library_versions():
        raise InputError(
            f"{of_timm[0]} is of timm, which is not installed; pip install 'simx-bench[timm]'"
        )


def announce_downloads(
    lacking: Sequence[Backbone], listener: ExportListener, *, offline: bool
) -> None:
    """Announce which checkpoints will be downloaded, before the first byte.

    Raises:
        SystemFailureError: there is no room for them.
    """
    if not lacking:
        return
    folder = shown(checkpoints_folder())
    checkpoints = f"{counted(len(lacking), 'checkpoint')} {'is' if len(lacking) == 1 else 'are'}"
    if offline:
        listener.notice(
            f"offline: {checkpoints} not here, and nothing is downloaded; "
            f"what is in {folder} and in the store is used"
        )
        return
    needed, free = require_room(lacking)
    listener.downloads(lacking)
    listener.notice(
        f"{checkpoints} to be downloaded, {size_of(needed)} in all, into {folder} "
        f"({size_of(free)} free there)"
    )


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


def warn_of_random_weights(
    outcomes: Sequence[Outcome], listener: ExportListener, *, only_fresh: bool
) -> None:
    """Count the backbones with random weights: they must never pass for trained ones."""
    exported = [each for each in outcomes if isinstance(each, Exported)]
    random = {
        each.backbone
        for each in exported
        if each.entry.manifest.identity.weights_origin == "random"
        and (each.fresh or not only_fresh)
    }
    if random:
        count = f"{counted(len(random), 'backbone')} {'has' if len(random) == 1 else 'have'}"
        listener.notice(
            f"{count} random weights, because no pretrained ones are here: latencies hold, "
            "similarities mean nothing; --weights pretrained downloads them"
        )
