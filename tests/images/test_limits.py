"""How large a picture may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simx.common.errors import InputError
from simx.images.files import MAX_ASPECT_RATIO, MAX_PIXELS, check_size

LARGEST_JPEG_SIDE = 65_500


def refusal(size: tuple[int, int]) -> str:
    """Return why a size is refused, and nothing for one that passes."""
    try:
        check_size("p.png", size)
    except InputError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("size", [(1, 1), (8192, 8192), (MAX_ASPECT_RATIO, 1), (1, 50), (3, 150)])
def test_sizes_within_the_limits_pass(size: tuple[int, int]) -> None:
    """A picture may have exactly as many pixels, and be exactly as long, as the limits say."""
    assert refusal(size) == ""


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ((8192, 8193), "67,108,864 pixels"),
        ((9000, 9000), "67,108,864 pixels"),
        ((51, 1), "aspect ratio of 50:1"),
        ((1, 3000), "aspect ratio of 50:1"),
    ],
)
def test_sizes_beyond_the_limits_are_refused(size: tuple[int, int], words: str) -> None:
    """A picture beyond a limit is refused with its name, its size and the limit."""
    message = refusal(size)

    assert "p.png" in message
    assert f"{size[0]}x{size[1]}" in message
    assert words in message


@given(st.integers(1, 2**27), st.integers(1, MAX_ASPECT_RATIO * 2))
def test_whatever_passes_fits_a_jpeg(short: int, ratio: int) -> None:
    """No picture within the limits has a side too long to be saved as a JPEG."""
    size = (short, short * ratio)
    if refusal(size):
        return

    assert size[0] * size[1] <= MAX_PIXELS
    assert max(size) <= LARGEST_JPEG_SIDE
