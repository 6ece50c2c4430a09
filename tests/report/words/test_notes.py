"""The notes under a range's tables."""

import msgspec
import pytest

from simx.models.ranges import DEFAULT_RANGES
from simx.report.words.notes import mark_notes
from simx.results.summaries.derivation import by_range
from tests.results.builders import identity, measured, report


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        (1.01, ["resnet18:V1 on torch cpu: 1.0 threads computed a large product, and 2 were re"]),
        (1.86, []),
        (None, []),
    ],
)
def test_fewer_threads_than_requested_are_said(used: float | None, expected: list[str]) -> None:
    """A cell is labelled with the threads that were requested, and another count is a note."""
    of = msgspec.structs.replace(identity(), threads=2)
    cell = msgspec.structs.replace(measured(of), threads_used=used)
    (summary,) = by_range(report(cell), DEFAULT_RANGES)

    assert [note[:77] for note in mark_notes(summary.backbones)] == expected
