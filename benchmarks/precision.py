"""What half-width the torch/ORT ratio reaches, beside a floor taken in the same minutes.

Backbones of GFLOPS range 0 are measured group by group. After each group the floor is taken of each
of its backbones: a bare script makes single calls of both engines in turn, each in its own process,
for as many seconds as the benchmark took for it, and gives the interval of their ratio. The groups
are put together as one report, as a single run would have written it, so that variances are
moderated by those of all backbones. "Own variance" is the half-width by the same raw times without
that. Prints a table in Markdown for each profile.

    python -m benchmarks.precision --profiles quick
    python -m benchmarks.precision --profiles default --backbones 5 --minutes 10
"""

import argparse
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

import msgspec

import simx
from benchmarks.side_by_side import Engine, is_over, ratio_of_calls
from simx.exporter.jobs.plan import Exported
from simx.models.catalogue import of_torchvision
from simx.models.ranges import DEFAULT_RANGES
from simx.results.files.report import write
from simx.results.schema.config import ProfileName
from simx.results.schema.report import Report
from simx.results.summaries.derivation import backbones
from simx.results.summaries.summary import BackboneSummary
from simx.runner.bench.threads import default_threads

PROFILES: tuple[ProfileName, ...] = ("quick", "default")
SECONDS = 40.0
"""Of each backbone, at the default profile."""

WANTED = 0.015
"""The default profile's half-width."""


class Row(NamedTuple):
    """A backbone's half-widths, as shares of the ratio; None where a busy machine left none."""

    model: str
    seconds: float
    simx: float | None
    own: float | None
    floor: float


def main() -> None:
    """Measure group after group with each profile, and print its table when its time is up."""
    parser = argparse.ArgumentParser(description="Half-widths of the ratio, beside a floor.")
    parser.add_argument("--profiles", nargs="+", choices=PROFILES, default=PROFILES)
    parser.add_argument("--backbones", type=int, default=20, help="of range 0")
    parser.add_argument("--group", type=int, default=5, help="backbones between two floors")
    parser.add_argument("--minutes", type=float, default=60.0, help="for each profile")
    parser.add_argument("--store")
    parser.add_argument("--folder", type=Path, help="where PROFILE.json is kept")
    options = parser.parse_args()
    chosen = some(options.backbones)
    exports = simx.export(chosen, store=options.store)
    engines = {each.backbone.model: pair(each) for each in exports if isinstance(each, Exported)}
    groups = [chosen[at : at + options.group] for at in range(0, len(chosen), options.group)]
    for profile in options.profiles:
        begun = time.monotonic()
        reports: list[Report] = []
        floors: dict[str, float] = {}
        while len(reports) < len(groups) and not is_over(begun, len(reports), options.minutes):
            reports.append(measured(groups[len(reports)], profile, options.store))
            for stop in reports[-1].stops:
                found = ratio_of_calls(*engines[stop.model], stop.seconds)
                floors[stop.model] = found.half_width
                print(f"{stop.model}: floor {found}", flush=True)
        whole = joined(reports)
        if options.folder is not None:
            write(options.folder / f"{profile}.json", whole)
        print(f"\n{profile}, {(time.monotonic() - begun) / 60:.1f} minutes\n")
        show([row(each, whole, floors) for each in backbones(whole)])


ALL = 1000
"""More backbones than range 0 has."""


def some(count: int) -> list[str]:
    """Return the names of so many backbones of range 0, of as many families as they can be."""
    low = DEFAULT_RANGES[0]
    inside = [each.model for each in of_torchvision() if each.default and each.gflops in low]
    count = min(count, len(inside))
    return [inside[place * len(inside) // count] for place in range(count)]


def pair(exported: Exported) -> tuple[Engine, Engine]:
    """Return torch and ONNX Runtime with a backbone."""
    side, threads = exported.entry.manifest.preset.crop, default_threads()
    graph = str(exported.entry.model_path)
    return (
        Engine("torch", exported.backbone.model, side, threads),
        Engine("ort", graph, side, threads),
    )


def measured(group: Sequence[str], profile: ProfileName, store: str | None) -> Report:
    """Measure some backbones in one run."""
    with tempfile.TemporaryDirectory() as folder:
        return simx.bench(
            group,
            report=Path(folder, "report.json"),
            profile=profile,
            budget=SECONDS if profile == "default" else None,
            store=store,
        )


def joined(reports: Sequence[Report]) -> Report:
    """Return the groups as one report."""
    first = reports[0]
    assert first.config is not None  # noqa: S101 - it was measured here
    stops = tuple(stop for each in reports for stop in each.stops)
    names = tuple(f"{stop.model}:{stop.weights}" for stop in stops)
    return msgspec.structs.replace(
        first,
        config=msgspec.structs.replace(first.config, backbones=names),
        cells=tuple(cell for each in reports for cell in each.cells),
        canary=tuple(canary for each in reports for canary in each.canary),
        preparations=tuple(of for each in reports for of in each.preparations),
        stops=stops,
    )


def row(backbone: BackboneSummary, whole: Report, floors: Mapping[str, float]) -> Row:
    """Return the half-widths of one backbone of a report."""
    # A report of one backbone has nothing to moderate its variance by.
    cells = tuple(each for each in whole.cells if each.identity.model == backbone.model)
    (alone,) = backbones(msgspec.structs.replace(whole, cells=cells))
    stop = backbone.stop
    return Row(
        model=backbone.model,
        seconds=stop.seconds if stop else 0.0,
        simx=half_width(backbone),
        own=half_width(alone),
        floor=floors[backbone.model],
    )


def half_width(backbone: BackboneSummary) -> float | None:
    """Return the half-width of the ratio; None where a busy machine left none."""
    widths = (cell.speed.half_width for cell in backbone.measured if cell.speed)
    return next(widths, None)


def show(rows: Sequence[Row]) -> None:
    """Print a table, and what it comes to at the median of the backbones with figures."""
    print("| backbone | seconds | simx | own variance | floor | simx / floor |")
    print("|---|---:|---:|---:|---:|---:|")
    for each in rows:
        times = "" if each.simx is None else f"{each.simx / each.floor:.2f}"
        print(
            f"| {each.model} | {each.seconds:.1f} | {percent(each.simx)} | {percent(each.own)} | "
            f"{percent(each.floor)} | {times} |"
        )
    found = [(each.simx, each.own or 0.0, each.floor) for each in rows if each.simx is not None]
    if not found:
        print("\nno backbone has figures: the machine was busy")
        return
    ours, own, floor = map(median, zip(*found, strict=True))
    print(
        f"| **median** | {median(each.seconds for each in rows):.1f} | {percent(ours)} | "
        f"{percent(own)} | {percent(floor)} | "
        f"**{median(simx / floor for simx, _, floor in found):.2f}** |\n"
    )
    reached = sum(simx <= WANTED for simx, _, _ in found)
    print(
        f"{reached} of {len(rows)} are within {100 * WANTED:g} %; the widest has "
        f"{percent(max(simx for simx, _, _ in found))}; {len(rows) - len(found)} have no figure "
        "because the machine was busy"
    )


def percent(share: float | None) -> str:
    """Return a share as per cent."""
    return "busy" if share is None else f"{100 * share:.2f} %"


if __name__ == "__main__":
    main()
