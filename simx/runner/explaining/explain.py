"""``simx explain``: where the time of a backbone goes on two targets.

Each launch measures ``forward`` of both in common rounds, and then profiles both, in processes of
their own.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from math import ceil, log
from statistics import fmean
from typing import TypeVar

import msgspec
from msgspec.structs import replace

import simx
from simx.common.errors import ExitCode, InputError, SimxError
from simx.exporter.jobs.plan import ExportListener
from simx.results.explanation.gap import FLUSHING_GAIN, by_kind, by_part
from simx.results.explanation.profiles import typical
from simx.results.explanation.roofline import with_reached
from simx.results.files.journal_lines import FinishedLaunch, Inputs
from simx.results.schema.config import Aim, Config, Schedule
from simx.results.schema.explanation import Ceilings, Explanation, Side
from simx.results.schema.kernels import Kernels
from simx.results.schema.report import FailedCell, Identity, MeasuredCell
from simx.results.statistics.drift import highest_rate
from simx.results.statistics.estimates import Ratio, estimate, ratio, ratio_of
from simx.results.statistics.noise import ReferenceWorkloadHistory, page_faults
from simx.runner.bench.bench import Progress
from simx.runner.bench.cell_client import CellClient, CellFailedError
from simx.runner.bench.cells import PlannedCell, Workload, exported
from simx.runner.bench.environment import describe_environment
from simx.runner.bench.launch import Bench, run_launch
from simx.runner.bench.reading import READER, PictureReader
from simx.runner.bench.schedule import USUAL, shuffled
from simx.runner.bench.session import Measuring, prepared
from simx.runner.bench.targets import Target, located, open_targets
from simx.runner.measure.messages import Count, Counted, ProfileCalls, Profiled
from simx.runner.tuning.candidates import Candidate
from simx.runner.tuning.comparing import outcomes
from simx.runner.tuning.search import Search
from simx.workers.forking import launcher
from simx.workers.worker import Launcher, WorkerError

T = TypeVar("T")

EXPLAINING = Schedule(pilot=5, launches=5, rounds=10)

_ROUNDS_SECONDS = 4.0
"""After which a launch begins no further round."""

_FEWEST_LAUNCHES, _BUDGET_SECONDS = 3, 45.0
"""No further launch than the fewest begins after this time, and no further profile than the first,
unless flushing denormal numbers has gained something."""

_PROFILED_SECONDS = 0.5
_FEWEST_PROFILED, _MOST_PROFILED = 4, 40
"""Calls of each launch; the first ones warm up."""

_CEILINGS, _COUNTING_SECONDS = "simx.runner.explaining.ceilings:main", 300.0


class TargetFailedError(SimxError):
    """One of the two targets cannot be measured or profiled."""

    exit_code = ExitCode.CELLS_FAILED


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
    names = {
        cell.identity: Candidate(cell.target, cell.target.precision, cell.batch, cell.threads)
        for cell in cells
    }
    launches: list[FinishedLaunch] = []
    profiles: dict[Identity, list[Kernels]] = defaultdict(list)
    profiled = _flushing_too(cells)
    end = time.monotonic() + _BUDGET_SECONDS
    for index in range(EXPLAINING.launches):
        if index >= _FEWEST_LAUNCHES and time.monotonic() > end:
            break
        progress(workload.backbone, index, EXPLAINING.launches)
        launches.append(run_launch(bench, cells, index, _ROUNDS_SECONDS).finished)
        _sound(launches[-1].cells)
        times, _, noisy, _ = outcomes(launches, names, bench.history.references())
        if index:
            is_late = time.monotonic() > end
            least = FLUSHING_GAIN if is_late else 1.0
            profiled = [
                (cell, of)
                for cell, of in profiled
                if _may_gain(profiles[of.identity], profiles[cell.identity], least)
            ]
            if is_late and len(profiled) == len(cells):
                continue
        for cell, of in _in_turn(profiled, config.seed, index):
            call_ns = estimate(times[names[of.identity]]).median_ns
            found = _profile(cell, bench.launchers[of.target.backend.label], call_ns)
            profiles[cell.identity].append(found)
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
            kernels=typical(profiles[cell.identity]),
            threads_used=measured.threads_used,
            page_faults=page_faults(of),
            flushed=_gain(profiles[cell.identity], profiles[_flushing(cell).identity]),
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


def _flushing_too(cells: Sequence[PlannedCell]) -> list[tuple[PlannedCell, PlannedCell]]:
    """Return what is profiled: cells, and those that can be also with denormal numbers flushed.

    Each is beside the cell whose launcher it has.
    """
    pairs = [(_flushing(cell), cell) for cell in cells] + [(cell, cell) for cell in cells]
    return list({cell.identity: (cell, of) for cell, of in pairs}.values())


def _flushing(cell: PlannedCell) -> PlannedCell:
    """Return a cell with denormal numbers flushed; itself if its backend cannot do it."""
    candidate = Candidate(cell.target, cell.target.precision, cell.batch, cell.threads)
    return replace(cell, target=candidate.also("flush-denormals").target)


def _in_turn(
    profiled: Sequence[tuple[PlannedCell, PlannedCell]], *keys: object
) -> list[tuple[PlannedCell, PlannedCell]]:
    """Return the pairs in an order that follows from the keys, those of one side in a row.

    The speed of the machine drifts, and what is flushed is compared with what is not.
    """
    sides = shuffled([of.identity for cell, of in profiled if cell is of], *keys, "sides")
    pairs = shuffled(profiled, *keys, "profile")
    return sorted(pairs, key=lambda pair: sides.index(pair[1].identity))


def _may_gain(kept: Sequence[Kernels], flushed: Sequence[Kernels], least: float) -> bool:
    """Whether further launches are worth it: what gains less so far takes their time."""
    return kept is flushed or fmean(_gains(kept, flushed).values()) >= log(least)


def _gain(kept: Sequence[Kernels], flushed: Sequence[Kernels]) -> Ratio | None:
    """Return how many times as fast profiled calls are with denormal numbers flushed.

    Args:
        kept: the profile of each launch.
        flushed: those of the first launches, or of all; the same if there is nothing to flush.

    Returns:
        None if they were flushed in one launch alone, in which nothing was gained.
    """
    gains = {} if kept is flushed else _gains(kept, flushed)
    return ratio_of(gains) if len(gains) > 1 else None


def _gains(kept: Sequence[Kernels], flushed: Sequence[Kernels]) -> dict[int, float]:
    """Return the logarithm of each launch's gain."""
    totals = [[sum(kernel.ns for kernel in each) for each in of] for of in (kept, flushed)]
    return dict(enumerate(log(ns / less) for ns, less in zip(*totals, strict=False)))


def _profile(cell: PlannedCell, launcher: Launcher, call_ns: float) -> Kernels:
    """Profile a cell in a worker of its own."""
    wanted = ceil(_PROFILED_SECONDS * 1e9 / call_ns)
    calls = max(_FEWEST_PROFILED, min(_MOST_PROFILED, wanted))
    profiling = USUAL.of_calls(4 * calls, round(call_ns))  # with all that is written of each
    request = ProfileCalls(cell.task, cell.reference, calls)
    try:
        with launcher.launch() as worker:
            client = CellClient(cell, worker, USUAL)
            seconds = cell.loading_seconds(USUAL) + profiling
            return client.ask(request, Profiled, "profile", seconds).kernels
    except (CellFailedError, WorkerError) as error:
        label = cell.target.backend.label
        raise TargetFailedError(f"{label} cannot be profiled: {error}") from error


def _sound(cells: Iterable[T | FailedCell]) -> list[T]:
    """Return the cells, or raise the failure of the first that failed."""
    found: list[T] = []
    for each in cells:
        if isinstance(each, FailedCell):
            name = f"{each.identity.backend} {each.identity.provider} {each.identity.precision}"
            raise TargetFailedError(f"{name} fails at {each.stage}: {each.reason}")
        found.append(each)
    return found
