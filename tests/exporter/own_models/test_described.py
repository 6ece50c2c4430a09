"""ONNX files as backbones: their names, their presets, and what the command line may say."""

from pathlib import Path

import pytest

from simx.common.errors import InputError
from simx.exporter.own_models.described import own_models
from simx.models.model_input import model_input
from tests.exporter.own_models.files import network, saved

SMALL = """
size = 36
crop = 32
interpolation = "bicubic"
mean = [0.5, 0.5, 0.5]
std = [0.25, 0.25, 0.25]
"""


@pytest.fixture
def preset(tmp_path: Path) -> str:
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return str(path)


def test_a_file_is_a_backbone_with_its_own_figures(tmp_path: Path, preset: str) -> None:
    """Its name is the file's with safe characters, and its preset is the one that is given."""
    path = saved(network(), tmp_path / "My *net* [1].v2.onnx")
    (found,) = own_models([str(path)], [preset])

    assert (found.name, found.weights, found.source) == ("My_net_1_.v2:file", "file", "onnx")
    assert found.preset == model_input(preset).preset
    assert found.file is not None
    assert found.file.path == str(path)
    assert (found.embedding_dims.pooled, found.params, found.acc1) == (8, 216, None)


def test_a_file_whose_name_has_no_safe_character_gets_one(tmp_path: Path, preset: str) -> None:
    """The name is a folder's in the store."""
    path = saved(network(), tmp_path / "...onnx")
    (found,) = own_models([str(path)], [preset])

    assert found.name == "model:file"


def test_two_models_of_one_name_are_refused(tmp_path: Path, preset: str) -> None:
    """A report could not tell them apart."""
    paths = [str(saved(network(), tmp_path / name)) for name in ("a b.onnx", "a_b.onnx")]
    with pytest.raises(InputError, match=r"a_b\.onnx: two models are named a_b:file; rename one"):
        own_models(paths, [preset])


@pytest.mark.parametrize(
    ("models", "preprocess", "problem"),
    [
        ((), ("resnet50",), "--preprocess resnet50: works only with --model"),
        (("net.onnx",), (), "--model net.onnx: give --preprocess once"),
        (("a.onnx", "b.onnx", "c.onnx"), ("resnet50",) * 2, "--model a.onnx: give --preprocess"),
        (("net.onnx",), ("resnet*",), r"--preprocess resnet\*: names 5 backbones; name one"),
        (("net.onnx",), ("resnt50",), r"'resnt50' \(did you mean resnet50"),
        (("absent.onnx",), ("resnet50",), "model absent.onnx: no such file"),
        ((".",), ("resnet50",), "model .: is a folder, not a file"),
        (("https://a.example/b.onnx",), ("resnet50",), "is a URL, and simx uses local files only"),
    ],
)
def test_a_wrong_command_line_starts_no_worker(
    models: tuple[str, ...],
    preprocess: tuple[str, ...],
    problem: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is refused by one line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("simx.exporter.own_models.described.launcher", None)
    with pytest.raises(InputError, match=problem):
        own_models(models, preprocess)
