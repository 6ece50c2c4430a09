"""The verification reference: what was saved is read, and anything else is refused by name."""

from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from simx.common.errors import InputError
from simx.exporter.store.entry import record_of
from simx.exporter.store.manifest import FileRecord
from simx.exporter.verification.reference import REFERENCE, Reference, load_reference

PIXELS = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3)
EMBEDDINGS = np.ones((2, 5), np.float32)


def test_what_was_saved_is_read(tmp_path: Path) -> None:
    """Pixels and embeddings come back as they were."""
    Reference(PIXELS, EMBEDDINGS).save(tmp_path / "r")
    found = load_reference(tmp_path / "r", record_of(tmp_path / "r"))

    np.testing.assert_array_equal(found.pixels, PIXELS)
    np.testing.assert_array_equal(found.embeddings, EMBEDDINGS)


@pytest.mark.parametrize(
    ("pixels", "embeddings", "problem"),
    [
        (PIXELS.astype(np.float32), EMBEDDINGS, "its pixels are float32 [2, 3, 4, 3]"),
        (PIXELS[0], EMBEDDINGS, "its pixels are uint8 [3, 4, 3], not uint8 [N, H, W, 3]"),
        (PIXELS, EMBEDDINGS.astype(np.float64), "its embeddings are float64 [2, 5]"),
        (PIXELS, EMBEDDINGS[0], "its embeddings are float32 [5], not float32 [N, D]"),
        (PIXELS[:1], EMBEDDINGS, "it has 1 pictures and 2 embeddings"),
        (PIXELS[:0], EMBEDDINGS[:0], "it has 0 pictures and 0 embeddings"),
        (PIXELS, EMBEDDINGS * np.nan, "its embeddings are not all finite"),
    ],
)
def test_other_tensors_are_refused(
    tmp_path: Path, pixels: np.ndarray, embeddings: np.ndarray, problem: str
) -> None:
    """Tensors of other shapes, types or values are no reference."""
    path = tmp_path / "r"
    safetensors.numpy.save_file({"pixels": pixels, "embeddings": embeddings}, path)

    with pytest.raises(InputError) as refused:
        load_reference(path, record_of(path))
    assert str(refused.value).startswith(f"verification reference {path}: is no verification")
    assert problem in str(refused.value)


def test_what_has_changed_is_refused(tmp_path: Path) -> None:
    """However sound it looks: it is not what the export was verified with."""
    path = tmp_path / "r"
    Reference(PIXELS, EMBEDDINGS).save(path)
    record = record_of(path)
    Reference(PIXELS, EMBEDDINGS + 1).save(path)

    with pytest.raises(InputError, match="does not have the hash its manifest names; export the"):
        load_reference(path, record)


def test_what_is_too_long_is_not_read(tmp_path: Path) -> None:
    """A manifest that names so much is refused before anything is opened."""
    record = FileRecord(sha256="0" * 64, bytes=REFERENCE.most_bytes + 1)
    with pytest.raises(InputError, match="bytes, more than the"):
        load_reference(tmp_path / "r", record)


SAVED = safetensors.numpy.save({"pixels": PIXELS, "embeddings": EMBEDDINGS})


@given(st.lists(st.tuples(st.integers(0, len(SAVED) - 1), st.integers(0, 255)), max_size=4))
def test_damage_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]]
) -> None:
    """With a few bytes changed it is a reference still, or one line says that it is none."""
    data = bytearray(SAVED)
    for place, value in changes:
        data[place] = value
    path = tmp_path_factory.getbasetemp() / "reference"
    path.write_bytes(bytes(data))

    message = ""
    try:
        load_reference(path, record_of(path))
    except InputError as error:
        message = str(error)

    assert message.isprintable()
    assert not message or message.endswith("; export the backbone again")
