"""Embeddings on disk: read as they were kept, and never from a damaged row."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from simx.common.errors import SystemFailureError
from simx.evaluation.vectors import Embeddings, Vectors, opened_vectors

DIM = 6
KEYS = [f"{number:064x}" for number in range(9)]
ROWS = np.random.default_rng(0).standard_normal((9, DIM)).astype(np.float32)


def kept(folder: Path) -> tuple[list[int], NDArray[np.float32]]:
    """Return where each row is, and the rows of all that are kept."""
    with opened_vectors(folder, DIM, print) as vectors:
        found = vectors.embeddings(KEYS)
        return found.places.tolist(), found.rows[found.places[found.places >= 0]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Embeddings that were kept in two batches."""
    with opened_vectors(tmp_path / "a", DIM, print) as vectors:
        vectors.append(KEYS[:5], ROWS[:5])
        vectors.append(KEYS[5:], ROWS[5:])
    return tmp_path / "a"


def test_rows_are_found_again(folder: Path) -> None:
    """Another process finds every row under its picture."""
    places, rows = kept(folder)

    assert places == list(range(9))
    assert np.array_equal(rows, ROWS)


@pytest.mark.parametrize("lost", [1, 10, 71, 100])
def test_what_a_killed_process_left_in_part_is_cut_off(folder: Path, lost: int) -> None:
    """Whole rows with their records stay, and further ones follow them."""
    path = folder / "embeddings"
    data = path.read_bytes()
    path.write_bytes(data[:-lost])
    before, _ = kept(folder)
    left = 9 - before.count(-1)
    with opened_vectors(folder, DIM, print) as vectors:
        vectors.append(KEYS[left:], ROWS[left:])
    places, rows = kept(folder)

    assert 0 < left < 9
    assert before == [*range(left), *[-1] * (9 - left)]
    assert places == list(range(9))
    assert np.array_equal(rows, ROWS)


def test_a_damaged_row_is_not_used(folder: Path) -> None:
    """From the first row whose checksum is wrong on, embeddings are made again."""
    path = folder / "embeddings"
    data = bytearray(path.read_bytes())
    data[len(data) // 9 * 4 - 2] ^= 1
    path.write_bytes(data)

    assert kept(folder)[0] == [0, 1, 2, *[-1] * 6]


def test_units_have_length_one_whatever_their_scale() -> None:
    """Squares of components neither overflow nor vanish, and a zero stays a zero."""
    rows = np.array([[3e38, 3e38], [1e-40, 0], [0, 0], [3, 4]], np.float32)
    found = Embeddings(rows, np.array([3, 0, 1, 2])).unit(slice(None))

    root = 0.5**0.5
    expected = [[0.6, 0.8], [root, root], [1, 0], [0, 0]]
    assert found == pytest.approx(np.array(expected), abs=1e-12)


def test_a_folder_that_cannot_be_made_is_an_error_with_advice(tmp_path: Path) -> None:
    """The message names the folder and the option."""
    (tmp_path / "file").touch()

    with (
        pytest.raises(SystemFailureError, match=r"file/a: .*--cache"),
        opened_vectors(tmp_path / "file" / "a", DIM, print),
    ):
        pass


def test_a_second_process_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so, and goes on when the first has finished."""
    notices: list[str] = []
    first = opened_vectors(tmp_path, DIM, print)
    first.__enter__()
    monkeypatch.setattr("time.sleep", lambda _: first.__exit__(None, None, None))
    with opened_vectors(tmp_path, DIM, notices.append) as vectors:
        assert isinstance(vectors, Vectors)

    assert notices == ["another process embeds with the same network; simx waits for it"]
