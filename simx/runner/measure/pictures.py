"""A worker without a runtime: makes networks' inputs and crops of pictures, and times both stages.

Decoding and preprocessing are the same for all backends, so one worker times them for all cells.
"""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import PIL.Image

from simx.common.errors import InputError
from simx.images.changes import changed
from simx.images.decoding import decode
from simx.images.pictures import fingerprint
from simx.images.preprocessing import crop, preprocess
from simx.models.pictures import IMAGES
from simx.results.schema.report import Failure
from simx.results.schema.times import Scope
from simx.runner.measure.messages import pack
from simx.runner.measure.picture_messages import (
    READ_PICTURES,
    CropRead,
    PicturesRead,
    ReadCrop,
    ReadPictures,
    ScopedBlock,
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
        connection.send(answer(request))


def answer(request: ReadPictures | ReadCrop) -> PicturesRead | CropRead | Failure:
    """Return the answer to a request, a failure if a picture cannot be read."""
    try:
        return _read_crop(request) if isinstance(request, ReadCrop) else _read(request)
    except InputError as error:
        return Failure(stage="pictures", reason=str(error))
    # What Pillow raises for a file has no common class.
    except Exception as error:  # noqa: BLE001
        return Failure(stage="pictures", reason=f"{type(error).__name__}: {error}")


def _read_crop(request: ReadCrop) -> CropRead:
    begun, item = time.perf_counter(), request.item
    path = Path(item.path)
    image = decode(path)
    if fingerprint(path)[0] != item.sha256:
        raise InputError(f"picture {path.name} was changed during this run")
    if item.change is not None:
        image = changed(image, item.change, item.seed, item.sha256)
    pixels = crop(image, request.preset)
    return CropRead(pixels.tobytes(), time.perf_counter() - begun)


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
