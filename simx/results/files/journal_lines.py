"""The lines of a journal as types, and the report that they make. Opens no file.

The first line has the report without its cells, and the files that a resumed run reads again. Each
further line is one finished launch of a backbone, or has notes for the report.
"""

from collections import Counter
from typing import Literal, TypeVar

import msgspec

from simx.common import grouped
from simx.common.bounded import Amount, Count, Text
from simx.common.strict_json import Struct
from simx.results.files.anonymised import anonymised
from simx.results.files.assembly import (
    forward_of,
    merge_canaries,
    merge_cells,
    merge_preparations,
)
from simx.results.schema.config import Aim
from simx.results.schema.report import (
    Canary,
    MeasuredCell,
    Node,
    Outcome,
    Preparation,
    ReferenceTimes,
    Report,
    Stop,
)
from simx.results.schema.tuning import TunedModel

T = TypeVar("T")

JournaledBackbone = tuple[str, str, str | None]
"""Model, weights, and the kind of nodes where each kind measures."""

Command = Literal["bench", "tune"]


class JournalId(Struct, frozen=True, kw_only=True):
    """Name and version of the format.

    Version 2 has the run's configuration in the report alone, and the files beside it. Version 3
    has lines of notes instead of resumptions. Version 4 has searches of settings, too, and
    launches on the nodes of a cluster.
    """

    name: Literal["simx-journal"] = "simx-journal"
    version: Literal[4] = 4


class Inputs(Struct, frozen=True, kw_only=True):
    """The files of this machine that a run reads, which no report names.

    In a journal all paths are absolute. ``weights_file`` is given where the configuration's
    ``weights`` are ``file``, and ``weights_key`` names one of several networks in it. ``calibrate``
    is the folder of pictures that int8 is calibrated on, None for the bundled ones. ``models`` are
    ONNX files, and ``preprocess`` is how their inputs are made: names or files. A picture that is
    None is the one that comes with simx. ``weights_mirror`` is the URL to download weights from,
    None for torch's own; ``offline`` forbids downloads.
    """

    store: Text
    weights_file: Text | None = None
    weights_key: Text | None = None
    calibrate: Text | None = None
    weights_mirror: Text | None = None
    models: tuple[Text, ...] = ()
    preprocess: tuple[Text, ...] = ()
    anchor: Text | None = None
    positive: Text | None = None
    negative: Text | None = None
    offline: bool = False


class Header(Struct, frozen=True, kw_only=True):
    """The first line: the report to come, with its configuration, and what the run reads.

    A search of settings has an ``aim``, and no report but its result comes of it.
    """

    journal: JournalId = JournalId()
    inputs: Inputs
    report: Report
    aim: Aim | None = None

    @property
    def command(self) -> Command:
        """The command that began the run."""
        return "bench" if self.aim is None else "tune"


class FinishedLaunch(Struct, frozen=True, kw_only=True, tag_field="line", tag="launch"):
    """Every cell of one backbone, with the times of one launch.

    ``seconds`` counts from the end of the launch before it, and ``spent`` has the most of them, by
    what they were spent for. The last launch of a backbone has the
    ``stop``; a backbone that could not be exported has neither. On a cluster, ``node`` is the
    random identifier of the node, and ``attempt`` tells those apart that begin a backbone: a lost
    node's launches do not mix with those of the node after it.
    """

    cells: tuple[Outcome, ...]
    canary: tuple[Canary, ...] = ()
    preparation: Preparation | None = None
    seconds: Amount = 0.0
    spent: dict[Text, Amount] = {}  # noqa: RUF012 - msgspec copies it
    stop: Stop | None = None
    node: Text | None = None
    attempt: Count = 0

    @property
    def is_last(self) -> bool:
        """Whether its attempt ends with it."""
        return self.stop is not None or not any(
            isinstance(cell, MeasuredCell) for cell in self.cells
        )

    @property
    def backbone(self) -> JournaledBackbone:
        """What it measured."""
        its = self.cells[0].identity
        return its.model, its.weights, its.kind

    def on(self, kind: str | None) -> "FinishedLaunch":
        """Return the launch as one of a kind of nodes."""

        def named(of: T) -> T:
            return msgspec.structs.replace(of, kind=kind)  # type: ignore[type-var]

        return msgspec.structs.replace(
            self,
            cells=tuple(
                msgspec.structs.replace(cell, identity=named(cell.identity)) for cell in self.cells
            ),
            canary=tuple(map(named, self.canary)),
            preparation=self.preparation and named(self.preparation),
            stop=self.stop and named(self.stop),
        )


class Noted(Struct, frozen=True, kw_only=True, tag_field="line", tag="notes"):
    """The run was resumed, or a provider is not usable; ``notes`` are for the report.

    Nothing that the node with the identifier ``sick_node`` has measured counts.
    """

    notes: tuple[Text, ...]
    sick_node: Text | None = None


class FinishedSearch(Struct, frozen=True, kw_only=True, tag_field="line", tag="search"):
    """What a node of a cluster, of this random identifier, has found for a backbone.

    It is in MessagePack, because JSON has no infinite numbers.
    """

    result: bytes
    node: Text = ""

    @property
    def found(self) -> TunedModel:
        """Its content."""
        return msgspec.msgpack.decode(self.result, type=TunedModel)


Line = FinishedLaunch | FinishedSearch | Noted


class Kept(Struct, frozen=True, kw_only=True):
    """The content of a journal."""

    header: Header
    lines: tuple[Line, ...] = ()

    @property
    def launches(self) -> tuple[FinishedLaunch, ...]:
        """The finished launches that count, in the order of the lines.

        Of several attempts at a backbone that is the first one that ended, or the last one.
        """
        counting: dict[JournaledBackbone, FinishedLaunch] = {}
        for each in self.attempts:
            if each.backbone not in counting or not counting[each.backbone].is_last:
                counting[each.backbone] = each
        return tuple(
            each for each in self.attempts if each.attempt == counting[each.backbone].attempt
        )

    @property
    def attempts(self) -> tuple[FinishedLaunch, ...]:
        """Every finished launch of a node that is not sick, in the order of the lines."""
        sick = self.sick_nodes
        launches = (line for line in self.lines if isinstance(line, FinishedLaunch))
        return tuple(each for each in launches if each.node not in sick)

    @property
    def sick_nodes(self) -> frozenset[str]:
        """The identifiers of the nodes whose launches do not count."""
        notes = (line for line in self.lines if isinstance(line, Noted))
        return frozenset(line.sick_node for line in notes if line.sick_node)

    @property
    def searched(self) -> dict[tuple[str, str], TunedModel]:
        """What was found on a cluster, by models and weights."""
        found = (line.found for line in self.lines if isinstance(line, FinishedSearch))
        return {(each.model, each.weights): each for each in found}

    @property
    def finished(self) -> frozenset[JournaledBackbone]:
        """The backbones that have had their last launch, or whose cells have all failed."""
        return frozenset(launch.backbone for launch in self.launches if launch.is_last)

    @property
    def finished_everywhere(self) -> frozenset[tuple[str, str]]:
        """The models and weights that all kinds of nodes have finished, where each one measures."""
        report, finished = self.header.report, self.finished
        is_per_kind = report.config is not None and report.config.per is not None
        kinds = [kind.name for kind in report.kinds] if is_per_kind else [None]
        names = {(model, weights) for model, weights, _ in finished}
        return frozenset(each for each in names if all((*each, of) in finished for of in kinds))

    @property
    def _references(self) -> dict[str, tuple[ReferenceTimes, ...]]:
        """The times of the backbone that several nodes measured to its end, by their identifiers.

        A node that did not is there too, if it measured anything that counts.
        """
        parts = grouped(
            (each for each in self.attempts if each.node),
            lambda each: (each.node, each.backbone, each.attempt),
        )
        ended = {key: of for key, of in parts.items() if of[-1].is_last}
        shared = Counter(backbone for _, backbone, _ in ended)
        found: dict[str, tuple[ReferenceTimes, ...]] = {
            each.node: () for each in self.launches if each.node
        }
        for (node, backbone, _), launches in ended.items():
            if node and shared[backbone] > 1:
                cells = merge_cells(cell for each in launches for cell in each.cells)
                found[node] = tuple(
                    ReferenceTimes(identity=cell.identity, launches=forward_of(cell))
                    for cell in cells
                    if isinstance(cell, MeasuredCell)
                )
        return found

    def report(self) -> Report:
        """Make the report of all lines."""
        notes = (note for line in self.lines if isinstance(line, Noted) for note in line.notes)
        config, launches, references = self.header.report.config, self.launches, self._references
        number = {node: place for place, node in enumerate(references, 1)}
        kinds = {each.node: each.backbone[-1] for each in self.attempts}
        return msgspec.structs.replace(
            self.header.report,
            config=None if config is None else anonymised(config),
            cells=merge_cells(cell for launch in launches for cell in launch.cells),
            canary=merge_canaries(canary for launch in launches for canary in launch.canary),
            preparations=merge_preparations(
                launch.preparation for launch in launches if launch.preparation is not None
            ),
            stops=tuple(
                msgspec.structs.replace(launch.stop, node=number.get(launch.node or ""))
                for launch in launches
                if launch.stop is not None
            ),
            nodes=tuple(
                Node(reference=times, kind=kinds[node]) for node, times in references.items()
            ),
            # A run that was resumed may have made a note twice.
            notes=tuple(dict.fromkeys((*self.header.report.notes, *notes))),
        )
