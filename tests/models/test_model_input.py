"""The value of ``--preprocess``: a backbone's name, or a file of the user's."""

from pathlib import Path

import pytest

from simx.common.errors import InputError
from simx.models.catalogue import load
from simx.models.model_input import model_input

CONTENT = {
    "size": "40",
    "crop": "32",
    "interpolation": "'bicubic'",
    "mean": "[0.1, 0.2, 0.3]",
    "std": "[0.4, 0.5, 0.6]",
}


def written(path: Path, content: dict[str, str]) -> str:
    path.write_text("\n".join(f"{name} = {value}" for name, value in content.items()))
    return str(path)


def test_a_backbone_stands_for_the_preset_of_its_weights() -> None:
    """The input belongs to the weights and not to the architecture."""
    entry = next(each for each in load() if each.name == "resnet50:IMAGENET1K_V1")

    assert model_input("resnet50:v1").preset == entry.preset
    assert model_input("resnet50:v1").layout == "NCHW"


def test_a_file_states_every_step(tmp_path: Path) -> None:
    """``size`` is that of the short side after the resize."""
    found = model_input(written(tmp_path / "p.toml", CONTENT | {"layout": "'NHWC'"}))

    assert (found.preset.resize, found.preset.crop, found.preset.interpolation) == (
        40,
        32,
        "bicubic",
    )
    assert (found.preset.mean, found.preset.std) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    assert found.layout == "NHWC"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"size": "0"}, "size is 0; it is at least 1"),
        ({"crop": "100000"}, "crop is 100000; it is at most 4096"),
        ({"std": "[0.0, 1.0, 1.0]"}, r"std\[0\] is 0.0; it is more than 0"),
        ({"mean": "[nan, 1.0, 1.0]"}, "mean"),
        ({"interpolation": "'nearest'"}, "'nearest'"),
        ({"resize": "2"}, "unknown field `resize`"),
        ({"size": "["}, "is not TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_an_example(
    change: dict[str, str], problem: str, tmp_path: Path
) -> None:
    """The line names what is wrong in it."""
    with pytest.raises(InputError, match=problem) as error:
        model_input(written(tmp_path / "p.toml", CONTENT | change))

    assert "write for example size = 256, crop = 224" in str(error.value)
    assert " - at ``" not in str(error.value)


def test_a_missing_entry_is_named(tmp_path: Path) -> None:
    """Nothing of the preprocessing is assumed."""
    short = {name: value for name, value in CONTENT.items() if name != "std"}
    with pytest.raises(InputError, match="missing required field `std`;"):
        model_input(written(tmp_path / "p.toml", short))
