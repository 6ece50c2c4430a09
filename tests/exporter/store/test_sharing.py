"""A store that other users can change is reported."""

import os
from pathlib import Path

import pytest

from simx.exporter.store.sharing import others_may_write


@pytest.mark.parametrize(("mode", "open_to_all"), [(0o700, False), (0o775, False), (0o777, True)])
def test_a_store_that_all_may_write_to_is_reported(
    tmp_path: Path, *, mode: int, open_to_all: bool
) -> None:
    """Sharing with a group is a choice; with all users it is a mistake."""
    tmp_path.chmod(mode)

    assert (others_may_write(tmp_path) is not None) == open_to_all


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a folder away")
def test_a_store_of_another_user_is_reported(tmp_path: Path) -> None:
    """Its owner may change it."""
    os.chown(tmp_path, 12345, 12345)

    assert others_may_write(tmp_path) == "it belongs to another user, who may write to it"


def test_an_absent_store_is_not_reported(tmp_path: Path) -> None:
    """It will be this user's."""
    assert others_may_write(tmp_path / "absent") is None
