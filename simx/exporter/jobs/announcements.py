"""Messages about all exports of a run: downloads before it, random weights after it."""

from collections.abc import Sequence

from simx.common.input_files import shown
from simx.common.safe_text import counted
from simx.exporter.jobs.plan import Exported, ExportListener, Outcome
from simx.exporter.weights.cache import checkpoints_folder
from simx.exporter.weights.disk_space import require_room, size_of
from simx.models.backbone import Backbone


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


def warn_of_random_weights(outcomes: Sequence[Outcome], listener: ExportListener) -> None:
    """Count the backbones with random weights: they must never pass for trained ones."""
    exported = [each for each in outcomes if isinstance(each, Exported)]
    random = {
        each.backbone
        for each in exported
        if each.entry.manifest.identity.weights_origin == "random"
    }
    if random:
        count = f"{counted(len(random), 'backbone')} {'has' if len(random) == 1 else 'have'}"
        listener.notice(
            f"{count} random weights, because no pretrained ones are here: latencies hold, "
            "similarities mean nothing; --weights pretrained downloads them"
        )
