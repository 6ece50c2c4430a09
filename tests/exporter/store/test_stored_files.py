"""The loaded content is the checked content, even if the file's name changes."""

from pathlib import Path

import pytest

from simx.exporter.store.entry import (
    DamagedEntryError,
    confined,
    opened_as_recorded,
    record_of,
)
from simx.exporter.store.manifest import FileRecord


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "entry").mkdir()
    (tmp_path / "entry" / "model.onnx").write_bytes(b"graph")
    return tmp_path / "entry" / "model.onnx"


def test_the_open_file_is_read_from_its_beginning(model: Path) -> None:
    """Hashing it leaves nothing behind."""
    with opened_as_recorded(model, record_of(model)) as file:
        assert file.read() == b"graph"


@pytest.mark.parametrize("content", [b"graph and more", b"", b"grapH"])
def test_another_content_is_refused(model: Path, content: bytes) -> None:
    """By its length, or by its hash."""
    expected = record_of(model)
    model.write_bytes(content)

    with (
        pytest.raises(DamagedEntryError, match="manifest names"),
        opened_as_recorded(model, expected),
    ):
        pass


def test_a_file_that_is_exchanged_is_not_what_is_loaded(model: Path) -> None:
    """A path in the lent folder leads to the file that was checked, not to its successor."""
    with confined(model.parent, {model.name: record_of(model)}) as folder:
        other = model.with_name("other")
        other.write_bytes(b"wrong")
        other.replace(model)

        assert (folder / model.name).read_bytes() == b"graph"
        assert model.read_bytes() == b"wrong"


def test_nothing_else_is_beside_it(model: Path) -> None:
    """A model that names further files finds those of its manifest, and no others."""
    model.with_name("secret").write_bytes(b"x")
    with confined(model.parent, {model.name: record_of(model)}) as folder:
        assert [path.name for path in folder.iterdir()] == [model.name]
        kept = folder
    assert not kept.exists()


def test_all_of_them_are_checked(model: Path) -> None:
    """External data counts like the model."""
    records = {
        model.name: record_of(model),
        "model.onnx.data": FileRecord(sha256="0" * 64, bytes=1),
    }

    with (
        pytest.raises(DamagedEntryError, match=r"model\.onnx\.data cannot be read"),
        confined(model.parent, records),
    ):
        pass
