"""How to export, what a caller hears of it meanwhile, and what comes of each export."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from simx.common.errors import SystemFailureError
from simx.exporter.jobs.messages import ExportFailed
from simx.exporter.store.entry import Entry
from simx.exporter.store.store import Store
from simx.exporter.weights.request import WeightsRequest
from simx.models.backbone import Backbone, EmbeddingKind, Precision
from simx.results.schema.report import Parity, WeightsOrigin


class ExportPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How to export: which embedding, whose weights, which precisions, how many side by side.

    ``threads`` are those of all of them together. ``mirror`` and ``offline`` are as for
    ``Downloads``.
    """

    embedding: EmbeddingKind
    request: WeightsRequest
    precisions: tuple[Precision, ...] = ("fp32",)
    threads: int
    jobs: int = 1
    seed: int = 0
    mirror: str | None = None
    offline: bool = False


class Exported(msgspec.Struct, frozen=True):
    """A backbone that is in the store.

    ``fresh`` is true where this run put it there. ``output`` is the plain file that was made of it
    in the folder that was asked for, if one was.
    """

    backbone: Backbone
    entry: Entry
    fresh: bool
    output: Path | None = None

    @property
    def precision(self) -> Precision:
        """In which numbers it is computed."""
        return self.entry.manifest.identity.precision


class NotExported(msgspec.Struct, frozen=True):
    """A backbone that is not: at which stage it failed, and why.

    ``weights_origin``, ``parity`` and the margins are what was found of it, where it came so far.
    """

    backbone: Backbone
    stage: str
    reason: str
    precision: Precision = "fp32"
    weights_origin: WeightsOrigin | None = None
    parity: Parity | None = None
    margin: float | None = None
    reference_margin: float | None = None


Outcome = Exported | NotExported


class ExportListener:
    """What a caller hears of exports; all of it is ignored here, override what is of interest.

    ``downloading`` and ``downloaded`` are called from any thread, all others from the caller's.
    """

    def planned(self, exports: int) -> None:
        """As many outcomes follow as this number says."""

    def downloads(self, backbones: Sequence[Backbone]) -> None:
        """The checkpoints of these backbones are to be downloaded."""

    def downloading(self, backbone: Backbone, done: int, total: int | None) -> None:
        """``done`` bytes of a checkpoint are here, of ``total`` where that is known."""

    def downloaded(self, backbone: Backbone) -> None:
        """A checkpoint is here and intact."""

    def started(self, backbone: Backbone, precision: Precision) -> None:
        """An export begins, or begins again after another process failed to make it."""

    def waiting(self, backbones: Sequence[Backbone]) -> None:
        """All other exports are finished, and other processes are exporting these backbones."""

    def finished(self, outcome: Outcome) -> None:
        """An export has an outcome."""

    def notice(self, text: str) -> None:
        """Something else that a user should know, in one line."""


def not_exported(
    backbone: Backbone, precision: Precision, origin: WeightsOrigin, failed: ExportFailed
) -> NotExported:
    """Return what a worker's failure means for a backbone."""
    return NotExported(
        backbone,
        failed.stage,
        failed.reason,
        precision,
        origin,
        failed.parity,
        failed.margin,
        failed.reference_margin,
    )


def require_no_system_failure(failed: ExportFailed, backbone: Backbone, store: Store) -> None:
    """Let no further export begin where this one's failure would be theirs, too.

    Raises:
        SystemFailureError: the system would not let it be written.
    """
    if failed.blame == "system":
        raise SystemFailureError(
            f"store {store.root}: exporting {backbone.name} failed at {failed.stage} "
            f"({failed.reason}); free some space or choose another store with --store"
        )


def make_folder_for(folder: Path, store: Store) -> None:
    """Make the folder that an export is prepared in.

    Raises:
        SystemFailureError: the store cannot be written.
    """
    try:
        folder.mkdir()
    except OSError as error:
        raise SystemFailureError(
            f"store {store.root}: cannot be written ({error.strerror}); free some space or choose "
            "another store with --store"
        ) from None
