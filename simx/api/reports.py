"""Reports: as rows, and compared."""

from collections.abc import Sequence
from pathlib import Path

from simx.api.arguments import AnyPath
from simx.common.errors import InputError
from simx.models.ranges import DEFAULT_RANGES
from simx.report.formats.csv import TidyRow, tidy_rows
from simx.results.comparison.compare import ComparisonCriteria, Named, compare_between
from simx.results.comparison.compare import compare as compare_digests
from simx.results.comparison.digest import digest
from simx.results.comparison.names import DifferenceName
from simx.results.comparison.outcome import Comparison
from simx.results.history.history import History
from simx.results.history.history import history as history_of
from simx.results.history.store import collect
from simx.results.schema.report import Report


def rows(report: Report) -> tuple[TidyRow, ...]:
    """Return a report as tidy rows, as ``simx report --format csv`` gives them.

    A data frame takes them as they are: ``pandas.DataFrame(simx.rows(report))``.
    """
    return tuple(tidy_rows([report]))


def compare(
    base: Report,
    new: Report,
    *,
    threshold: float = 0.03,
    allow: Sequence[DifferenceName] = (),
    repeats: Sequence[Report] = (),
) -> Comparison:
    """Compare two reports, cell by cell.

    Args:
        base: what the new one is compared with.
        new: the new one.
        threshold: the change that matters, 0.03 for 3 % to either side.
        allow: names of what may differ between two cells that are compared.
        repeats: the base measured again, which shows how much two runs of the same thing differ.
    """
    criteria = ComparisonCriteria(
        threshold=threshold, ranges=DEFAULT_RANGES, allow=frozenset(allow)
    )
    return compare_digests(
        Named("base", digest(base)), Named("new", digest(new)), criteria, [*map(digest, repeats)]
    )


def compare_targets(report: Report, base: str, new: str, *, threshold: float = 0.03) -> Comparison:
    """Compare two targets of one report, which were measured in the same rounds.

    Two names of kinds of nodes compare those, which were not.

    Args:
        report: has cells of both.
        base: name of what the new target is compared with, such as ``torch`` or ``ort cpu``.
        new: name of the other target.
        threshold: the change that matters, 0.03 for 3 % to either side.

    Raises:
        InputError: no target, or more than one, has the name.
    """
    criteria = ComparisonCriteria(threshold=threshold, ranges=DEFAULT_RANGES)
    return compare_between(digest(report), base, new, criteria)


def history(reports: Sequence[AnyPath], *, threshold: float = 0.01) -> History:
    """Return on which of many reports something changed, as ``simx history --format json`` does.

    Args:
        reports: files of reports, and folders of them.
        threshold: the smallest change that matters, 0.01 for 1 % to either side.

    Raises:
        InputError: a report cannot be read.
        SystemFailureError: the cache of reports cannot be written.
    """
    found = collect([Path(each) for each in reports])
    if found.problems:
        raise InputError(found.problems[0])
    return history_of(found.reports, threshold)
