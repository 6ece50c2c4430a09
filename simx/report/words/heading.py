"""The lines above a report's tables: machine, software, settings and pictures."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter

from simx.common.safe_text import clean, counted
from simx.models.pictures import IMAGES
from simx.report.words.names import IMAGE_WORDS, TIMES, listed, provider_name, target_name
from simx.results.files.assembly import forward_of
from simx.results.schema.config import SINGLE_STREAM, Config, OwnModel
from simx.results.schema.environment import Environment, OtherEnvironment
from simx.results.schema.gpu import GpuState, summary
from simx.results.schema.report import MeasuredCell, Report, Stop
from simx.results.statistics.drift import between_nodes, peaks
from simx.results.summaries.summary import target_of

SMALLEST_SHARE = 0.01
"""Of a run's seconds that are shown by their name."""


def heading(report: Report) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return each line's name and its items, cleaned."""
    return tuple((name, tuple(map(clean, items))) for name, items in _lines(report) if items)


def _lines(report: Report) -> Iterator[tuple[str, tuple[str, ...]]]:
    if report.source is not None:
        yield "quoted", (report.source,)
        yield "written", (report.created, f"simx {report.simx}")
    if report.environment and report.config:
        for kind in report.kinds:
            price = kind.price
            its = () if price is None else (f"{price.amount:g} {price.currency} an hour",)
            yield "kind", (kind.name, *its)
        yield "machine", _machine(report, report.environment, report.config)
        yield "software", (f"simx {report.simx}", *_software(report.environment))
        for title, other in report.environment.others.items():
            yield "environment", (title, *_software(other))
        yield "nodes", _nodes(report)
        yield "gpu", tuple(summary(_gpu_states(report)))
        yield "requested", _requested(report.config)
        yield "measured", _measured(report)
        yield "seconds", seconds_spent(report.stops)
        loaded = (
            f"{name.removeprefix('lib')} {version}".strip()
            for cell in report.cells
            if isinstance(cell, MeasuredCell)
            for name, version in cell.libraries.items()
        )
        yield "loaded", tuple(dict.fromkeys(loaded))
        pictures = report.config.pictures
        yield (
            "pictures",
            tuple(
                f"{IMAGE_WORDS[image]} {picture.width}{TIMES}{picture.height}, "
                f"{picture.bytes / 1e3:.1f} kB{'' if picture.bundled else ' (own)'}"
                for image in IMAGES
                if (picture := pictures.get(image))
            ),
        )


def _software(environment: Environment | OtherEnvironment) -> tuple[str, ...]:
    versions = (f"{name} {version}" for name, version in environment.libraries.items())
    return f"Python {environment.python}", *versions


def _machine(report: Report, environment: Environment, config: Config) -> tuple[str, ...]:
    quota, governor = environment.quota_cores, environment.governor
    return (
        environment.cpu,
        environment.architecture,
        f"{environment.affinity_cores} of {counted(environment.logical_cores, 'core')}",
        *(() if quota is None else (f"quota {counted(quota, 'core')}",)),
        " and ".join(
            counted(count, "thread") for count in config.thread_counts or (config.threads,)
        ),
        f"{environment.memory_bytes / 2**30:.0f} GiB",
        environment.system,
        *(("in a container",) if environment.container else ()),
        *(() if governor is None else (f"governor {governor}",)),
        *(f"{gpu.name}, driver {gpu.driver}" for gpu in environment.gpus),
        # The peak that the shares of cells refer to.
        *(
            f"peak {peak / 1e9:.0f} GFLOP/s on {provider_name(provider)}"
            for provider, peak in peaks(report).items()
        ),
    )


def _nodes(report: Report) -> tuple[str, ...]:
    """Return how many equal nodes measured, and by how much they differ."""
    targets = dict.fromkeys(
        target_of(times.identity) for node in report.nodes for times in node.reference
    )
    models = dict.fromkeys(
        times.identity.model for node in report.nodes for times in node.reference
    )
    return (
        *((counted(len(report.nodes), "equal node"),) if report.nodes else ()),
        *(
            f"different by {100 * share:.1f} % on {target_name(target)} ({', '.join(models)})"
            for target in targets
            if (share := between_nodes(report, target))
        ),
    )


def _gpu_states(report: Report) -> Iterator[GpuState]:
    for cell in report.cells:
        for timing in cell.timings if isinstance(cell, MeasuredCell) else ():
            # Until version 7, a pipeline's stages had its own blocks.
            for launch in () if timing.scope.startswith("pipeline.") else timing.launches:
                yield from (block.noise.gpu for block in launch.blocks if block.noise.gpu)


def _requested(config: Config) -> tuple[str, ...]:
    launches = (
        counted(config.launches, "launch")
        if config.half_width is None
        else f"{counted(config.pilot, 'launch')} or more, for ±{100 * config.half_width:g}%"
    )
    budget = config.budget_seconds
    return (
        f"profile {config.profile}",
        launches,
        f"{counted(config.rounds, 'round')} each",
        *(() if budget is None else (f"budget {budget:g} s a backbone",)),
        f"seed {config.seed}",
        f"embedding {config.embedding}",
        ", ".join(config.precisions),
        f"batch {listed([str(batch) for batch in config.batches or (config.batch,)])}",
        *_load(config),
        f"weights {config.weights}",
    )


def _load(config: Config) -> Iterator[str]:
    if config.scenario != SINGLE_STREAM:
        rate = "" if config.rate is None else f" of {config.rate:g} queries a second"
        yield f"scenario {config.scenario}{rate}"
        yield f"instances {listed([str(count) for count in config.instance_counts or (1,)])}"
        if not config.pinned:
            yield "instances not pinned to cores"


def _measured(report: Report) -> tuple[str, ...]:
    """Return what was done; rounds include the disturbed ones."""
    cells = [cell for cell in report.cells if isinstance(cell, MeasuredCell)]
    forwards = [launches for cell in cells if (launches := forward_of(cell))]
    rounds = [len(launch.blocks) for launches in forwards for launch in launches]
    seconds = [stop.seconds for stop in report.stops]
    models = report.config.models if report.config else {}
    origins = dict.fromkeys(_origin(cell, models) for cell in cells)
    return (
        report.created,
        *_span(list(map(len, forwards)), "launch"),
        *(f"{span} each" for span in _span(rounds, "round")),
        *(f"{span} a backbone" for span in _span(list(map(round, seconds)), "second")),
        *((f"{math.fsum(seconds) / 60:.1f} minutes in all",) if len(seconds) > 1 else ()),
        *((f"weights {', '.join(origins)}",) if origins else ()),
    )


def seconds_spent(stops: Sequence[Stop]) -> tuple[str, ...]:
    """Return what the seconds of launches were spent for, the most first, in percent of them."""
    seconds = math.fsum(stop.seconds for stop in stops)
    spent: dict[str, float] = defaultdict(float)
    for stop in stops:
        for name, of in stop.spent.items():
            spent[name] += of
    if not spent or not seconds:
        return ()
    shares = [(name, of / seconds) for name, of in spent.items()]
    shown = sorted((each for each in shares if each[1] >= SMALLEST_SHARE), key=itemgetter(1))
    rest = 1 - math.fsum(share for _, share in shown)
    return tuple(
        f"{name} {100 * share:.0f} %" for name, share in (*reversed(shown), ("other", rest))
    )


def _origin(cell: MeasuredCell, models: Mapping[str, OwnModel]) -> str:
    """Return where weights come from; those of a file with the beginning of their hash."""
    if cell.weights_origin != "file":
        return cell.weights_origin
    own = models.get(f"{cell.identity.model}:{cell.identity.weights}")
    return f"file with SHA-256 {(own.sha256 if own else cell.weights_sha256)[:12]}"


def _span(counts: Sequence[int], noun: str) -> tuple[str, ...]:
    if not counts:
        return ()
    low, high = min(counts), max(counts)
    return (counted(high, noun) if low == high else f"{low:,} to {counted(high, noun)}",)
