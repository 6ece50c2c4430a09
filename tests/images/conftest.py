"""Pictures of kinds that Pillow reads but does not write."""

import itertools
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

Writer = Callable[..., Path]


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG."""
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
        before: bytes = b"",
        after: bytes = b"",
    ) -> Path:
        header = struct.pack(">IIBBBBB", *size, depth, colour_type, 0, 0, 0)
        pixels = b"".join(b"\0" + line for line in lines)
        path = tmp_path / "raw.png"
        path.write_bytes(
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", header)
            + before
            + (chunk(b"tRNS", transparent) if transparent else b"")
            + (chunk(b"IDAT", zlib.compress(pixels)) if lines else b"")
            + after
            + chunk(b"IEND", b"")
        )
        return path

    return write


@pytest.fixture
def write_tiff(tmp_path: Path) -> Writer:
    """Return a writer of one-line TIFFs of any kind, from its strips as the file has them."""

    def write(
        width: int,
        *strips: bytes,
        bits: int,
        sample_format: int,
        photometric: int,
        order: str = "<",
        compression: int = 1,
        samples: int = 1,
        extra: int | None = None,
    ) -> Path:
        numbers = {
            256: [width],
            257: [1],
            258: [bits],
            259: [compression],
            262: [photometric],
            273: [0 for _ in strips],
            277: [samples],
            278: [1],
            279: [len(strip) for strip in strips],
            284: [min(len(strips), 2)],
            **({} if extra is None else {338: [extra]}),
            339: [sample_format],
        }
        arrays_at = 8 + 2 + 12 * len(numbers) + 4
        pixels_at = arrays_at + sum(4 * len(values) for values in numbers.values())
        ends = itertools.accumulate(map(len, strips), initial=pixels_at)
        numbers[273] = list(ends)[:-1]
        entries = arrays = b""
        for tag, values in numbers.items():
            value = values[0] if len(values) == 1 else arrays_at + len(arrays)
            entries += struct.pack(f"{order}HHII", tag, 4, len(values), value)
            arrays += struct.pack(f"{order}{len(values)}I", *values)
        start = b"II*\0" if order == "<" else b"MM\0*"
        header = start + struct.pack(f"{order}IH", 8, len(numbers))
        path = tmp_path / "raw.tiff"
        path.write_bytes(header + entries + bytes(4) + arrays + b"".join(strips))
        return path

    return write
