"""Resumes a run that ended early, with the same result as if it had not.

A backbone's further launches have the indices and orders that they would have had; its pilot's
verdict and its spent budget follow from the journal.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain

import msgspec

from simx.common.errors import InputError
from simx.exporter.jobs.plan import NotExported
from simx.results.files.assembly import merge_cells
from simx.results.files.journal_lines import (
    FinishedLaunch,
    Header,
    Inputs,
    JournaledBackbone,
    Noted,
)
from simx.results.schema.config import Aim, Config, Schedule
from simx.results.schema.differences import differences
from simx.results.schema.environment import Environment
from simx.results.schema.partial_placement import partial_placement_in, without_partial_placement
from simx.results.schema.report import Identity, MeasuredCell, Report
from simx.results.statistics.noise import ReferenceWorkloadHistory
from simx.results.statistics.sample_size import PilotSpreads
from simx.runner.bench.cells import PlannedCell, Workload
from simx.runner.bench.stopping import Launches
from simx.runner.bench.targets import Target

MAY_CHANGE = frozenset({"system", "memory_bytes", "container", "commit"})
"""Fields of the environment whose change is noted; times depend on all others."""


class Earlier(msgspec.Struct, frozen=True):
    """What an earlier run has measured of one backbone that it had not finished.

    ``cells`` are by their identities without a partial placement.
    """

    launches: Launches
    cells: dict[Identity, MeasuredCell]

    def going_on(self, cells: Iterable[PlannedCell]) -> list[PlannedCell]:
        """Return the cells that have not failed, with what is known of them."""
        return [
            msgspec.structs.replace(
                cell,
                memory=found.memory,
                partial_placement=partial_placement_in(found.identity.backend),
                was_loaded=True,
            )
            for cell in cells
            if (found := self.cells.get(cell.identity)) is not None
        ]


def replay(
    launches: Sequence[FinishedLaunch],
    schedule: Schedule,
    history: ReferenceWorkloadHistory,
    spreads: PilotSpreads,
) -> Mapping[JournaledBackbone, Earlier]:
    """Return what a journal's launches say of each backbone.

    Args:
        launches: the journal's, in its order.
        schedule: the run's.
        history: remembers every measured reference workload.
        spreads: remembers every finished pilot's.
    """
    counted: dict[JournaledBackbone, Launches] = {}
    for launch in launches:
        history.remember(launch.canary)
        of = counted.setdefault(launch.backbone, Launches(schedule, spreads))
        of.replay(launch, history.references())
    return {name: Earlier(of, _measured(launches, name)) for name, of in counted.items()}


def require_same_exports(
    launches: Sequence[FinishedLaunch],
    workloads: Sequence[Workload],
    targets: Sequence[Target],
    config: Config,
) -> None:
    """Refuse to resume a backbone with other files than it was begun with.

    Raises:
        InputError: names the backbone.
    """
    for workload in workloads:
        name, measured = workload.backbone.name, _measured(launches, workload.name)
        if measured and isinstance(failed := workload.exports["fp32"], NotExported):
            raise InputError(
                f"{name} was measured in part, and its export is gone and cannot be made again "
                f"({failed.reason}); put it back into the store"
            )
        for cell in workload.cells(targets, config):
            if not isinstance(cell, PlannedCell):
                continue
            now = (cell.entry.manifest.weights.sha256, cell.artefact_sha256)
            before = measured.get(cell.identity)
            if before and (before.weights_sha256, before.artefact_sha256) != now:
                raise InputError(
                    f"{name} was measured in part from another export than the store now has for "
                    f"it (weights {before.weights_sha256[:12]}, now {now[0][:12]}); put that one "
                    "back, or measure anew with -o for another report"
                )


def resumed(begun: Header, now: Header) -> Noted:
    """Return the journal's line of a resumption that is allowed.

    Args:
        begun: the first line of the journal.
        now: what it would be today.

    Raises:
        InputError: the configuration, or something that times depend on, is another one.
    """
    require_same_configuration(begun.report, now.report)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    notes = [f"this run ended early and was taken up again at {created}"]
    # Kinds of nodes are found again by their environments.
    if begun.report.environment and now.report.environment and not begun.report.kinds:
        notes += environment_changes(begun.report.environment, now.report.environment)
    return Noted(notes=tuple(notes))


def environment_changes(before: Environment, now: Environment) -> tuple[str, ...]:
    """Return notes on what has changed since a run was begun.

    Raises:
        InputError: something has changed that times depend on.
    """
    changed = [*differences(before, now, {"others": "environment of"})]
    if refused := [text for field, text in changed if field not in MAY_CHANGE]:
        raise InputError(
            f"the machine or its software is no longer what it was: {'; '.join(refused)}; "
            "measure anew instead, with -o for another report"
        )
    return tuple(f"since this run was begun, {text}" for _, text in changed)


def require_same_as_asked(
    begun: Header,
    config: Config,
    inputs: Inputs,
    labels: Mapping[str, str],
    aim: Aim | None = None,
) -> None:
    """Refuse where something else is asked for than the run was begun with.

    Args:
        begun: the run's.
        config: what is asked for.
        inputs: what is asked for, with absolute paths.
        labels: the fields of all that count, each with its label in messages, such as an option's
            name.
        aim: what is asked for of a search; None for a benchmark.

    Raises:
        InputError: names each field that differs, or the command that the run is one of.
    """
    if (begun.aim is None) != (aim is None):
        raise InputError(
            f"--resume: the run was begun by `simx {begun.command}`; resume it with that command"
        )
    pairs = ((begun.report.config, config), (begun.inputs, inputs), (begun.aim, aim))
    changed = [
        difference
        for before, now in pairs
        for field, difference in differences(before, now, labels)
        if field in labels
    ]
    if changed:
        raise InputError(
            f"--resume goes on with what the run was begun with, and {'; '.join(changed)}; leave "
            "that out, or measure anew with -o for another report"
        )


def require_same_configuration(before: Report, now: Report) -> None:
    """Refuse another configuration than the run was begun with, naming each part that differs."""
    changed = [text for _, text in differences(before.config, now.config)]
    if before.simx != now.simx:
        changed.append(f"simx was {before.simx} and is {now.simx}")
    if changed:
        raise InputError(
            f"the run was begun with another configuration: {'; '.join(changed)}; "
            "resume it as it was, or measure anew with -o for another report"
        )


def _measured(
    launches: Sequence[FinishedLaunch], name: JournaledBackbone
) -> dict[Identity, MeasuredCell]:
    of_backbone = (launch.cells for launch in launches if launch.backbone == name)
    return {
        msgspec.structs.replace(
            cell.identity, backend=without_partial_placement(cell.identity.backend)
        ): cell
        for cell in merge_cells(chain.from_iterable(of_backbone))
        if isinstance(cell, MeasuredCell)
    }
