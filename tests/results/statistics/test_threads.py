"""When the threads that computed are not those that were requested."""

import pytest

from simx.results.statistics.threads import has_too_few, has_too_many


@pytest.mark.parametrize(
    ("used", "requested", "few", "many"),
    [
        (1.0, 1, False, False),
        (1.3, 1, False, False),
        (1.88, 1, False, True),
        (1.0, 2, True, False),
        (1.71, 2, False, False),
        (2.0, 2, False, False),
        (2.6, 2, False, True),
        (40.0, 64, True, False),
        (60.0, 64, False, False),
        (69.0, 64, False, False),
        (128.0, 64, False, True),
    ],
)
def test_the_count_is_held_against_the_request(
    used: float, requested: int, *, few: bool, many: bool
) -> None:
    """With room for waiting threads below, and for a library's managing ones above."""
    assert has_too_few(used, requested) == few
    assert has_too_many(used, requested) == many


@pytest.mark.parametrize(("used", "requested"), [(None, 2), (1.0, None)])
def test_what_is_unknown_is_not_too_few(used: float | None, requested: int | None) -> None:
    """Neither an unknown count nor an unknown request."""
    assert not has_too_few(used, requested)
