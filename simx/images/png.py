"""Where Pillow's reader of PNGs does not suit: texts that it refuses, and transparent colours."""

import struct
from io import BytesIO
from typing import BinaryIO

from PIL.PngImagePlugin import PngStream

_SIGNATURE = b"\x89PNG\r\n\x1a\n"

TransparentColour = int | tuple[int, ...] | bytes
"""A grey value or palette entry; red, green and blue; or an alpha value for each palette entry."""

_HEAD = struct.Struct(">I4s")
"""A chunk's length, without its head and checksum, and its kind."""

_PROFILE = b"iCCP"
_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_END = b"IEND"

_BIT_DEPTH_AT = 24
"""Offset of the bit depth, after signature, length, ``IHDR``, width and height."""


def without_long_texts(file: BinaryIO) -> BytesIO | None:
    """Return a PNG without its profile and the texts that Pillow refuses; None for other formats.

    Pillow refuses a picture if its colour profile or a text unpacks to more than 1 MiB, or if all
    texts unpack to more than 64 MiB. The profile is not used. A text can hold the picture's
    orientation, so it is kept if Pillow takes it. After the first that Pillow refuses, no other is
    kept, so that little is unpacked in vain.

    Raises:
        OSError: a text ends early, or the file has too many parts.
        SyntaxError: a text is packed in an unknown way.
    """
    file.seek(0)
    kept = [file.read(len(_SIGNATURE))]
    if kept != [_SIGNATURE]:
        return None
    stream = PngStream(file)
    dropped = {_PROFILE}
    kind = b""
    while kind != _END and len(header := file.read(_HEAD.size)) == _HEAD.size:
        length, kind = _HEAD.unpack(header)
        start = file.tell()
        if kind in _TEXTS - dropped and _is_refused(stream, kind, start, length):
            dropped |= _TEXTS
        file.seek(start)
        rest = file.read(length + 4)  # with its checksum
        if kind not in dropped:
            kept += header, rest
    return BytesIO(b"".join(kept))


def _is_refused(stream: PngStream, kind: bytes, start: int, length: int) -> bool:
    try:
        stream.call(kind, start, length)
    except ValueError:
        return True
    return False


def transparent_as_decoded(
    colour: TransparentColour, mode: str, file: BinaryIO
) -> TransparentColour:
    """Scale a transparent colour from the file's bit depth, as Pillow scales the pixels.

    Pillow scales grey of 2 and 4 bits up to 8, and colours of 16 bits down to 8.
    """
    file.seek(_BIT_DEPTH_AT)
    depth = file.read(1)[0]
    if isinstance(colour, tuple):
        return tuple(value >> (depth - 8) for value in colour)
    if isinstance(colour, int) and mode == "L":
        return colour * 255 // ((1 << depth) - 1)
    return colour
