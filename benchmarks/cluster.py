"""Does a benchmark on a cluster keep its promises while its nodes are killed?

Nodes of a Ray cluster on this machine measure backbones on a backend of known times. Nodes are
killed at random moments, and others join; sometimes the driver is killed and resumed, too. Printed
is what must be zero: acknowledged backbones that were lost or changed, backbones without a figure,
launches of two nodes in one figure, calls on one node at the same time, processes left. Needs Ray.

    python -m benchmarks.cluster --kills 100
"""

import argparse
import random
import statistics
import tempfile
import time
from pathlib import Path

import msgspec

from simx.common.errors import ExitCode
from simx.results.files.assembly import forward_of
from simx.results.files.journal import journal_path, read_journal
from simx.results.files.journal_lines import FinishedLaunch, JournaledBackbone
from simx.results.files.report import read
from simx.results.schema.report import MeasuredCell, Report
from simx.results.schema.times import block_median
from tests.cluster.clusters import cluster, left
from tests.cluster.timed import BACKBONES, calls, fill, overlaps, seconds_of
from tests.runner.benches import small_pictures

_LONGEST_SECONDS = 20.0
"""Between two kills; the shortest is 1 s."""

_LAUNCHES = 2

_DRIVER_SHARE = 0.1
"""Of the kills that also kill the driver."""

Acknowledged = dict[JournaledBackbone, tuple[FinishedLaunch, ...]]


class Counts(msgspec.Struct):
    """What happened, and what should not have."""

    runs: int = 0
    backbones: int = 0
    kills: int = 0
    driver_kills: int = 0
    begun_again: int = 0
    acknowledged_lost: int = 0
    without_figure: int = 0
    of_two_attempts: int = 0
    calls: int = 0
    overlapping: int = 0
    processes_left: int = 0


def main() -> None:
    """Kill nodes until there were enough kills, and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--backbones", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    counts, errors, differences = Counts(), list[float](), list[float]()
    chance = random.Random(asked.seed)  # noqa: S311 - nothing is kept secret
    begun = time.monotonic()
    while counts.kills < asked.kills:
        with tempfile.TemporaryDirectory() as name:
            report = _run(Path(name), asked, counts, chance)
        errors += _errors(report)
        differences += _differences(report)
        counts.runs += 1
        print(msgspec.json.encode(counts).decode(), flush=True)
    for field, value in msgspec.structs.asdict(counts).items():
        print(f"{field.replace('_', ' '):20} {value}")
    print(f"minutes              {(time.monotonic() - begun) / 60:.0f}")
    for label, shares in (("error of a median", errors), ("nodes differ by", differences)):
        if shares:
            middle, most = 100 * statistics.median(shares), 100 * max(shares)
            print(f"{label:20} {middle:.1f} %, at most {most:.1f} %")


def _run(folder: Path, asked: argparse.Namespace, counts: Counts, chance: random.Random) -> Report:
    """Measure all backbones while nodes are killed, and check what came of it."""
    chosen = BACKBONES[: asked.backbones]
    fill(folder / "store", chosen)
    log, path = folder / "log", folder / "report.json"
    log.mkdir()
    acknowledged: Acknowledged = {}
    written = ""
    with cluster(log, asked.nodes) as nodes:
        options = ("--on", nodes.address, "--store", str(folder / "store"))
        driver = nodes.driver("bench", *_measuring(folder), *options, "-o", str(path))
        while not driver.has_ended and counts.kills < asked.kills:
            time.sleep(chance.uniform(1.0, _LONGEST_SECONDS))
            acknowledged |= _acknowledged(path)
            if not driver.has_ended:
                nodes.kill(chance.randrange(len(nodes.alive)))
                counts.kills += 1
                if journal_path(path).exists() and chance.random() < _DRIVER_SHARE:
                    driver.process.kill()
                    written += driver.end()[1]
                    acknowledged |= _acknowledged(path)
                    counts.driver_kills += 1
                    driver = nodes.driver("bench", "--resume", str(path), "--on", nodes.address)
                nodes.add()
        code, output = driver.end()
        while code == ExitCode.PROVIDER_UNAVAILABLE and journal_path(path).exists():
            # It began in a moment without any node.
            written += output
            driver = nodes.driver("bench", "--resume", str(path), "--on", nodes.address)
            code, output = driver.end()
        if code:
            raise SystemExit(f"the driver ended with {code}: {output[-2000:]}")
        counts.begun_again += (written + output).count("was lost while it measured")
        counts.processes_left += len(left(log, "simx.workers"))
    counts.processes_left += len(left(log))
    report = read(path)
    _check(report, acknowledged, counts)
    found = calls(log)
    counts.calls += len(found)
    counts.overlapping += len(overlaps(found))
    counts.backbones += len(chosen)
    counts.without_figure += len(chosen) - sum(isinstance(c, MeasuredCell) for c in report.cells)
    return report


def _measuring(folder: Path) -> tuple[str, ...]:
    pictures = small_pictures(folder)
    return (
        *("--backend", "timed", "--weights", "random"),
        *("--launches", str(_LAUNCHES), "--rounds", "3"),
        *("--anchor", str(pictures.anchor), "--positive", str(pictures.positive)),
        *("--negative", str(pictures.negative), "--threads", "1"),
    )


def _acknowledged(path: Path) -> Acknowledged:
    """Return the launches of the backbones that the driver's journal has finished."""
    if not journal_path(path).exists():
        return {}
    kept = read_journal(journal_path(path))
    return {
        name: tuple(each for each in kept.launches if each.backbone == name)
        for name in kept.finished
    }


def _check(report: Report, acknowledged: Acknowledged, counts: Counts) -> None:
    """Count acknowledged launches that the report has not, and launches that are there twice."""
    for cell in report.cells:
        if not isinstance(cell, MeasuredCell):
            continue
        launches = forward_of(cell)
        counts.of_two_attempts += [each.index for each in launches] != list(range(_LAUNCHES))
        before = acknowledged.pop((cell.identity.model, cell.identity.weights, None), None)
        if before is not None:
            said = [
                of
                for each in before
                for one in each.cells
                if isinstance(one, MeasuredCell)
                for of in forward_of(one)
            ]
            counts.acknowledged_lost += said != list(launches)
    counts.acknowledged_lost += len(acknowledged)


def _errors(report: Report) -> list[float]:
    """Return by which share each backbone's median is off from what a call takes."""
    found = []
    for cell in report.cells:
        if isinstance(cell, MeasuredCell):
            medians = [block_median(block) for each in forward_of(cell) for block in each.blocks]
            known = 1e9 * seconds_of(cell.identity.model)
            found.append(abs(statistics.median(medians) / known - 1))
    return found


def _differences(report: Report) -> list[float]:
    """Return by which share the reference backbone takes longer on one node than on another."""
    medians = [
        statistics.median(block_median(block) for each in times.launches for block in each.blocks)
        for node in report.nodes
        for times in node.reference
    ]
    return [max(medians) / min(medians) - 1] if len(medians) > 1 else []


if __name__ == "__main__":
    main()
