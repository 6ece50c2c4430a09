"""The messages between the parent and the worker that reads pictures, which has no runtime."""

import hashlib

import msgspec

from simx.models.backbone import Preset
from simx.models.pictures import Change, Image
from simx.results.schema.times import Block, Scope
from simx.runner.measure.messages import Answer, ArrayMessage, BlockPlan


class ReadPictures(msgspec.Struct, frozen=True, tag=True):
    """Make a network's inputs of the pictures, and time both stages by the plan, if there is one.

    Only the worker that has no runtime answers it, and ``ReadCrop``.
    """

    pictures: dict[Image, str]
    preset: Preset
    plan: BlockPlan | None


class Item(msgspec.Struct, frozen=True):
    """A picture as it is or changed: its file, that file's hash, and what decides the change."""

    path: str
    sha256: str
    change: Change | None
    seed: int

    @property
    def key(self) -> str:
        """The hash of the file, or of what makes the changed copy."""
        if self.change is None:
            return self.sha256
        made = f"{self.sha256}/{self.change}/{self.seed}"
        return hashlib.sha256(made.encode()).hexdigest()


class ReadCrop(msgspec.Struct, frozen=True, tag=True):
    """Read one picture for a network's preset."""

    item: Item
    preset: Preset


class ScopedBlock(msgspec.Struct, frozen=True):
    """A block of a scope."""

    scope: Scope
    image: Image | None
    block: Block


class PicturesRead(Answer, frozen=True):
    """Answer to ``ReadPictures``: the inputs of ``IMAGES`` [4, 3, H, W], and the timed blocks."""

    inputs: ArrayMessage
    blocks: tuple[ScopedBlock, ...]


class CropRead(Answer, frozen=True):
    """Answer to ``ReadCrop``: the crop, uint8 [H, W, 3] in C order, and the seconds it took."""

    crop: bytes
    seconds: float


READ_PICTURES = msgspec.msgpack.Decoder(ReadPictures | ReadCrop)
