"""A worker without a runtime: makes a network's inputs of the pictures, and times both stages.

Decoding and preprocessing are the same for all backends, so one worker times them for all cells.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import PIL.Image

from simx.images.decoding import decode
from simx.images.preprocessing import preprocess
from simx.models.pictures import IMAGES
from simx.results.schema.report import Failure
from simx.results.schema.times import Scope
from simx.runner.measure.messages import (
    READ_PICTURES,
    PicturesRead,
    ReadPictures,
    ScopedBlock,
    pack,
)
from simx.runner.measure.timing import take_block
from simx.workers.connection import Connection

# Before any worker is forked, so that they need not import the decoders for their first picture.
PIL.Image.init()


def main(connection: Connection) -> None:
    """Answer requests until the parent closes the connection."""
    while True:
        try:
            request = connection.receive(READ_PICTURES)
        except EOFError:
            return
        reply: PicturesRead | Failure
        try:
            reply = _read(request)
        # What Pillow raises for a file has no common class.
        except Exception as error:  # noqa: BLE001
            reply = Failure(stage="pictures", reason=f"{type(error).__name__}: {error}")
        connection.send(reply)


def _read(request: ReadPictures) -> PicturesRead:
    inputs, blocks = [], []
    for image in IMAGES:
        decoding = partial(decode, Path(request.pictures[image]))
        preprocessing = partial(preprocess, decoding(), request.preset)
        inputs.append(preprocessing())
        calls: dict[Scope, Callable[[], object]] = {
            "pipeline.decode": decoding,
            "pipeline.preprocess": preprocessing,
        }
        if request.plan is not None:
            blocks += [
                ScopedBlock(scope, image, take_block(call, request.plan, 0))
                for scope, call in calls.items()
            ]
    return PicturesRead(pack(np.concatenate(inputs)), tuple(blocks))
