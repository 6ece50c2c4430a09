"""Which of a report's times count, and what they are estimated to be. Pure; renders nothing."""

import re
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence

import msgspec

from simx.common import grouped
from simx.results.schema.report import Canary, Cell, MeasuredCell, Preparation, Report
from simx.results.schema.times import FORWARD, Launch, TimeKey
from simx.results.statistics import estimates, round_filter
from simx.results.statistics.busyness import Busyness, busyness
from simx.results.statistics.estimates import (
    Estimate,
    Ratio,
    log_ratios,
    log_times,
    repeated,
    summed,
)
from simx.results.statistics.moderation import Part, Prior, moderated, prior, spread
from simx.results.statistics.noise import CanaryKey
from simx.results.statistics.sustained import sustained
from simx.results.summaries.summary import BackboneKey, TargetId, backbone_of, target_of

Launches = Sequence[Launch]
Timings = Mapping[TimeKey, Launches]


class CountedBackbone(msgspec.Struct, frozen=True, kw_only=True):
    """The cells of one backbone, and what counts of each one's times.

    ``forward`` is judged by rounds, every other scope by its blocks. Everything counts if the
    backbone is ``filtered.noisy``: most rounds were disturbed. ``busy`` has the times that are no
    figures because the machine was too busy, all of them if it was during ``forward``. With a
    latency bound, ``forward`` is the time between two queries at the largest rate, by ``queries``.
    """

    cells: tuple[Cell, ...]
    filtered: round_filter.FilteredRounds
    times: Mapping[TargetId, Timings]
    busy: Mapping[TimeKey, Busyness]
    queries: Mapping[TargetId, Launches]

    def of_scope(self, key: TimeKey) -> dict[TargetId, Launches]:
        """Return the launches of a scope that is not busy, of each cell in which some count."""
        if key in self.busy:
            return {}
        found = {target: of_cell.get(key, ()) for target, of_cell in self.times.items()}
        return {target: launches for target, launches in found.items() if launches}


class CountedReport:
    """A report's backbones, in the order of the tables, and estimates of their times.

    The variance of a time's launches is moderated by that of the same scope, image and target of
    the report's other backbones, and a ratio's by that of the same two targets.
    """

    def __init__(self, report: Report) -> None:
        config = report.config
        self._pilot = config.pilot if config else None
        self._bound_ns = config.latency_bound and config.latency_bound * 1e9 if config else None
        self.price = report.kinds[0].price if len(report.kinds) == 1 else None
        # Each node of a cluster has its own speed.
        nodes = {(stop.model, stop.weights): stop.node for stop in report.stops}
        of_nodes = grouped(report.canary, lambda each: nodes.get((each.model, each.weights)))
        undisturbed_ns = {node: round_filter.references(of) for node, of in of_nodes.items()}
        canaries = grouped(report.canary, lambda each: (each.model, each.weights))
        preparations = {(each.model, each.weights): each for each in report.preparations}
        self.backbones = [
            self._counted(
                cells,
                canaries.get(name, ()),
                preparations.get(name),
                undisturbed_ns.get(nodes.get(name), {}),
            )
            for cells in _groups(report)
            for name in [(cells[0].identity.model, cells[0].identity.weights)]
        ]
        self.by_cell = {cell.identity: each for each in self.backbones for cell in each.cells}
        self._priors: dict[Hashable, Prior | None] = {}

    def estimate(self, target: TargetId, key: TimeKey, launches: Launches) -> Estimate:
        """Return the estimate of a time of one backbone."""
        return estimates.estimate(launches, self._pilot, self._time_prior(target, key))

    def ratio(self, backbone: CountedBackbone, slower: TargetId, faster: TargetId) -> Ratio | None:
        """Return how many times as long ``forward`` takes on one target as on another one."""
        launches = backbone.of_scope(FORWARD)
        if slower not in launches or faster not in launches:
            return None
        scopes = (each.of_scope(FORWARD) for each in self.backbones)
        samples = (log_ratios(each.get(slower, ()), each.get(faster, ())) for each in scopes)
        common = self._prior((slower, faster), samples)
        return estimates.ratio(launches[slower], launches[faster], self._pilot, common)

    def spread(self, target: TargetId, key: TimeKey, logs: Mapping[int, float]) -> Part | None:
        """Return the moderated variance of a time's logarithms; None for fewer than two launches.

        Args:
            target: Where it was measured.
            key: Its scope and image.
            logs: One for each launch, by its index.
        """
        own = spread(logs, self._pilot)
        return None if own is None else moderated(own, self._time_prior(target, key))

    def _time_prior(self, target: TargetId, key: TimeKey) -> Prior | None:
        found = (each.of_scope(key).get(target, ()) for each in self.backbones)
        return self._prior((target, key), map(log_times, found))

    def _prior(self, what: Hashable, samples: Iterator[dict[int, float]]) -> Prior | None:
        if what not in self._priors:
            parts = (spread(logs, self._pilot) for logs in samples)
            self._priors[what] = prior(part for part in parts if part is not None)
        return self._priors[what]

    def _counted(
        self,
        cells: Sequence[Cell],
        canaries: Sequence[Canary],
        preparation: Preparation | None,
        undisturbed_ns: Mapping[CanaryKey, float],
    ) -> CountedBackbone:
        times = {
            target_of(cell.identity): {
                (timing.scope, timing.image): timing.launches for timing in cell.timings
            }
            for cell in cells
            if isinstance(cell, MeasuredCell)
        }
        forwards = [of_cell[FORWARD] for of_cell in times.values() if FORWARD in of_cell]
        filtered = round_filter.filter_rounds(forwards, canaries, undisturbed_ns)
        rounds = iter(filtered.cells)
        counting = {
            target: _with_pipeline(
                {
                    key: next(rounds) if key == FORWARD else round_filter.filter_blocks(launches)
                    for key, launches in of_cell.items()
                },
                preparation,
                cells[0].identity.batch,
            )
            for target, of_cell in times.items()
        }
        busy = _busy(counting.values())
        queries = {target: of_cell.get(FORWARD, ()) for target, of_cell in counting.items()}
        if bound_ns := self._bound_ns:
            counting = {
                target: {**of_cell, FORWARD: sustained(queries[target], bound_ns)}
                for target, of_cell in counting.items()
            }
        return CountedBackbone(
            cells=tuple(cells), filtered=filtered, times=counting, busy=busy, queries=queries
        )


def _busy(cells: Collection[Timings]) -> dict[TimeKey, Busyness]:
    """Return how busy the machine was, of all times that were, as a whole or in part, too busy."""
    keys = {key for of_cell in cells for key in of_cell}
    of_keys = {key: busyness([of_cell.get(key, ()) for of_cell in cells]) for key in keys}
    found = {key: worst for key, worst in of_keys.items() if worst}
    if FORWARD in found:
        return {key: found.get(key, found[FORWARD]) for key in keys}
    # ``pipeline`` is the whole of ``pipeline.decode``.
    wholes = (((of, of.partition(".")[0]), image, busy) for (of, image), busy in found.items())
    parts = {(scope, image): busy for scopes, image, busy in wholes for scope in scopes}
    return {key: parts[key] for key in keys & parts.keys()}


def _with_pipeline(times: Timings, preparation: Preparation | None, batch: int) -> Timings:
    """Add the stages of every picture's pipeline, and their sum, to the times of a cell.

    A batch of files is decoded and preprocessed one after the other, and embedded in one call. The
    last stage is ``host``, or ``forward`` where that is the same.
    """
    if preparation is None:
        return times
    stages: dict[TimeKey, Launches] = {
        (timing.scope, timing.image): repeated(round_filter.filter_blocks(timing.launches), batch)
        for timing in preparation.timings
    }
    last = times.get(("host", None)) or times.get(FORWARD, ())
    for image in dict.fromkeys(image for _, image in stages):
        before = [stages["pipeline.decode", image], stages["pipeline.preprocess", image]]
        stages["pipeline.forward", image] = last
        stages["pipeline", image] = summed(before, last)
    return {**times, **stages}


def _groups(report: Report) -> Iterator[list[Cell]]:
    """Yield the cells of each backbone, in the order of the tables; unknown threads come first."""
    groups = grouped(report.cells, lambda cell: backbone_of(cell.identity))

    def place(key: BackboneKey) -> tuple[object, ...]:
        model, weights, *settings, threads = key
        return (_natural(model), _natural(weights), *settings, threads or 0)

    return (groups[key] for key in sorted(groups, key=place))


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a sort key that puts ``resnet18`` before ``resnet101``."""
    parts = re.findall(r"\d+|\D+", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
