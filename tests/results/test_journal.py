"""The journal keeps every finished launch, and a report is made of it."""

from pathlib import Path

import msgspec
import pytest

from simx.errors import InputError, SystemFailureError
from simx.results.assembly import merge_cells
from simx.results.journal import FinishedLaunch, Journal, journal_path, read_journal
from simx.results.schema import FailedCell, Launch, MeasuredCell, Outcome, Report
from tests.results.builders import failed, measured, report


def one_launch(cell: MeasuredCell, index: int) -> MeasuredCell:
    """Return a cell with nothing but its launch of this index."""
    timings = tuple(
        msgspec.structs.replace(
            timing, launches=tuple(found for found in timing.launches if found.index == index)
        )
        for timing in cell.timings
    )
    return msgspec.structs.replace(cell, timings=timings)


def indices(launches: tuple[Launch, ...]) -> list[int]:
    return [launch.index for launch in launches]


@pytest.fixture
def header() -> Report:
    return msgspec.structs.replace(report(), cells=())


@pytest.fixture
def cell() -> MeasuredCell:
    return measured()


def write(path: Path, header: Report, *lines: tuple[Outcome, ...]) -> None:
    with Journal(path, header) as journal:
        for cells in lines:
            journal.append(FinishedLaunch(cells=cells, canary=()))


def test_launches_come_together_in_one_cell(
    tmp_path: Path, header: Report, cell: MeasuredCell
) -> None:
    """A cell's launches, each a line of its own, make the cell they were taken from."""
    count = len(cell.timings[0].launches)
    write(tmp_path / "j", header, *((one_launch(cell, index),) for index in range(count)))

    assert read_journal(tmp_path / "j").cells == (cell,)


def test_a_line_without_its_end_is_not_read(
    tmp_path: Path, header: Report, cell: MeasuredCell
) -> None:
    """What was never acknowledged does not count, and costs nothing before it."""
    path = tmp_path / "j"
    write(path, header, (one_launch(cell, 0),), (one_launch(cell, 1),))
    path.write_bytes(path.read_bytes()[:-5])
    (found,) = read_journal(path).cells

    assert isinstance(found, MeasuredCell)
    assert indices(found.timings[0].launches) == [0]


def test_a_failure_in_any_launch_is_the_cells(cell: MeasuredCell) -> None:
    """A cell that failed once is failed, whichever launch it was."""
    failure = msgspec.structs.replace(failed(), identity=cell.identity)
    first, second = one_launch(cell, 0), one_launch(cell, 1)

    assert merge_cells([first, failure]) == (failure,)
    assert merge_cells([failure, second]) == (failure,)
    assert isinstance(failure, FailedCell)


def test_a_journal_in_the_way_is_kept(tmp_path: Path, header: Report) -> None:
    """A second run does not write over the journal of the first."""
    write(tmp_path / "j", header)
    before = (tmp_path / "j").read_bytes()
    with pytest.raises(InputError, match="left from another run"):
        Journal(tmp_path / "j", header)

    assert (tmp_path / "j").read_bytes() == before


def test_a_journal_that_cannot_be_written_is_named(tmp_path: Path, header: Report) -> None:
    """A folder that is not there is the system's failure, with the way out."""
    with pytest.raises(SystemFailureError, match="choose another place with -o"):
        Journal(tmp_path / "nowhere" / "j", header)


@pytest.mark.parametrize("content", [b"", b"no journal\n", b'{"schema":{}}\n', b"{}\n{}\n"])
def test_what_is_no_journal_is_refused(tmp_path: Path, content: bytes) -> None:
    """Anything else than a header and launches is refused by name."""
    (tmp_path / "j").write_bytes(content)
    with pytest.raises(InputError, match="is not a journal"):
        read_journal(tmp_path / "j")


def test_the_journal_lies_beside_the_report() -> None:
    """Its name says whose it is."""
    assert journal_path(Path("a/report.json")) == Path("a/report.json.journal")
