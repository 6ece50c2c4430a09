"""Messages about all exports of a run: downloads beforehand, random weights at the end."""

from collections.abc import Sequence

from simx.common.input_files import shown
from simx.exporter.jobs.plan import Exported, ExportListener, Outcome
from simx.exporter.weights.need import need_of, size_of
from simx.models.backbone import Backbone


def announce_downloads(
    lacking: Sequence[Backbone], listener: ExportListener, *, offline: bool
) -> None:
    """Say, before the first byte, which checkpoints are to be downloaded; nothing without any.

    Raises:
        SystemFailureError: there is no room for them.
    """
    if not lacking:
        return
    need = need_of(lacking)
    checkpoints = "one checkpoint is" if len(lacking) == 1 else f"{len(lacking)} checkpoints are"
    if offline:
        listener.notice(
            f"offline: {checkpoints} not here, and nothing is downloaded; "
            f"what is in {shown(need.folder)} and in the store is used"
        )
        return
    need.require_room()
    listener.downloads(lacking)
    listener.notice(
        f"{checkpoints} to be downloaded, {size_of(need.bytes)} in all, into "
        f"{shown(need.folder)} ({size_of(need.free_bytes())} free there)"
    )


def warn_of_random_weights(outcomes: Sequence[Outcome], listener: ExportListener) -> None:
    """Say how many exports have random weights: they must never pass for trained ones."""
    random = {
        outcome.backbone
        for outcome in outcomes
        if isinstance(outcome, Exported)
        and outcome.entry.manifest.identity.weights_origin == "random"
    }
    if random:
        count = f"{len(random)} backbones have" if len(random) > 1 else "one backbone has"
        listener.notice(
            f"{count} random weights, because no pretrained ones are here: latencies hold, "
            "similarities mean nothing; --weights pretrained downloads them"
        )
