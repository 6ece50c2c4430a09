"""What a comparison of two reports found, as types, and the exit code for it."""

from collections.abc import Sequence
from functools import partial
from typing import Literal

import msgspec

from simx.common import grouped
from simx.common.errors import ExitCode
from simx.models.pictures import Image
from simx.models.ranges import Range
from simx.results.comparison.changes import RunToRun, Verdict
from simx.results.comparison.names import DifferenceName
from simx.results.schema.report import Published
from simx.results.schema.times import Scope
from simx.results.summaries.summary import CellLabel, TargetId

FailOn = Literal["regression", "inconclusive", "never"]
"""What ends with a code other than 0: a regression; also a cell without a verdict; neither.

A comparison in which no cell has a verdict always does.
"""

Unjudged = Literal[
    "undecided",
    "disturbed",
    "on a busy machine",
    "with too few launches",
    "published",
    "without forward in base",
    "without forward in new",
    "without forward",
    "not comparable",
    "failed in base",
    "failed in new",
    "failed in both",
    "only in base",
    "only in new",
]
"""Why a cell has no verdict.

``undecided``: the interval reaches across the threshold. ``disturbed``: one of the runs mostly was.
``on a busy machine``: in one of the runs, times mean nothing.
``with too few launches``: there is no interval, as for giants of one launch. ``not comparable``: a
difference that does not pass.
"""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that differs between two cells, in words; None where a report does not give it.

    ``opaque`` words are hashes: they show only that something differs.
    """

    name: DifferenceName
    base: str | None
    new: str | None
    opaque: bool = False


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """How one time changed. ``ratio`` is the new time over the old one, with its interval.

    ``low`` and ``high`` are None where launches are too few. ``launches`` are those of each side.
    ``noisy``: one of the runs was mostly disturbed there, so that the verdict is open.
    ``smallest_seen`` is the smallest slowdown, as a share, that would have been called one.
    ``listed``: it is a change at all, after Benjamini and Hochberg's correction over all times of
    the comparison. ``gated``, of ``forward`` alone: it is a regression after Holm's correction over
    all cells.
    """

    scope: Scope
    image: Image | None
    base_ns: float
    new_ns: float
    ratio: float
    low: float | None
    high: float | None
    launches: tuple[int, int]
    noisy: bool
    verdict: Verdict
    smallest_seen: float | None
    listed: bool
    gated: bool


OtherName = Literal[
    "embedding dimension",
    "similarity of the positive",
    "similarity of the negative",
    "similarity of the resized negative",
    "parity, L2 error",
    "parity, cosine",
    "placement",
    "times that the other lacks",
    "GFLOPS",
    "acc1",
    "acc5",
]


class OtherChange(msgspec.Struct, frozen=True, kw_only=True):
    """Something besides latency that changed, in words."""

    name: OtherName
    base: str
    new: str


class CellComparison(msgspec.Struct, frozen=True, kw_only=True):
    """One cell that is in both reports, with what changed.

    ``allowed`` differences pass. A cell with ``barred`` ones has no changes of latency, and only
    those ``others`` that do not depend on them. ``unjudged`` is why the gate cannot judge the cell,
    None if it can.
    """

    base: CellLabel
    new: CellLabel
    catalogue: Published
    allowed: tuple[Difference, ...]
    barred: tuple[Difference, ...]
    changes: tuple[Change, ...]
    others: tuple[OtherChange, ...]
    unjudged: Unjudged | None

    @property
    def forward(self) -> Change | None:
        """The change that the gate is on."""
        return next((change for change in self.changes if change.scope == "forward"), None)


class FailedPair(msgspec.Struct, frozen=True, kw_only=True):
    """A cell that failed in one or both reports, with texts such as ``at parity: ...``, or None."""

    identity: CellLabel
    base: str | None
    new: str | None

    @property
    def unjudged(self) -> Unjudged:
        """In which report it failed."""
        if self.base is None:
            return "failed in new"
        return "failed in base" if self.new is None else "failed in both"


class MeanChange(msgspec.Struct, frozen=True, kw_only=True):
    """The geometric mean of ``forward``'s ratios over a range's cells on one target."""

    target: TargetId
    cells: int
    ratio: float
    low: float
    high: float
    verdict: Verdict


class RangeComparison(msgspec.Struct, frozen=True, kw_only=True):
    """The cells of one range, and the mean of those that could be compared."""

    range: Range | None
    cells: tuple[CellComparison, ...]
    means: tuple[MeanChange, ...]


class MachineShift(msgspec.Struct, frozen=True):
    """The canary's time in the new report over that in the old one."""

    target: TargetId
    ratio: float


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two reports: its name, when it was made and by which simx."""

    name: str
    created: str
    simx: str


class UnjudgedCells(msgspec.Struct, frozen=True):
    """The cells that have no verdict for one reason."""

    reason: Unjudged
    cells: tuple[CellLabel, ...]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """A new report compared with a base, or one target of a report with another one.

    ``threshold`` is the share that matters. ``run_to_run`` is how much two runs of the same thing
    differ in ``forward``, estimated from ``repeats`` reports; 0 for the default. ``one_run``: both
    sides are of the same run; ``paired``: they are targets of one report. ``pictures`` are those
    that differ and exclude what depends on them. Each cell of either side is one of the ``judged``,
    which counts those with a verdict on ``forward``, or ``unjudged``.
    """

    base: Side
    new: Side
    threshold: float
    run_to_run: RunToRun
    repeats: int
    one_run: bool
    paired: bool
    machine: tuple[MachineShift, ...]
    pictures: tuple[Image, ...]
    ranges: tuple[RangeComparison, ...]
    failures: tuple[FailedPair, ...]
    only_base: tuple[CellLabel, ...]
    only_new: tuple[CellLabel, ...]
    judged: int
    unjudged: tuple[UnjudgedCells, ...]

    @property
    def cells(self) -> tuple[CellComparison, ...]:
        """Every cell that is in both."""
        return tuple(cell for each in self.ranges for cell in each.cells)

    @property
    def compared(self) -> tuple[CellComparison, ...]:
        """The cells with at least one compared time."""
        return tuple(cell for cell in self.cells if cell.changes)

    @property
    def barred(self) -> tuple[CellComparison, ...]:
        """The cells with a difference that does not pass."""
        return tuple(cell for cell in self.cells if cell.barred)

    @property
    def settings(self) -> tuple[str, ...]:
        """Which of ``batch``, ``instances`` and ``threads`` tell one side's cells apart."""
        base = (*(cell.base for cell in self.cells), *self.only_base)
        new = (*(cell.new for cell in self.cells), *self.only_new)
        bare = partial(msgspec.structs.replace, batch=1, instances=1, threads=None)
        twins = [*grouped(base, bare).values(), *grouped(new, bare).values()]
        return tuple(
            name
            for name in ("batch", "instances", "threads")
            if any(len({getattr(each, name) for each in of}) > 1 for of in twins)
        )

    @property
    def regressions(self) -> tuple[CellComparison, ...]:
        """The cells that the gate is for."""
        return tuple(cell for cell in self.compared if cell.forward and cell.forward.gated)


def gate(comparisons: Sequence[Comparison], fail_on: FailOn) -> ExitCode:
    """Return the exit code of comparisons with one base.

    A comparison in which no cell has a verdict is never a success.
    """
    if fail_on != "never" and any(each.regressions for each in comparisons):
        return ExitCode.REGRESSION
    if any(not each.judged for each in comparisons):
        return ExitCode.INCONCLUSIVE
    if fail_on == "inconclusive" and any(each.unjudged for each in comparisons):
        return ExitCode.INCONCLUSIVE
    return ExitCode.DONE
