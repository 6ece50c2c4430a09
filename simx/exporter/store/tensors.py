"""Named arrays in one file of the store, in the form of safetensors.

It is read and written here and not by the library: an environment that a backend runs in need not
have it, and equal arrays give equal bytes under every release. There are no metadata, arrays are
ordered by width (widest first, so that all are aligned) and then by name, and the header is padded
to 8 bytes.

Source: https://github.com/huggingface/safetensors, section "Format".
"""

from collections.abc import Iterator, Mapping
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from simx.common.bounded import Count

_Array = npt.NDArray[Any]

_Name = Literal["U8", "F16", "F32", "F64", "I64"]

_DTYPES: dict[_Name, type[np.generic]] = {
    "U8": np.uint8,
    "F16": np.float16,
    "F32": np.float32,
    "F64": np.float64,
    "I64": np.int64,
}
_NAMES = {np.dtype(dtype): name for name, dtype in _DTYPES.items()}

_LENGTH_BYTES = 8
"""At the beginning of a file: the header's length."""


class _Place(msgspec.Struct, frozen=True):
    """What the header has of an array; ``data_offsets`` count from the header's end."""

    dtype: _Name
    shape: tuple[Count, ...]
    data_offsets: tuple[Count, Count]


def write_arrays(arrays: Mapping[str, _Array], path: Path) -> None:
    """Write a file of arrays; ``record_of`` syncs it to the disk.

    Raises:
        OSError: the system refused.
    """
    with path.open("wb") as file:
        file.writelines(_pieces(arrays))


def _pieces(arrays: Mapping[str, _Array]) -> Iterator[bytes | memoryview]:
    ordered = sorted(arrays.items(), key=lambda each: (-each[1].itemsize, each[0]))
    ends = accumulate((array.nbytes for _, array in ordered), initial=0)
    header = {
        name: _Place(_NAMES[array.dtype], array.shape, offsets)
        for (name, array), offsets in zip(ordered, pairwise(ends), strict=True)
    }
    text = msgspec.json.encode(header)
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(_LENGTH_BYTES, "little")
    yield text
    for _, array in ordered:
        yield np.ascontiguousarray(array).reshape(-1).data


def arrays_of(content: npt.NDArray[np.uint8]) -> dict[str, _Array]:
    """Return the arrays of a file, which are parts of its content.

    Args:
        content: all bytes of the file, [bytes].

    Raises:
        ValueError: it has another form.
    """
    begin = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES].tobytes(), "little")
    try:
        header = msgspec.json.decode(content[_LENGTH_BYTES:begin].tobytes(), type=dict[str, _Place])
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None
    data = content[begin:]
    return {
        name: data[slice(*place.data_offsets)].view(_DTYPES[place.dtype]).reshape(place.shape)
        for name, place in header.items()
    }
