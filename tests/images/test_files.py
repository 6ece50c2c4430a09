"""Opening the file behind a picture."""

from pathlib import Path

import pytest

from simx.common.errors import InputError
from simx.images.files import MAX_FILE_BYTES, opened_picture


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    """A picture without a byte has a message of its own."""
    path = tmp_path / "empty.png"
    path.touch()

    with pytest.raises(InputError, match=r"empty\.png: is empty \(0 bytes\)"), opened_picture(path):
        pass


def test_too_long_a_file_is_refused_unread(tmp_path: Path) -> None:
    """One byte more than the limit is refused by what the system says."""
    path = tmp_path / "long.png"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)

    with pytest.raises(InputError, match="has 268,435,457 bytes, more"), opened_picture(path):
        pass
