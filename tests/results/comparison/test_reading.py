"""Reports on their way into a comparison."""

import math
from pathlib import Path

import pytest

from simx.common.errors import InputError
from simx.results.comparison import reading
from simx.results.comparison.digest import digest
from simx.results.comparison.reading import read_digests
from simx.results.files.report import write
from tests.results.builders import failed, identity, measured, report

REPORTS = (
    report(measured(), failed(identity("vgg11"))),
    report(measured(milliseconds=60)),
)


@pytest.fixture(name="paths")
def _paths(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{place}.json" for place in range(len(REPORTS))]
    for path, of in zip(paths, REPORTS, strict=True):
        write(path, of)
    return paths


@pytest.mark.parametrize("large", [0, 2**40])
def test_large_and_small_reports_are_read_alike(
    paths: list[Path], large: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Side by side in processes, or one after the other: the same digests in the same order."""
    monkeypatch.setattr(reading, "LARGE_BYTES", large)

    assert read_digests(paths) == [digest(each) for each in REPORTS]


@pytest.mark.parametrize("large", [0, 2**40])
def test_what_cannot_be_read_is_told(
    paths: list[Path], large: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also from a process of its own, as the one line that it is."""
    monkeypatch.setattr(reading, "LARGE_BYTES", large)
    paths[1].write_text("[]")

    with pytest.raises(InputError, match=r"1\.json: not a simx report"):
        read_digests(paths)


def test_a_digest_has_the_times_and_none_of_the_raw_ones() -> None:
    """Of each scope the logarithm of each launch; of a failed cell nothing."""
    one, other = digest(REPORTS[0]).cells
    forward = next(time for time in one.times if time.scope == "forward")

    assert len(forward.logs) == 5
    assert math.exp(forward.logs[2]) == pytest.approx(50e6)
    assert getattr(one.cell, "timings", None) == ()
    assert other.times == ()
