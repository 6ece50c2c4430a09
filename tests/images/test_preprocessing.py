"""RGB pixels -> the input of a backbone, held against torchvision's own presets."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision import models
from torchvision.transforms import InterpolationMode
from torchvision.transforms._presets import ImageClassification

from simx.common.errors import InputError
from simx.images.decoding import decode
from simx.images.normalisation import normalise
from simx.images.pictures import bundled
from simx.images.preprocessing import (
    check_resizable,
    crop,
    preprocess,
    resized_size,
)
from simx.models.backbone import Preset

TOLERANCE = 1e-5
SMALL = Preset(crop=8, resize=10, interpolation="bilinear", mean=(0.5,) * 3, std=(0.25,) * 3)


def reference(preset: Preset) -> ImageClassification:
    """Return torchvision's transform for a preset."""
    return ImageClassification(
        crop_size=preset.crop,
        resize_size=preset.resize,
        mean=preset.mean,
        std=preset.std,
        interpolation=InterpolationMode(preset.interpolation),
    )


def torchvision_presets() -> list[Preset]:
    """Return every distinct preset among torchvision's classification weights."""
    transforms = [
        entry.transforms()
        for name in models.list_models(module=models)
        for entry in models.get_model_weights(name)
    ]
    assert len(transforms) >= 115
    distinct = {
        Preset(
            crop=transform.crop_size[0],
            resize=transform.resize_size[0],
            interpolation=transform.interpolation.value,
            mean=tuple(transform.mean),
            std=tuple(transform.std),
        )
        for transform in transforms
    }
    return sorted(distinct, key=str)


PRESETS = torchvision_presets()
AWKWARD_SIZES = [(1, 1), (9, 1), (1, 9), (7, 3), (224, 224), (225, 223), (256, 1000), (999, 333)]


def noise(size: tuple[int, int]) -> Image.Image:
    """Return a picture of random pixels, where every rounding shows."""
    width, height = size
    generator = np.random.default_rng(width * 1000 + height)
    return Image.fromarray(generator.integers(0, 256, (height, width, 3), np.uint8))


@functools.cache
def pictures() -> tuple[Image.Image, ...]:
    """Return the bundled pictures and pictures of awkward sizes."""
    files = [decode(path) for _, path in bundled().files()]
    return (*files, *(noise(size) for size in AWKWARD_SIZES))


def difference(image: Image.Image, preset: Preset) -> float:
    """Return the largest difference from torchvision's tensor."""
    expected = reference(preset)(image).numpy()[np.newaxis]
    actual = preprocess(image, preset)

    assert actual.shape == expected.shape
    return float(np.abs(actual - expected).max())


@pytest.mark.parametrize("preset", PRESETS, ids=lambda p: f"{p.interpolation}-{p.resize}-{p.crop}")
def test_every_preset_gives_torchvisions_tensor(preset: Preset) -> None:
    """For every preset and picture the input is torchvision's."""
    differences = [difference(image, preset) for image in pictures()]

    assert max(differences) <= TOLERANCE


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 24),
    st.integers(1, 24),
    st.sampled_from(["bilinear", "bicubic"]),
)
def test_any_size_gives_torchvisions_tensor(
    width: int, height: int, resize: int, kept: int, interpolation: str
) -> None:
    """Every picture, resize and crop agrees, a crop larger than the resize included."""
    preset = Preset(
        crop=kept,
        resize=resize,
        interpolation="bicubic" if interpolation == "bicubic" else "bilinear",
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
    )

    assert difference(noise((width, height)), preset) <= TOLERANCE


def test_the_input_is_one_contiguous_float32_picture() -> None:
    """The input is what a runtime takes without another copy."""
    values = preprocess(noise((30, 20)), SMALL)

    assert values.shape == (1, 3, 8, 8)
    assert values.dtype == np.float32
    assert values.flags.c_contiguous
    assert values.flags.writeable


def test_preprocessing_is_crop_then_normalise() -> None:
    """Crops kept as bytes and normalised later, several at once, give the same inputs."""
    images = [noise((30, 20)), noise((9, 40))]
    crops = np.stack([crop(image, SMALL) for image in images])

    assert crops.shape == (2, 8, 8, 3)
    assert crops.dtype == np.uint8
    together = normalise(crops, SMALL)
    assert together.flags.c_contiguous
    assert np.array_equal(together, np.concatenate([preprocess(i, SMALL) for i in images]))


def test_a_line_of_pixels_is_refused_before_it_is_resized() -> None:
    """A 3000x1 picture, which 256 would make 768000x256, is refused by name and sizes."""
    preset = Preset(crop=224, resize=256, interpolation="bilinear", mean=(0,) * 3, std=(1,) * 3)

    with pytest.raises(InputError, match=r"3000x1.*256 makes 768000x256.*16,777,216 pixels"):
        crop(Image.new("RGB", (3000, 1)), preset)


def test_resized_pixels_are_limited_exactly() -> None:
    """The limit itself passes; one column more does not, and the message names the picture."""
    preset = Preset(crop=16, resize=16, interpolation="bilinear", mean=(0,) * 3, std=(1,) * 3)
    check_resizable("p.png", (2**20, 16), preset)

    with pytest.raises(InputError, match=r"picture p\.png is 16x1048577"):
        check_resizable("p.png", (16, 2**20 + 1), preset)


def test_only_rgb_is_taken() -> None:
    """A picture that was not decoded to RGB is a mistake of the caller's."""
    with pytest.raises(ValueError, match="mode L"):
        crop(Image.new("L", (20, 20)), SMALL)


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 600))
def test_the_short_side_gets_the_presets_length(width: int, height: int, resize: int) -> None:
    """The short side becomes exactly the preset's, and the long side is never shorter."""
    preset = Preset(
        crop=resize, resize=resize, interpolation="bilinear", mean=(0,) * 3, std=(1,) * 3
    )
    resized = resized_size((width, height), preset)

    assert min(resized) == resize
    assert (resized[0] >= resized[1]) == (width >= height) or resized[0] == resized[1]
