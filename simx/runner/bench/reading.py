"""From the pictures' files to the inputs of the networks, with the time that it takes.

Decoding and preprocessing are the same for all cells of a preset, and a worker without a runtime
does them.
"""

from collections.abc import Mapping
from pathlib import Path

from simx.models.backbone import Backbone, Preset
from simx.models.pictures import Image
from simx.results.schema.report import Failure, Preparation
from simx.results.schema.times import Launch, Timing
from simx.runner.measure.messages import ArrayMessage, BlockPlan, decoder
from simx.runner.measure.picture_messages import PicturesRead, ReadPictures
from simx.workers.worker import Launcher, WorkerError

READER = "simx.runner.measure.pictures:main"
"""The entry of the worker."""

_PLAN = BlockPlan(seconds=0.0, min_calls=3, max_calls=3)
"""Of each picture and stage, which take a few milliseconds and have no threads to wait for. None is
left uncounted, because the call that made the inputs came just before."""


class PictureReader:
    """Makes the inputs of each preset once, and times it once for each launch of a run.

    A launch's times hold for all backbones of a preset: the work is the same.

    Args:
        launcher: starts a fresh worker for each launch's times.
        pictures: the files.
        seconds: the deadline for a preset.
    """

    def __init__(self, launcher: Launcher, pictures: Mapping[Image, Path], seconds: float) -> None:
        self._launcher = launcher
        self._files = {image: str(path.resolve()) for image, path in pictures.items()}
        self._seconds = seconds
        self._inputs: dict[Preset, ArrayMessage] = {}
        self._timings: dict[tuple[Preset, int], tuple[Timing, ...]] = {}

    def inputs(self, preset: Preset) -> ArrayMessage:
        """Return the inputs of ``IMAGES``, float32 [4, 3, H, W].

        Raises:
            WorkerError: a picture cannot be read.
        """
        if preset not in self._inputs:
            self._inputs[preset] = self._read(preset, None).inputs
        return self._inputs[preset]

    def preparation(self, backbone: Backbone, index: int) -> Preparation:
        """Return the times of a backbone's preset in the launch of an index.

        Raises:
            WorkerError: a picture cannot be read.
        """
        key = backbone.preset, index
        if key not in self._timings:
            read = self._read(backbone.preset, _PLAN)
            self._inputs[backbone.preset] = read.inputs
            self._timings[key] = tuple(
                Timing(
                    scope=each.scope,
                    image=each.image,
                    launches=(Launch(index=index, blocks=(each.block,)),),
                )
                for each in read.blocks
            )
        return Preparation(
            model=backbone.model, weights=backbone.weights, timings=self._timings[key]
        )

    def _read(self, preset: Preset, plan: BlockPlan | None) -> PicturesRead:
        with self._launcher.launch() as worker:
            request = ReadPictures(self._files, preset, plan)
            reply = worker.request(request, decoder(PicturesRead), self._seconds)
        if isinstance(reply, Failure):
            raise WorkerError(f"cannot read them: {reply.reason}")
        return reply
