"""Reads reports for a comparison, large ones in parallel on all cores."""

import gc
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import msgspec

from simx.common.input_files import STDIN
from simx.results.comparison.digest import Digest, digest
from simx.results.files.report import read

LARGE_BYTES = 16 * 2**20
"""From this total on, starting processes takes less time than it saves."""


def read_digests(paths: Sequence[Path]) -> list[Digest]:
    """Read and digest reports, in their order.

    Raises:
        InputError: one cannot be read, or is no sound report.
    """
    is_small = len(paths) < 2 or sum(map(_size, paths)) < LARGE_BYTES  # noqa: PLR2004 - one is not many
    if is_small or STDIN in paths:  # other processes do not have this one's stdin
        return [digest(read(path)) for path in paths]
    with ProcessPoolExecutor(min(len(paths), os.cpu_count() or 1)) as pool:
        encoded = list(pool.map(_encoded, paths))
    decoder = msgspec.msgpack.Decoder(Digest)
    return [decoder.decode(each) for each in encoded]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # Reading it raises the error that explains this.


def _encoded(path: Path) -> bytes:
    # Millions of small records are made, without cycles; looking for cycles takes a second.
    gc.disable()
    return msgspec.msgpack.encode(digest(read(path)))
