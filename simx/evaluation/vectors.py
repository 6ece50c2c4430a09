"""Embeddings on disk: kept by picture, network and target, and used by later runs.

A folder has the embeddings of one network on one target, in one file: a record for each picture,
with its hash, its row, and the row's checksum. A process that is killed loses its last batch only.
"""

import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import takewhile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simx.common.errors import SystemFailureError
from simx.common.locking import lock_file

Floats = NDArray[np.float64]

Places = NDArray[np.int64]

_BLOCK_BYTES = 2**26


class Vectors:
    """The embeddings of one network on one target, open for appending.

    Args:
        path: Their file; made if missing.
        dim: The length of an embedding.
    """

    def __init__(self, path: Path, dim: int) -> None:
        # The picture's hash, in hexadecimal, the CRC-32 of its row, and the row.
        self._record = np.dtype([("picture", "S64"), ("checksum", "<u4"), ("row", "<f4", (dim,))])
        path.touch()
        self._path, self._file = path, path.open("r+b")
        sound = takewhile(
            lambda each: zlib.crc32(each["row"].tobytes()) == each["checksum"], self._records()
        )
        self._places = {bytes(each["picture"]).decode(): place for place, each in enumerate(sound)}
        # What is not whole or damaged is cut off, and computed again.
        self._file.truncate(len(self._places) * self._record.itemsize)
        self._file.seek(0, os.SEEK_END)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __contains__(self, picture: str) -> bool:
        return picture in self._places

    def append(self, pictures: Sequence[str], embeddings: NDArray[np.float32]) -> None:
        """Keep embeddings, [N, D], of pictures with these hashes."""
        records = np.empty(len(pictures), self._record)
        records["picture"] = pictures
        records["row"] = embeddings
        records["checksum"] = [zlib.crc32(row.tobytes()) for row in records["row"]]
        self._file.write(records.tobytes())
        self._file.flush()
        os.fsync(self._file.fileno())
        begin = len(self._places)
        self._places.update(zip(pictures, range(begin, begin + len(pictures)), strict=True))

    def embeddings(self, pictures: Sequence[str]) -> "Embeddings":
        """Return the embeddings of pictures, which can be read after ``close``."""
        places = np.array([self._places.get(each, -1) for each in pictures], np.int64)
        return Embeddings(self._records()["row"], places)

    def _records(self) -> NDArray[np.void]:
        whole = self._path.stat().st_size // self._record.itemsize
        if not whole:
            return np.empty(0, self._record)
        return np.memmap(self._path, self._record, "r", shape=(whole,))


class Embeddings:
    """Memory-mapped embeddings of some pictures, of which blocks become unit vectors.

    Args:
        rows: All kept embeddings, float32 [M, D].
        places: The row of each picture, [N]; -1 for one that is not kept.
    """

    def __init__(self, rows: NDArray[np.float32], places: Places) -> None:
        self.rows = rows
        self.places = places
        self.dim = rows.shape[1]

    def __len__(self) -> int:
        return len(self.places)

    def unit(self, places: slice | Places) -> Floats:
        """Return embeddings divided by their lengths, float64 [n, D]; zeros stay zeros."""
        found = self.rows[self.places[places]].astype(np.float64)
        # The square of any float32 is within float64.
        length = np.linalg.norm(found, axis=1, keepdims=True)
        found /= np.where(length > 0, length, 1.0)
        return found

    def cosines(self, left: Places, right: Places) -> Floats:
        """Return the cosine of each pair of pictures, [P]."""
        step = max(1, _BLOCK_BYTES // (8 * self.dim))
        found = [np.empty(0)]
        for begin in range(0, len(left), step):
            part = slice(begin, begin + step)
            products = self.unit(left[part]), self.unit(right[part])
            found.append(np.einsum("pd,pd->p", *products))
        return np.clip(np.concatenate(found), -1.0, 1.0)


@contextmanager
def opened_vectors(folder: Path, dim: int, notice: Callable[[str], None]) -> Iterator[Vectors]:
    """Open the embeddings of a folder, and wait for another process that has them open.

    Args:
        folder: Where they are; made if missing.
        dim: The length of an embedding.
        notice: Called with a message when it waits.

    Raises:
        SystemFailureError: The system refused.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        wait = "another process embeds with the same network; simx waits for it"
        with (
            lock_file(folder / "lock", on_wait=lambda: notice(wait)),
            closing(Vectors(folder / "embeddings", dim)) as vectors,
        ):
            yield vectors
    except OSError as error:
        raise SystemFailureError(
            f"embeddings in {folder}: {error.strerror or error}; make room there, or name another "
            "folder with --cache"
        ) from error
