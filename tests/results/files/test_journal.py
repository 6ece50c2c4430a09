"""The journal keeps every finished launch, and a report is made of it."""

import os
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from simx.common.errors import InputError, SystemFailureError
from simx.results.files.assembly import merge_cells
from simx.results.files.journal import (
    Journal,
    JournalFullError,
    journal_path,
    read_journal,
    resume_command,
)
from simx.results.files.journal_decoding import JOURNAL
from simx.results.files.journal_lines import FinishedLaunch, Header, Noted
from simx.results.schema.report import FailedCell, MeasuredCell, Outcome, Stop
from simx.results.schema.times import Launch
from tests.results.builders import failed, header, identity, measured


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
def first() -> Header:
    return header()


@pytest.fixture
def cell() -> MeasuredCell:
    return measured()


def write(path: Path, first: Header, *lines: tuple[Outcome, ...]) -> None:
    with Journal.begin(path, first) as journal:
        for cells in lines:
            journal.append(FinishedLaunch(cells=cells, canary=()))


def test_launches_come_together_in_one_cell(
    tmp_path: Path, first: Header, cell: MeasuredCell
) -> None:
    """A cell's launches, one on each line, make the cell they were taken from."""
    count = len(cell.timings[0].launches)
    write(tmp_path / "j", first, *((one_launch(cell, index),) for index in range(count)))

    assert read_journal(tmp_path / "j").report().cells == (cell,)


def test_what_a_run_was_asked_for_comes_back(
    tmp_path: Path, first: Header, cell: MeasuredCell
) -> None:
    """The first line has the invocation and the report to come."""
    write(tmp_path / "j", first, (one_launch(cell, 0),))

    assert read_journal(tmp_path / "j").header == first


def test_a_line_without_its_end_is_not_read(
    tmp_path: Path, first: Header, cell: MeasuredCell
) -> None:
    """What was never acknowledged does not count, and costs nothing before it."""
    path = tmp_path / "j"
    write(path, first, (one_launch(cell, 0),), (one_launch(cell, 1),))
    path.write_bytes(path.read_bytes()[:-5])
    (found,) = read_journal(path).report().cells

    assert isinstance(found, MeasuredCell)
    assert indices(found.timings[0].launches) == [0]


def test_a_resumed_journal_goes_on_behind_what_was_acknowledged(
    tmp_path: Path, first: Header, cell: MeasuredCell
) -> None:
    """The rest of an unfinished line is cut off before the next one is written."""
    path = tmp_path / "j"
    write(path, first, (one_launch(cell, 0),), (one_launch(cell, 1),))
    path.write_bytes(path.read_bytes()[:-5])
    with Journal.resume(path) as journal:
        assert len(journal.kept.launches) == 1
        journal.append(Noted(notes=("taken up again",)))
        journal.append(FinishedLaunch(cells=(one_launch(cell, 1),)))
    report = read_journal(path).report()
    (found,) = report.cells

    assert isinstance(found, MeasuredCell)
    assert indices(found.timings[0].launches) == [0, 1]
    assert report.notes == ("taken up again",)


def test_a_journal_with_notes_alone_is_removed(tmp_path: Path, first: Header) -> None:
    """Nothing of it is worth a resumption."""
    with Journal.begin(tmp_path / "j", first) as journal:
        journal.append(Noted(notes=("a note",)))

    assert not (tmp_path / "j").exists()


def test_one_process_at_a_time_has_a_journal(
    tmp_path: Path, first: Header, cell: MeasuredCell
) -> None:
    """A journal that is being written cannot be taken up, and one that was closed can."""
    with Journal.begin(tmp_path / "j", first) as journal:
        journal.append(FinishedLaunch(cells=(one_launch(cell, 0),)))
        for opening in (Journal.resume, lambda path: Journal.begin(path, first)):
            with pytest.raises(InputError, match="another simx is writing it"):
                opening(tmp_path / "j")
    with pytest.raises(InputError, match="left from another run"):
        Journal.begin(tmp_path / "j", first)
    with (
        Journal.resume(tmp_path / "j"),
        pytest.raises(InputError, match="another simx is writing it"),
    ):
        Journal.resume(tmp_path / "j")
    Journal.resume(tmp_path / "j").close()


def test_a_journal_of_nothing_goes(tmp_path: Path, first: Header) -> None:
    """A run that ends before its first launch leaves nothing in the next one's way."""
    Journal.begin(tmp_path / "j", first).close()

    assert not (tmp_path / "j").exists()


def test_a_backbone_is_finished_with_its_last_launch(first: Header, tmp_path: Path) -> None:
    """One with launches and no stop is open; one of nothing but failures is not."""
    stop = Stop(
        model="vgg11",
        weights="IMAGENET1K_V1",
        launches=1,
        needed=None,
        ended_by="launches",
        seconds=1.0,
    )
    names = ("resnet18", "vgg11", "alexnet")
    cell, stopped, absent = (identity(model=name) for name in names)
    with Journal.begin(tmp_path / "j", first) as journal:
        journal.append(FinishedLaunch(cells=(one_launch(measured(cell), 0),)))
        journal.append(FinishedLaunch(cells=(one_launch(measured(stopped), 0),), stop=stop))
        journal.append(FinishedLaunch(cells=(failed(absent),)))

    finished = read_journal(tmp_path / "j").finished
    assert {model for model, *_ in finished} == {"vgg11", "alexnet"}


def test_a_failure_in_any_launch_is_the_cells(cell: MeasuredCell) -> None:
    """A cell that failed once is failed, whichever launch it was."""
    failure = msgspec.structs.replace(failed(), identity=cell.identity)
    before, after = one_launch(cell, 0), one_launch(cell, 1)

    assert merge_cells([before, failure]) == (failure,)
    assert merge_cells([failure, after]) == (failure,)
    assert isinstance(failure, FailedCell)


def test_a_journal_in_the_way_is_kept(tmp_path: Path, first: Header, cell: MeasuredCell) -> None:
    """A second run does not write over the journal of the first, and names the way to finish it."""
    path = journal_path(tmp_path / "my report.json")
    write(path, first, (one_launch(cell, 0),))
    before = path.read_bytes()
    with pytest.raises(InputError, match="left from another run") as refused:
        Journal.begin(path, first)

    assert resume_command(tmp_path / "my report.json") in str(refused.value)
    assert path.read_bytes() == before


def test_a_journal_that_cannot_be_written_is_named(tmp_path: Path, first: Header) -> None:
    """A folder that is not there is the system's failure, with the way out."""
    with pytest.raises(SystemFailureError, match="choose another place with -o"):
        Journal.begin(tmp_path / "nowhere" / "j", first)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_header_that_does_not_fit_leaves_no_file(
    tmp_path: Path, first: Header, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk leaves no journal behind that would be in the way."""
    full = os.open("/dev/full", os.O_WRONLY)
    write_all = os.write
    monkeypatch.setattr(os, "write", lambda _descriptor, data: write_all(full, data))
    with pytest.raises(SystemFailureError, match="No space left"):
        Journal.begin(tmp_path / "j", first)

    os.close(full)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_launch_that_does_not_fit_costs_none_before_it(
    tmp_path: Path, first: Header, cell: MeasuredCell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk ends the run, says what goes on with it, and keeps what was acknowledged."""
    path = journal_path(tmp_path / "report.json")
    full = os.open("/dev/full", os.O_WRONLY)
    write_all = os.write
    with Journal.begin(path, first) as journal:
        journal.append(FinishedLaunch(cells=(one_launch(cell, 0),)))
        monkeypatch.setattr(os, "write", lambda _descriptor, data: write_all(full, data))
        with pytest.raises(SystemFailureError, match="simx bench --resume"):
            journal.append(FinishedLaunch(cells=(one_launch(cell, 1),)))

    os.close(full)
    assert len(read_journal(path).launches) == 1


def test_a_journal_grows_no_larger_than_what_is_read(
    tmp_path: Path, first: Header, cell: MeasuredCell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The launch that would is refused, and those before it are kept."""
    path = tmp_path / "journal"
    with Journal.begin(path, first) as journal:
        journal.append(FinishedLaunch(cells=(one_launch(cell, 0),)))
        most = path.stat().st_size + 100
        full = replace(JOURNAL, most_bytes=most)
        monkeypatch.setattr("simx.results.files.journal.JOURNAL", full)
        with pytest.raises(JournalFullError, match="is full"):
            journal.append(FinishedLaunch(cells=(one_launch(cell, 1),)))

    assert len(read_journal(path).launches) == 1


@pytest.mark.parametrize("content", [b"", b"no journal\n", b'{"schema":{}}\n', b"{}\n{}\n"])
def test_what_is_no_journal_is_refused(tmp_path: Path, content: bytes) -> None:
    """Anything else than a header and launches is refused by name."""
    (tmp_path / "j").write_bytes(content)
    for reading in (read_journal, Journal.resume):
        with pytest.raises(InputError, match="is not a journal"):
            reading(tmp_path / "j")

    assert (tmp_path / "j").read_bytes() == content


@pytest.mark.parametrize(
    "garbled",
    [
        b"x",
        b"{}",
        b'{"line":"launch","cells":[]}',
        b'{"line":"launch","cells":[],"cells":[]}',
        b'{"line":"notes","notes":[NaN]}',
    ],
)
def test_a_garbled_line_is_named(
    tmp_path: Path, first: Header, cell: MeasuredCell, garbled: bytes
) -> None:
    """A damaged line that is not the last one is refused with its number."""
    path = tmp_path / "j"
    write(path, first, (one_launch(cell, 0),), (one_launch(cell, 1),))
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([*lines[:2], garbled, *lines[2:]]))
    with pytest.raises(InputError, match="line 3 is "):
        read_journal(path)


def test_a_launch_that_is_there_twice_is_refused(
    tmp_path: Path, first: Header, cell: MeasuredCell
) -> None:
    """Lines that are sound alone must make a sound report together."""
    write(tmp_path / "j", first, (one_launch(cell, 0),), (one_launch(cell, 0),))
    with pytest.raises(InputError, match="has the launch index 0 twice"):
        read_journal(tmp_path / "j")


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A pipe in a journal's place is not waited for."""
    os.mkfifo(tmp_path / "pipe")
    for reading in (read_journal, Journal.resume):
        with pytest.raises(InputError, match="is not a file"):
            reading(tmp_path / "pipe")


def test_the_journal_lies_beside_the_report() -> None:
    """Its name says whose it is."""
    assert journal_path(Path("a/report.json")) == Path("a/report.json.journal")


def test_a_journal_of_another_version_is_refused_by_name(
    tmp_path: Path, first: Header, cell: MeasuredCell
) -> None:
    """The message has both versions, the simx that began it, and what to do."""
    path = tmp_path / "j"
    write(path, first, (one_launch(cell, 0),))
    data = path.read_bytes().replace(b'"version":4', b'"version":1', 1)
    # The first version kept the options beside the report, and no inputs.
    path.write_bytes(data.replace(b'"inputs":', b'"invocation":', 1))
    for opening in (Journal.resume, read_journal):
        with pytest.raises(InputError) as refused:
            opening(path)

        assert "is of version 1, by simx 0.1.0, and this simx reads version 4" in str(refused.value)
        assert "finish it with the simx that began it, or move it away" in str(refused.value)
    assert path.read_bytes().startswith(b'{"journal":{"name":"simx-journal","version":1}')


def test_a_journal_has_the_configuration_once(
    tmp_path: Path, first: Header, cell: MeasuredCell
) -> None:
    """It is the report's, as it is; the files of this machine are beside it and in no report."""
    write(tmp_path / "j", first, (one_launch(cell, 0),))
    made = read_journal(tmp_path / "j").report()

    assert made.config == first.report.config
    assert first.inputs.store == "/store"
    assert b"/store" not in msgspec.json.encode(made)


def test_a_report_has_no_folder_of_an_option(
    tmp_path: Path, first: Header, cell: MeasuredCell
) -> None:
    """The journal keeps the path, which a resumed run needs; the report has the file's name."""
    assert first.report.config is not None
    config = msgspec.structs.replace(
        first.report.config,
        backends=("torch", "ort:spinning+cache=/home/ada/engine.bin"),
        provider_options=("use_tf32=1", "plan=/home/ada/plans/a.plan"),
    )
    begun = msgspec.structs.replace(
        first, report=msgspec.structs.replace(first.report, config=config)
    )
    write(tmp_path / "j", begun, (one_launch(cell, 0),))
    kept = read_journal(tmp_path / "j")
    made = kept.report().config

    assert kept.header.report.config == config
    assert made is not None
    assert made.backends == ("torch", "ort:spinning+cache=engine.bin")
    assert made.provider_options == ("use_tf32=1", "plan=a.plan")
