from pathlib import Path

import pytest

from simx.common.errors import InputError
from simx.exporter.weights.request import WeightsRequest


@pytest.mark.parametrize("keyword", ["auto", "pretrained", "random"])
def test_a_keyword_is_a_kind(keyword: str) -> None:
    """The three keywords are requests without a file."""
    request = WeightsRequest.parse(keyword)

    assert (request.kind, request.path) == (keyword, None)


@pytest.mark.parametrize("text", ["weights.pth", "./auto", "Random", "/a/b c.safetensors"])
def test_anything_else_is_a_file(text: str) -> None:
    """What is no keyword to the letter is a path, so a file called auto can be named too."""
    assert WeightsRequest.parse(text) == WeightsRequest("file", Path(text))


def test_home_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tilde that no shell has expanded (--weights=~/x) means the home folder."""
    monkeypatch.setenv("HOME", "/some/folder")

    assert WeightsRequest.parse("~/x.pth").path == Path("/some/folder/x.pth")


@pytest.mark.parametrize("text", ["", "  "])
def test_nothing_is_refused(text: str) -> None:
    """An empty option, as an unset shell variable leaves it, is a usage error."""
    with pytest.raises(InputError, match="give auto, pretrained, random or the path"):
        WeightsRequest.parse(text)


def test_a_key_belongs_to_a_file() -> None:
    """A network's name goes with a file; without one it is a usage error that names the option."""
    request = WeightsRequest.parse("weights.pth").with_key("model_ema")

    assert request == WeightsRequest("file", Path("weights.pth"), "model_ema")
    assert WeightsRequest.parse("auto").with_key(None) == WeightsRequest("auto")
    with pytest.raises(InputError, match="--weights-key works only with --weights FILE, not auto"):
        WeightsRequest.parse("auto").with_key("model_ema")
