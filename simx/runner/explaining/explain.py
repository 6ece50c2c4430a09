"""``simx explain``: where the time of a backbone goes on two targets.

Each launch measures ``forward`` of both in common rounds, and then profiles both, in processes of
their own.
"""

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
from msgspec.structs import replace

import simx
from simx.common.errors import InputError
from simx.exporter.jobs.plan import ExportListener
from simx.results.explanation.gap import by_kind, by_part
from simx.results.explanation.roofline import with_reached
from simx.results.files.journal_lines import FinishedLaunch, Inputs
from simx.results.schema.config import Aim, Config, Schedule
from simx.results.schema.explanation import Ceilings, Explanation, Side
from simx.results.schema.report import FailedCell, MeasuredCell
from simx.results.statistics.drift import highest_rate
from simx.results.statistics.estimates import estimate, ratio
from simx.results.statistics.noise import ReferenceWorkloadHistory, page_faults
from simx.runner.bench.bench import Progress
from simx.runner.bench.cells import PlannedCell, Workload, exported
from simx.runner.bench.environment import describe_environment
from simx.runner.bench.launch import Bench, run_launch
from simx.runner.bench.reading import READER, PictureReader
from simx.runner.bench.schedule import USUAL
from simx.runner.bench.session import Measuring, prepared
from simx.runner.bench.targets import Target, located, open_targets
from simx.runner.explaining.profiles import Profiles, TargetFailedError, candidate_of
from simx.runner.measure.messages import Count, Counted
from simx.runner.tuning.comparing import outcomes
from simx.runner.tuning.search import Search
from simx.workers.forking import launcher
from simx.workers.worker import WorkerError

T = TypeVar("T")

EXPLAINING = Schedule(pilot=5, launches=5, rounds=10)

_ROUNDS_SECONDS = 4.0
"""After which a launch begins no further round."""

_FEWEST_LAUNCHES, _BUDGET_SECONDS = 3, 45.0
"""No further launch than the fewest begins after this time; see ``Profiles`` for profiles."""

_CEILINGS, _COUNTING_SECONDS = "simx.runner.explaining.ceilings:main", 300.0


def explain_backbone(
    config: Config,
    inputs: Inputs,
    listener: ExportListener,
    measuring: Measuring,
    *,
    by_setting: bool = False,
) -> Explanation:
    """Measure and profile a backbone on two targets.

    Args:
        config: as for a benchmark; its backbones are one, its targets two.
        inputs: the files to use.
        listener: gets messages, and hears of exports.
        measuring: is entered with the backbone when it is measured.
        by_setting: also measure single changes of the settings of both.

    Raises:
        InputError: an argument is not usable.
        ProviderUnavailableError: a backend or a provider cannot be used here.
        TargetFailedError: a target fails.
        SystemFailureError: the system failed on simx's own files.
    """
    config = replace(config, backends=tuple(map(located, config.backends)))
    with prepared(config, inputs, listener) as session:
        _require_two(session.targets)
        if len(session.backbones) != 1:
            named = ", ".join(each.name for each in session.backbones)
            raise InputError(f"one backbone is explained at a time, and these are named: {named}")
        plan = replace(session.plan, newest=True)
        with (
            exported(session.backbones, session.store, plan, listener) as (workload,),
            open_targets(session.targets) as opened,
            launcher(READER) as reading,
            measuring(session.backbones) as progress,
        ):
            for note in (*session.notes, *opened.notes):
                listener.notice(note)
            _require_two(opened.targets)
            reader = PictureReader(reading, dict(session.pictures.files()), USUAL.of_pictures)
            bench = Bench(
                launchers=opened.launchers,
                reader=reader,
                schedule=replace(EXPLAINING, seed=config.seed),
                history=ReferenceWorkloadHistory(),
                only_forward=True,
            )
            found = _explained(bench, workload, opened.targets, config, progress)
            if not by_setting:
                return found
            search = Search(
                workload=workload,
                targets=opened.targets,
                config=config,
                aim=Aim(),
                reader=reader,
                progress=progress,
            )
            settings, pairs = search.by_setting(EXPLAINING.launches)
            return replace(found, settings=settings, pairs=pairs)


def _require_two(targets: Sequence[Target]) -> None:
    if len(targets) != 2:  # noqa: PLR2004 - two sides
        names = (f"{each.backend.label} {each.provider} {each.precision}" for each in targets)
        raise InputError(
            f"two targets are compared, and these are named: {', '.join(names)}; name two with "
            "--backend, or one and two of --precision or --provider"
        )


def _explained(
    bench: Bench,
    workload: Workload,
    targets: Sequence[Target],
    config: Config,
    progress: Progress,
) -> Explanation:
    """Measure, profile, and compare."""
    begun = datetime.now(UTC).isoformat(timespec="seconds")
    setting = config.settings[0]
    cells = _sound(workload.cell(each, config, setting) for each in targets)
    names = {cell.identity: candidate_of(cell) for cell in cells}
    launches: list[FinishedLaunch] = []
    profiles = Profiles(cells)
    end = time.monotonic() + _BUDGET_SECONDS
    for index in range(EXPLAINING.launches):
        if index >= _FEWEST_LAUNCHES and time.monotonic() > end:
            break
        progress(workload.backbone, index, EXPLAINING.launches)
        launches.append(run_launch(bench, cells, index, _ROUNDS_SECONDS).finished)
        _sound(launches[-1].cells)
        times, _, noisy, _ = outcomes(launches, names, bench.history.references())
        typical_ns = {each: estimate(times[names[each]]).median_ns for each in names}
        is_late = index > 0 and time.monotonic() > end
        profiles.take(bench.launchers, typical_ns, config.seed, index, is_late=is_late)
    counted = _work(cells)
    peak = max(highest_rate(canary) for launch in launches for canary in launch.canary)
    both = [times[names[cell.identity]] for cell in cells]
    first_cells = [each for each in launches[0].cells if isinstance(each, MeasuredCell)]
    first, second = (
        Side(
            backend=cell.target.backend.label,
            provider=cell.target.provider,
            precision=cell.target.precision,
            forward=estimate(of),
            kernels=profiles.of(cell),
            threads_used=measured.threads_used,
            page_faults=page_faults(of),
            flushed=profiles.gain(cell),
        )
        for cell, of, measured in zip(cells, both, first_cells, strict=True)
    )
    slower = 0 if first.forward.median_ns >= second.forward.median_ns else 1
    steps, bandwidth = (counted.steps, counted.bytes_per_second) if counted else ((), 0.0)
    sides = first, second
    tables = by_kind(sides, slower, steps), by_part(sides, slower, steps)
    (kinds, parts), ceilings = with_reached(tables, sides, Ceilings(peak, bandwidth))
    return Explanation(
        created=begun,
        simx=simx.__version__,
        environment=describe_environment(each.backend for each in targets),
        model=workload.backbone.model,
        weights=workload.backbone.weights,
        batch=config.batch,
        threads=config.threads,
        launches=len(launches),
        sides=sides,
        ratio=ratio(both[0], both[1]),
        slower=slower,
        noisy=noisy,
        kinds=kinds,
        parts=parts,
        ceilings=ceilings if counted else None,
    )


def _work(cells: Sequence[PlannedCell]) -> Counted | None:
    """Count the work of the network and measure the memory; None if no side is in float32."""
    cell = next((each for each in cells if each.target.precision == "fp32"), None)
    if cell is None:
        return None
    request = Count(cell.task.model_path, cell.batch, cell.threads)
    try:
        with launcher(_CEILINGS) as server, server.launch() as worker:
            return worker.request(request, msgspec.msgpack.Decoder(Counted), _COUNTING_SECONDS)
    except WorkerError as error:
        raise TargetFailedError(f"the work of the graph cannot be counted: {error}") from error


def _sound(cells: Iterable[T | FailedCell]) -> list[T]:
    """Return the cells, or raise the failure of the first that failed."""
    found: list[T] = []
    for each in cells:
        if isinstance(each, FailedCell):
            name = f"{each.identity.backend} {each.identity.provider} {each.identity.precision}"
            raise TargetFailedError(f"{name} fails at {each.stage}: {each.reason}")
        found.append(each)
    return found
