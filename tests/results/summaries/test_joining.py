"""Joining a latency report with an evaluation: by what is the same, proven by hashes."""

import msgspec
import pytest

from simx.common.errors import InputError
from simx.results.schema.evaluation import EvaluatedCell, Evaluation
from simx.results.summaries.joining import join
from tests.results.builders import failed, identity, measured, quoted, report
from tests.results.evaluations import evaluation, timed

FOUND = evaluation()
GOOD, GOOD_ORT, BAD, _ = FOUND.cells


def other_hash(cell: object, **hashes: str) -> EvaluatedCell:
    assert isinstance(cell, EvaluatedCell)
    return msgspec.structs.replace(cell, **hashes)


def of(*cells: EvaluatedCell) -> Evaluation:
    return msgspec.structs.replace(FOUND, cells=cells)


def test_cells_are_joined_by_what_they_are() -> None:
    """The batch differs, and so do the threads; neither decides what an embedding is."""
    cell = timed(GOOD, 5)
    cell = msgspec.structs.replace(cell, identity=msgspec.structs.replace(cell.identity, threads=7))

    found = join([report(cell, timed(GOOD_ORT, 1))], FOUND)

    assert list(found.cells.values()) == [GOOD, GOOD_ORT]


def test_what_one_file_lacks_is_named() -> None:
    """A failed cell has no figures in its file; a quoted one has no hash to compare."""
    cells = timed(GOOD, 5), measured(), failed(identity("badnet")), quoted(identity("quoted"))

    found = join([report(*cells)], FOUND)

    assert found.only_timed == (cells[1],)
    assert found.only_evaluated == (GOOD_ORT, BAD)


@pytest.mark.parametrize(
    ("hashes", "problem"),
    [
        ({"weights_sha256": "e" * 64}, "different weights of this name .*aaaaaaaaaaaa and eeee"),
        ({"artefact_sha256": "e" * 64}, "different files of this name .*bbbbbbbbbbbb and eeee"),
    ],
)
def test_other_content_of_the_same_name_is_refused(hashes: dict[str, str], problem: str) -> None:
    """The line names the network and the hashes."""
    with pytest.raises(InputError, match=f"^goodnet:IMAGENET1K_V1 on torch cpu: .*{problem}"):
        join([report(timed(GOOD, 5))], of(other_hash(GOOD, **hashes)))


def test_of_several_weights_of_a_name_the_same_are_taken() -> None:
    """An evaluation can have several files of one architecture."""
    first = other_hash(GOOD, weights_sha256="e" * 64)
    second = other_hash(GOOD)

    found = join([report(timed(GOOD, 5))], of(first, second))

    assert list(found.cells.values()) == [second]


def test_files_without_a_common_network_are_refused() -> None:
    """There would be nothing to decide on."""
    with pytest.raises(InputError, match="have no measured network in common"):
        join([report(measured())], FOUND)


def test_latencies_of_different_processors_are_refused() -> None:
    """Their times do not compare."""
    one, other = report(timed(GOOD, 5)), report(timed(BAD, 1))
    assert other.environment is not None
    environment = msgspec.structs.replace(other.environment, cpu="Other CPU")

    with pytest.raises(InputError, match=r"different processors .*\(Example CPU, Other CPU\)"):
        join([one, msgspec.structs.replace(other, environment=environment)], FOUND)


def test_a_network_in_two_reports_is_refused() -> None:
    """There would be two latencies of it."""
    found = report(timed(GOOD, 5))

    with pytest.raises(InputError, match=r"^goodnet:IMAGENET1K_V1 on torch cpu: is in two"):
        join([found, found], FOUND)
