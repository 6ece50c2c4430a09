"""From the pictures' files to the inputs of the networks, with the time that it takes.

Decoding and preprocessing are the same for all cells: a worker without a runtime does them once.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from simx.models.backbone import Backbone, Preset
from simx.models.pictures import Image
from simx.results.schema.report import Failure, Preparation
from simx.results.schema.times import Launch, Timing
from simx.runner.measure.messages import (
    PICTURES_READ,
    ArrayMessage,
    BlockPlan,
    PicturesRead,
    ReadPictures,
)
from simx.workers.worker import Launcher, WorkerError

READER = "simx.runner.measure.pictures:main"
"""The entry of the worker."""

_PLAN = BlockPlan(seconds=0.0, min_calls=3)
"""Of each picture and stage. They take a few milliseconds, and have no threads to wait for."""


def read_pictures(
    reader: Launcher,
    pictures: Mapping[Image, Path],
    backbones: Sequence[Backbone],
    index: int,
    seconds: float,
    *,
    timed: bool,
) -> tuple[dict[Preset, ArrayMessage], Preparation | None]:
    """Make the inputs of each preset, and time it for the first backbone.

    Args:
        reader: starts the worker.
        pictures: the files.
        backbones: those of a launch's cells.
        index: the launch's.
        seconds: the deadline for a preset.
        timed: whether times are needed.

    Returns:
        The inputs of ``IMAGES``, float32 [4, 3, H, W], by preset; and the times, if any.

    Raises:
        WorkerError: a picture cannot be read.
    """
    files = {image: str(path.resolve()) for image, path in pictures.items()}
    replies: dict[Preset, PicturesRead] = {}
    with reader.launch() as worker:
        for preset in dict.fromkeys(backbone.preset for backbone in backbones):
            plan = _PLAN if timed and not replies else None
            request = ReadPictures(files, preset, plan)
            reply: PicturesRead | Failure = worker.request(request, PICTURES_READ, seconds)
            if isinstance(reply, Failure):
                raise WorkerError(f"cannot read them: {reply.reason}")
            replies[preset] = reply
    inputs = {preset: reply.inputs for preset, reply in replies.items()}
    timings = tuple(
        Timing(
            scope=each.scope,
            image=each.image,
            launches=(Launch(index=index, blocks=(each.block,)),),
        )
        for reply in replies.values()
        for each in reply.blocks
    )
    if not timings:
        return inputs, None
    model, weights = backbones[0].model, backbones[0].weights
    return inputs, Preparation(model=model, weights=weights, timings=timings)
