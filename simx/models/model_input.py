"""How a picture becomes the input of a model of the user's own: the value of ``--preprocess``.

It is a backbone of the catalogue, whose weights have the preset, or a TOML file.
"""

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from simx.common.bounded import Amount, PositiveAmount
from simx.common.errors import InputError
from simx.common.input_files import InputKind, read_toml
from simx.common.misfits import misfit
from simx.models.backbone import Layout, Preset
from simx.models.catalogue import load
from simx.models.selection import Selection, select

PREPROCESSING = InputKind(
    label="preprocessing ",
    mend="write for example size = 256, crop = 224, interpolation = 'bilinear', "
    "mean = [0.485, 0.456, 0.406], std = [0.229, 0.224, 0.225]",
    most_bytes=2**16,
)

_Pixels = Annotated[int, msgspec.Meta(ge=1, le=4096)]


class ModelInput(msgspec.Struct, frozen=True):
    """The preset of a model, and the order of its input's dimensions."""

    preset: Preset
    layout: Layout = "NCHW"


class _Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file: ``size`` is that of the short side after the resize; the others as in a preset."""

    size: _Pixels
    crop: _Pixels
    interpolation: Literal["bilinear", "bicubic"]
    mean: tuple[Amount, Amount, Amount]
    std: tuple[PositiveAmount, PositiveAmount, PositiveAmount]
    layout: Layout = "NCHW"


def is_file_of_input(text: str) -> bool:
    """Whether the text is the path of a file, and not a backbone's name."""
    return text.endswith(".toml")


def model_input(text: str) -> ModelInput:
    """Return what a name such as ``resnet50:v2`` or the path of a ``.toml`` file stands for.

    Raises:
        InputError: the name is unknown or stands for several, or the file is not usable.
    """
    if not is_file_of_input(text):
        try:
            backbones = select(Selection(names=(text,)), load())
        except InputError as error:
            raise InputError(f"--preprocess: {error}, or name a file that ends in .toml") from None
        if len(backbones) > 1:
            raise InputError(f"--preprocess {text}: names {len(backbones)} backbones; name one")
        return ModelInput(backbones[0].preset)
    path = Path(text)
    content = read_toml(path, PREPROCESSING)
    if problem := misfit(content, _Content, ""):
        raise PREPROCESSING.refused(path, problem.removeprefix(".").removesuffix(" - at ``"))
    found = msgspec.convert(content, _Content)
    preset = Preset(
        crop=found.crop,
        resize=found.size,
        interpolation=found.interpolation,
        mean=found.mean,
        std=found.std,
    )
    return ModelInput(preset, found.layout)
