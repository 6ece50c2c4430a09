"""One worker makes the inputs of all cells, and times both stages."""

from pathlib import Path

import numpy as np

from simx.images.decoding import decode
from simx.images.pictures import bundled
from simx.images.preprocessing import preprocess
from simx.models.pictures import IMAGES, Image
from simx.results.schema.report import Failure
from simx.runner.bench.reading import READER
from simx.runner.measure.messages import BlockPlan, decoder, unpack
from simx.runner.measure.picture_messages import PicturesRead, ReadPictures
from simx.workers.forking import launcher
from tests.runner.fakes import PRESET


def asked(files: dict[Image, Path], plan: BlockPlan | None = None) -> PicturesRead | Failure:
    request = ReadPictures({image: str(path) for image, path in files.items()}, PRESET, plan)
    with launcher(READER) as reader, reader.launch() as worker:
        return worker.request(request, decoder(PicturesRead), 60.0)


def test_its_inputs_are_those_of_the_pictures() -> None:
    """In the order of their names; nothing is timed without a plan."""
    files = dict(bundled().files())
    reply = asked(files)
    assert isinstance(reply, PicturesRead)
    right = [preprocess(decode(files[image]), PRESET) for image in IMAGES]

    assert np.array_equal(unpack(reply.inputs), np.concatenate(right))
    assert reply.blocks == ()


def test_both_stages_of_every_picture_are_timed() -> None:
    """Each in a block of its own, with as many calls as planned."""
    reply = asked(dict(bundled().files()), BlockPlan(seconds=0.0, min_calls=4, max_calls=4))
    assert isinstance(reply, PicturesRead)

    assert [(each.scope, each.image) for each in reply.blocks] == [
        (scope, image) for image in IMAGES for scope in ("pipeline.decode", "pipeline.preprocess")
    ]
    assert all(len(each.block.ns) * each.block.calls == 4 for each in reply.blocks)


def test_a_file_that_is_no_picture_is_a_failure(tmp_path: Path) -> None:
    """Its reason names the file."""
    path = tmp_path / "note.jpg"
    path.write_text("no picture", encoding="utf-8")
    reply = asked({**dict(bundled().files()), "negative": path})

    assert isinstance(reply, Failure)
    assert "note.jpg" in reply.reason
