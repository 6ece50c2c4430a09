"""Arrays in the form of safetensors: its library reads what is written, and the reverse."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import safetensors.numpy

from simx.exporter.store.tensors import _pieces, arrays_of

ARRAYS: dict[str, npt.NDArray[Any]] = {
    "pixels": np.arange(12, dtype=np.uint8).reshape(2, 3, 2),
    "halves": np.ones(3, np.float16),
    "turned": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    "doubles": np.ones((2, 0), np.float64),
    "count": np.array(-5, np.int64),
}
CONTENT = b"".join(_pieces(ARRAYS))


def arrays_in(content: bytes) -> dict[str, npt.NDArray[Any]]:
    return arrays_of(np.frombuffer(content, np.uint8))


def same(found: dict[str, npt.NDArray[Any]]) -> bool:
    return found.keys() == ARRAYS.keys() and all(
        found[name].dtype == array.dtype and np.array_equal(found[name], array)
        for name, array in ARRAYS.items()
    )


def test_what_was_written_is_read() -> None:
    """Types, shapes and values come back."""
    assert same(arrays_in(CONTENT))


def test_the_formats_library_reads_it() -> None:
    """The file is one of safetensors."""
    assert same(safetensors.numpy.load(CONTENT))


def test_it_reads_what_the_formats_library_wrote() -> None:
    """A file of the library that has no metadata is read, whatever its order."""
    contiguous = {name: np.ascontiguousarray(array) for name, array in ARRAYS.items()}
    contiguous["count"] = ARRAYS["count"]
    assert same(arrays_in(safetensors.numpy.save(contiguous)))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "truncated"),
        (CONTENT[:7], "truncated"),
        (CONTENT[:40], "truncated"),
        (CONTENT[:-1], "cannot reshape"),
        (CONTENT.replace(b'"F64"', b'"F65"'), "Invalid enum value"),
        (CONTENT.replace(b"[2,0]", b"[2,1]"), "cannot reshape"),
        (CONTENT.replace(b"[2,3,2]", b"[2,-1,2]"), "Expected `int` >= 0"),
    ],
)
def test_another_form_is_refused(content: bytes, problem: str) -> None:
    """A file that was cut, or whose header does not fit its content, is no arrays."""
    with pytest.raises(ValueError, match=problem):
        arrays_in(content)
