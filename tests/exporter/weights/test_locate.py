import os
from pathlib import Path

import pytest

from simx.common.errors import InputError
from simx.exporter.weights.cache import Source, checkpoint_path
from simx.exporter.weights.download import Downloads
from simx.exporter.weights.locate import locate
from simx.exporter.weights.request import WeightsRequest
from simx.models.backbone import Backbone
from tests.exporter.weights.server import Answer, serving
from tests.exporter.weights.support import PutCheckpoint, renamed_for

CONTENT_SHA256 = "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
"""Of ``b"content"``."""

AUTO = WeightsRequest("auto")
PRETRAINED = WeightsRequest("pretrained")


def file_request(path: Path) -> WeightsRequest:
    return WeightsRequest("file", path)


@pytest.mark.usefixtures("checkpoints")
def test_auto_without_checkpoint_is_random(small: Backbone) -> None:
    """Where nothing is cached, auto gives random weights of the seed, without a request."""
    with serving({}) as site:
        source = locate(small, AUTO, downloads=Downloads(mirror=site.address), seed=7)

    assert source == Source("random", seed=7)
    assert site.requests == []


@pytest.mark.parametrize("request_", [AUTO, PRETRAINED])
def test_cached_checkpoint_is_taken(
    request_: WeightsRequest, small: Backbone, put_checkpoint: PutCheckpoint
) -> None:
    """What is cached is used as it is, under auto and pretrained alike."""
    named = put_checkpoint(small, b"content")
    with serving({}) as site:
        source = locate(named, request_, downloads=Downloads(mirror=site.address))

    assert source == Source("pretrained", str(checkpoint_path(named)), CONTENT_SHA256)
    assert site.requests == []


def test_damaged_checkpoint_is_not_passed_over(
    small: Backbone, put_checkpoint: PutCheckpoint
) -> None:
    """A checkpoint that is there is never replaced by random weights, whatever its state."""
    named = put_checkpoint(small, b"content")
    checkpoint_path(named).write_bytes(b"something else")

    with pytest.raises(InputError, match="damaged or replaced; delete it"):
        locate(named, AUTO)


@pytest.mark.usefixtures("checkpoints")
def test_pretrained_downloads(small: Backbone) -> None:
    """What is not cached is downloaded when pretrained weights are requested by name."""
    named = renamed_for(small, b"content")
    with serving({}, otherwise=Answer(body=b"content", announced=7)) as site:
        source = locate(named, PRETRAINED, downloads=Downloads(mirror=site.address))

    assert source == Source("pretrained", str(checkpoint_path(named)), CONTENT_SHA256)


def test_random_ignores_the_cache(small: Backbone, put_checkpoint: PutCheckpoint) -> None:
    """Random weights are random also where pretrained ones lie ready."""
    named = put_checkpoint(small, b"content")

    assert locate(named, WeightsRequest("random")).origin == "random"


def test_file_is_taken(small: Backbone, tmp_path: Path) -> None:
    """A file that was named is the source."""
    path = tmp_path / "weights.pth"
    path.write_bytes(b"content")

    assert locate(small, file_request(path)) == Source("file", str(path), CONTENT_SHA256)


def test_missing_file_names_the_choices(small: Backbone, tmp_path: Path) -> None:
    """A misspelt keyword arrives as an absent file, so the error lists the keywords."""
    with pytest.raises(InputError, match=r"pretraned: no such file; give auto, pretrained, random"):
        locate(small, file_request(tmp_path / "pretraned"))


@pytest.mark.parametrize("kind", ["folder", "pipe", "below a file", "nul"])
def test_only_a_regular_file_is_opened(kind: str, small: Backbone, tmp_path: Path) -> None:
    """What would block, never end or is no file at all is refused before it is opened."""
    path = tmp_path / "weights"
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "below a file":
            path.write_bytes(b"")
            path /= "weights.pth"
        case _:
            path = Path("nul\0byte")

    with pytest.raises(InputError, match="weights file"):
        locate(small, file_request(path))


def test_labels_tell_sources_apart(small: Backbone, put_checkpoint: PutCheckpoint) -> None:
    """A label is the seed or the content's whole hash, and never a path or a name.

    A checkpoint that is named as a file is another source, which is never called pretrained.
    """
    named = put_checkpoint(small, b"content")
    hashed = f"sha256 {CONTENT_SHA256}"

    assert Source("random", seed=3).label() == "seed 3"
    assert locate(named, AUTO).label() == f"checkpoint {hashed}"
    request = file_request(checkpoint_path(named))
    assert locate(named, request).label() == hashed
    assert locate(named, request.with_key("model_ema")).label() == f"{hashed} key model_ema"


def test_a_known_checkpoint_is_not_read_to_be_named(
    small: Backbone, put_checkpoint: PutCheckpoint
) -> None:
    """Finding out that the store has all exports does not take reading all checkpoints."""
    named = put_checkpoint(small, b"content")
    before = locate(named, PRETRAINED)
    os.truncate(checkpoint_path(named), 0)

    assert locate(named, PRETRAINED) == before
