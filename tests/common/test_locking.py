"""A lock is one process's, and ends with it."""

from pathlib import Path

from simx.common.locking import try_lock


def test_a_second_one_is_told(tmp_path: Path) -> None:
    """An open file that is locked cannot be locked again before it closes."""
    path = tmp_path / "file"
    path.write_bytes(b"")
    with path.open("rb") as first, path.open("rb") as second:
        assert try_lock(first.fileno())
        assert not try_lock(second.fileno())
    with path.open("rb") as third:
        assert try_lock(third.fileno())
