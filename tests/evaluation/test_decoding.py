"""Pictures are decoded in parallel, in order, and no picture ends more than itself."""

from pathlib import Path

import pytest

from simx.evaluation.decoding import Decoders
from simx.images.decoding import decode
from simx.images.pictures import fingerprint
from simx.images.preprocessing import crop
from simx.results.schema.report import Failure
from simx.runner.measure.picture_messages import CropRead, Item, ReadCrop
from tests.evaluation.labelled import labelled_folder
from tests.runner.fakes import PRESET


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return sorted(labelled_folder(tmp_path_factory.mktemp("pictures"), copies=1).rglob("*.png"))


def requests(paths: list[Path]) -> list[ReadCrop]:
    return [ReadCrop(Item(str(path), fingerprint(path)[0], None, 0), PRESET) for path in paths]


def is_right(answer: CropRead | Failure, path: Path) -> bool:
    assert isinstance(answer, CropRead)
    return answer.crop == crop(decode(path), PRESET).tobytes()


def test_crops_come_in_the_order_of_their_pictures(files: list[Path]) -> None:
    """Each answer has the same pixels as reading the files one after the other."""
    with Decoders(2) as decoders:
        answers = list(decoders.read(requests(files), 3))

    assert all(map(is_right, answers, files))
    assert len(answers) == len(files)


def test_a_bad_picture_is_a_failure_of_its_own(files: list[Path], tmp_path: Path) -> None:
    """The others are read."""
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    with Decoders(1) as decoders:
        first, second, third = decoders.read(requests([files[0], bad, files[1]]), 3)

    assert isinstance(second, Failure)
    assert "is not a picture that can be read" in second.reason
    assert is_right(first, files[0])
    assert is_right(third, files[1])


def test_a_picture_that_ends_its_decoder_costs_only_itself(
    files: list[Path], tmp_path: Path
) -> None:
    """The decoder is replaced, and the other pictures are read."""
    deadly = tmp_path / "deadly.png"
    deadly.write_bytes(files[0].read_bytes())
    with Decoders(2, "tests.evaluation.entries:fragile") as decoders:
        first, second, *others = decoders.read(requests([files[0], deadly, *files[1:5]]), 3)

    assert isinstance(second, Failure)
    assert "exit code 7" in second.reason
    assert is_right(first, files[0])
    assert all(map(is_right, others, files[1:5]))


def test_a_picture_that_changes_meanwhile_is_not_used(files: list[Path]) -> None:
    """Its embedding would be kept under the hash of what it was."""
    request = ReadCrop(Item(str(files[0]), "0" * 64, None, 0), PRESET)
    with Decoders(1) as decoders:
        (answer,) = decoders.read([request], 1)

    assert isinstance(answer, Failure)
    assert answer.reason == f"picture {files[0].name} was changed during this run"
