"""How many scans a JPEG has, found from its markers (ITU-T T.81, table B.1) without decoding it."""

import re
from typing import BinaryIO

_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""Any but the restart markers. Within a scan's own data 255 is followed by 0 or by one of those."""

_FIRST_WITH_LENGTH, _END, _SCAN = 0xC0, 0xD9, 0xDA
"""From the first on, the two bytes after a marker hold the length of its segment."""


def scans(file: BinaryIO) -> int:
    """Count the scans of a JPEG up to its end marker; the data after it belong to no picture.

    Thumbnails in segments are passed over, as libjpeg does.
    """
    file.seek(0)
    data = file.read()
    count, place = 0, 2
    while found := _MARKER.search(data, place):
        place = found.end()
        kind = data[place - 1]
        if kind == _END:
            break
        count += kind == _SCAN
        if kind >= _FIRST_WITH_LENGTH:
            place += max(2, int.from_bytes(data[place : place + 2], "big"))
    return count
