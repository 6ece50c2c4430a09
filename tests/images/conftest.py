"""Pictures of kinds that Pillow reads but does not write."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

Writer = Callable[..., Path]


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


@pytest.fixture
def write_png(tmp_path: Path) -> Writer:
    """Return a writer of PNGs from raw scan lines, for any bit depth and colour type."""

    def write(
        size: tuple[int, int],
        depth: int,
        colour_type: int,
        lines: list[bytes],
        transparent: bytes = b"",
    ) -> Path:
        header = struct.pack(">IIBBBBB", *size, depth, colour_type, 0, 0, 0)
        pixels = b"".join(b"\0" + line for line in lines)
        path = tmp_path / "raw.png"
        path.write_bytes(
            b"\x89PNG\r\n\x1a\n"
            + _chunk(b"IHDR", header)
            + (_chunk(b"tRNS", transparent) if transparent else b"")
            + (_chunk(b"IDAT", zlib.compress(pixels)) if lines else b"")
            + _chunk(b"IEND", b"")
        )
        return path

    return write


@pytest.fixture
def write_tiff(tmp_path: Path) -> Writer:
    """Return a writer of uncompressed one-line grey TIFFs, for any depth and interpretation."""

    def write(
        width: int, pixels: bytes, *, bits: int, sample_format: int, photometric: int
    ) -> Path:
        tags = {
            256: width,
            257: 1,
            258: bits,
            259: 1,
            262: photometric,
            273: 0,
            277: 1,
            278: 1,
            279: len(pixels),
            339: sample_format,
        }
        tags[273] = 8 + 2 + 12 * len(tags) + 4
        entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
        path = tmp_path / "raw.tiff"
        path.write_bytes(
            b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0) + pixels
        )
        return path

    return write
