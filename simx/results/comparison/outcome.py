"""What a comparison of two reports found, as types. Data only; ``compare`` makes it."""

from typing import Literal

import msgspec

from simx.models.pictures import Image
from simx.models.ranges import Range
from simx.results.comparison.changes import RunToRun, Verdict
from simx.results.comparison.names import DifferenceName
from simx.results.schema.report import Identity, Published
from simx.results.schema.times import Scope
from simx.results.summaries.summary import TargetId


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not the same on both sides, in words; None where a side does not say.

    ``opaque`` tells that the words are hashes, which say no more than that they differ.
    """

    name: DifferenceName
    base: str | None
    new: str | None
    opaque: bool = False


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """How one time changed. ``ratio`` is the new time over the old one, with its interval.

    ``low`` and ``high`` are None where launches are too few. ``launches`` are those of each side.
    ``noisy`` tells that one of the runs was mostly disturbed there, so that nothing can be said.
    ``smallest_seen`` is the smallest slowdown, as a share, that would have been called one.
    ``listed`` tells that it is a change at all, after Benjamini and Hochberg's correction over all
    times of the comparison; ``gated``, of ``forward`` alone, that it is a regression after Holm's
    correction over all cells.
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
    "parity",
    "placement",
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

    ``allowed`` are the differences that were let pass. ``barred`` are those that were not: then
    there are no changes of latency, and the others are those that do not depend on them.
    """

    base: Identity
    new: Identity
    catalogue: Published
    allowed: tuple[Difference, ...]
    barred: tuple[Difference, ...]
    changes: tuple[Change, ...]
    others: tuple[OtherChange, ...]

    @property
    def forward(self) -> Change | None:
        """The change that the gate is on."""
        return next((change for change in self.changes if change.scope == "forward"), None)


class FailedPair(msgspec.Struct, frozen=True, kw_only=True):
    """A cell that failed in one report or in both: the stages and reasons, None where it did not.

    ``base`` and ``new`` are texts such as ``at parity: ...``.
    """

    identity: Identity
    base: str | None
    new: str | None


class MeanChange(msgspec.Struct, frozen=True, kw_only=True):
    """The geometric mean of ``forward``'s ratios of a range's cells on one backend and provider."""

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


class MachineShift(msgspec.Struct, frozen=True, kw_only=True):
    """What the canary says of the machine: its time in the new report over that in the old one."""

    target: TargetId
    ratio: float


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two reports: what it is called, when it was made and by which simx."""

    name: str
    created: str
    simx: str


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that ``simx diff`` says.

    ``threshold`` is the share that matters. ``run_to_run`` is what two runs of the same thing
    differ in by themselves, of ``forward``, and ``repeats`` how many reports it was learnt from; 0
    where it is the default. ``one_run`` tells that both reports are of one and the same run, which
    differs in nothing from itself. ``pictures`` are those that differ and keep what depends on
    them from being compared.
    """

    base: Side
    new: Side
    threshold: float
    run_to_run: RunToRun
    repeats: int
    one_run: bool
    machine: tuple[MachineShift, ...]
    pictures: tuple[Image, ...]
    ranges: tuple[RangeComparison, ...]
    failures: tuple[FailedPair, ...]
    only_base: tuple[Identity, ...]
    only_new: tuple[Identity, ...]

    @property
    def cells(self) -> tuple[CellComparison, ...]:
        """Every cell that is in both."""
        return tuple(cell for each in self.ranges for cell in each.cells)

    @property
    def compared(self) -> tuple[CellComparison, ...]:
        """The cells of which any time was compared."""
        return tuple(cell for cell in self.cells if cell.changes)

    @property
    def barred(self) -> tuple[CellComparison, ...]:
        """The cells that are not the same thing, or not on the same."""
        return tuple(cell for cell in self.cells if cell.barred)

    @property
    def regressions(self) -> tuple[CellComparison, ...]:
        """The cells that the gate is for."""
        return tuple(cell for cell in self.compared if cell.forward and cell.forward.gated)

    @property
    def is_open(self) -> bool:
        """Whether a cell of the base is inconclusive, barred, failed, or no longer there."""
        inconclusive = any(
            cell.forward.verdict == "inconclusive" for cell in self.compared if cell.forward
        )
        lost = self.barred or self.failures or self.only_base
        return inconclusive or bool(lost)
