"""What `simx history` finds in simulated series, beside simpler rules and its parts alone.

500 series of 60 reports: a quarter each without a change and with one of 1, 3 and 5 %. The noise is
normal, heavy-tailed, like its predecessor, or wanders, with the spread of a machine of one's own or
of a virtual one. Of each rule: the changes that it finds, at most five reports away; the series
without a change in which it finds one; and how many of the found ones' intervals hold the true
size. With ``--days`` also the reports until it finds a change, if it looks after each of them;
with ``--targets`` what `simx history` makes of 60 and of ten reports with 20 cells, which have good
and bad days in common, and noise of 0.5 to 4 % besides.

    python benchmarks/history.py [--days | --targets]
"""

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student
from scipy.stats import ttest_ind

from simx.results.comparison.changes import benjamini_hochberg
from simx.results.history.change_points import (
    DETECTORS,
    FEWEST,
    LEVEL,
    SHORTEST,
    Detector,
    LevelChange,
    energy_changes,
    energy_split,
    level_changes,
    partition,
)
from simx.results.history.entries import Entry, Point, Stored
from simx.results.history.history import History, Level, history
from simx.results.summaries.summary import CellLabel

Values = npt.NDArray[np.float64]
Found = dict[int, list[LevelChange]]
Rule = Callable[[Sequence[Values]], Found]
"""Series to the changes that are found in each of them, by its place."""

SERIES, OF_DAYS, REPORTS = 500, 40, 60
TARGETS, CELLS = 40, 20
SIZES = (0.0, 0.01, 0.03, 0.05)
OF_TARGETS = ((REPORTS, SIZES), (10, (0.0, 0.03, 0.1, 0.2)))
"""Reports of a target, and the sizes of changes."""

NEAR = 5
THRESHOLD = 0.05
HUNTER_LEVEL = 0.001


def normal(random: np.random.Generator, size: tuple[int, int]) -> Values:
    """Return independent noise."""
    return random.normal(size=size)


def heavy(random: np.random.Generator, size: tuple[int, int]) -> Values:
    """Return independent noise with heavy tails: Student's t with three degrees of freedom."""
    return random.standard_t(3, size=size) / math.sqrt(3)


def alike(random: np.random.Generator, size: tuple[int, int]) -> Values:
    """Return noise whose values resemble their predecessors by a correlation of 0.5."""
    noise = random.normal(size=size)
    for at in range(1, size[1]):
        noise[:, at] = 0.5 * noise[:, at - 1] + math.sqrt(0.75) * noise[:, at]
    return noise


def wandering(random: np.random.Generator, size: tuple[int, int]) -> Values:
    """Return heavy-tailed noise, and a random walk that is as far away after 60 reports."""
    walk = random.normal(size=size).cumsum(axis=1) / math.sqrt(REPORTS)
    return 0.8 * random.standard_t(4, size=size) / math.sqrt(2) + 0.6 * walk


def planted(
    noise: Callable[[np.random.Generator, tuple[int, int]], Values], spread: float, count: int
) -> tuple[Values, Values, npt.NDArray[np.int64]]:
    """Return so many series, the size of each one's change in logarithms, and its place."""
    random = np.random.default_rng(1)
    sizes = np.log1p(np.resize(SIZES, SERIES)) * random.choice([-1, 1], SERIES)
    places = random.integers(20, 50, SERIES)
    series = spread * noise(random, (SERIES, REPORTS))
    series = series + sizes[:, None] * (np.arange(REPORTS) >= places[:, None])
    return series[:count], sizes[:count], places[:count]


def change(at: int, size: float, p: float = 0.0, half: float = math.nan) -> LevelChange:
    """Return a change whose place is certain."""
    return LevelChange(at=at, first=at, last=at, size=size, half=half, p=p)


def threshold(series: Sequence[Values]) -> Found:
    """Find reports more than 5 % off the median of the ten before."""
    return _last_against(series, 10, lambda old, new: abs(new - float(np.median(old))) > THRESHOLD)


def t_test(series: Sequence[Values]) -> Found:
    """Find reports outside the 98 % prediction interval of all before, as Bencher's t-test does."""

    def differs(old: Values, new: float) -> bool:
        error = float(old.std(ddof=1)) * math.sqrt(1 + 1 / len(old))
        return abs(new - float(old.mean())) > float(student.ppf(0.99, len(old) - 1)) * error

    return _last_against(series, REPORTS, differs)


def _last_against(
    series: Sequence[Values], most: int, differs: Callable[[Values, float], bool]
) -> Found:
    return {
        number: [
            change(at, float(logs[at] - np.median(logs[:at])))
            for at in range(10, len(logs))
            if differs(logs[max(0, at - most) : at], float(logs[at]))
        ]
        for number, logs in enumerate(series)
    }


def hunter(series: Sequence[Values]) -> Found:
    """Find changes as Hunter and Otava do: E-divisive, and a t-test at 0.1 %, nothing corrected."""
    return {number: list(_hunter(logs)) for number, logs in enumerate(series)}


def _hunter(logs: Values) -> Iterator[LevelChange]:
    places: list[int] = []
    parts = [(0, len(logs))]
    while parts:
        begin, end = parts.pop()
        if end - begin >= 2 * SHORTEST:
            at = begin + energy_split(logs[begin:end])
            if _t_test(logs, begin, at, end) < 10 * HUNTER_LEVEL:
                places = sorted([*places, at])
                parts += [(begin, at), (at, end)]
    while places:
        ends = [0, *places, len(logs)]
        p_values = [_t_test(logs, *ends[at : at + 3]) for at in range(len(places))]
        weakest = int(np.argmax(p_values))
        if p_values[weakest] < HUNTER_LEVEL:
            break
        del places[weakest]
    ends = [0, *places, len(logs)]
    for begin, at, end in zip(ends[:-2], places, ends[2:], strict=True):
        yield change(at, float(logs[at:end].mean() - logs[begin:at].mean()))


def _t_test(logs: Values, begin: int, at: int, end: int) -> float:
    return float(ttest_ind(logs[begin:at], logs[at:end]).pvalue)


def simx(series: Sequence[Values], detectors: Sequence[Detector] = DETECTORS) -> Found:
    """Find changes as `simx history` does: both detectors, and the false ones limited."""
    found = {
        number: list(level_changes(logs, np.full(len(logs), np.nan), detectors))
        for number, logs in enumerate(series)
    }
    p_values = [p for of in found.values() for p in ([each.p for each in of] or [1.0])]
    q_values = iter(benjamini_hochberg(p_values))
    kept: Found = {}
    for number, of in found.items():
        judged = list(zip(of, [next(q_values) for _ in range(max(1, len(of)))], strict=False))
        kept[number] = [each for each, q in judged if q <= LEVEL]
    return kept


RULES: dict[str, Rule] = {
    "a threshold of 5 %": threshold,
    "a t-test": t_test,
    "Hunter's rule": hunter,
    "partition alone": partial(simx, detectors=(partition,)),
    "E-divisive alone": partial(simx, detectors=(energy_changes,)),
    "simx history": simx,
}


def main() -> None:
    """Print a row for each noise, spread and rule."""
    parser = argparse.ArgumentParser(description="What simx history finds.")
    parser.add_argument(
        "--days",
        action="store_true",
        help="look after each report, at 40 of the series with heavy tails",
    )
    parser.add_argument("--targets", action="store_true", help="cells of one target together")
    arguments = parser.parse_args()
    if arguments.targets:
        _targets()
        return
    every_day = arguments.days
    print("noise | spread | rule | found of 1, 3, 5 % | reports until 3, 5 % | false | covered")
    for noise in (heavy,) if every_day else (normal, heavy, alike, wandering):
        for spread in (0.01, 0.03):
            made = planted(noise, spread, OF_DAYS if every_day else SERIES)
            for name, rule in RULES.items():
                if every_day and name.endswith("alone"):
                    continue
                row = _row(rule, *made, every_day=every_day)
                print(f"{noise.__name__} | {100 * spread:.0f} % | {name} | {row}", flush=True)


def _targets() -> None:
    """Print how often a change of one cell, or of all cells, is found and nothing else."""
    random = np.random.default_rng(1)
    for reports, sizes in OF_TARGETS:
        for size, changed in product(sizes, (1, CELLS)):
            found, other, with_others = 0, 0, 0
            for _ in range(TARGETS):
                spreads = 0.015 * np.exp(0.5 * random.normal(size=(CELLS, 1)))
                logs = 0.02 * heavy(random, (1, reports))
                logs = logs + spreads * heavy(random, (CELLS, reports))
                logs[:changed, reports // 2 :] += math.log1p(size)
                seen = [each for event in _history(logs).events for each in event.changes]
                right = [
                    each
                    for each in seen
                    if abs(each.report - reports // 2) <= min(NEAR, reports // 10)
                    and (each.cells > 0 if changed > 1 else bool(each.cell) and _is_first(each))
                ]
                found += bool(right)
                other += len(seen) - len(right)
                with_others += len(seen) > len(right)
            print(
                f"{reports} reports, {100 * size:.0f} % in {changed} of {CELLS} cells: found in "
                f"{found} of {TARGETS} targets; {other} other changes, in {with_others} of them",
                flush=True,
            )


def _is_first(of: Level) -> bool:
    return of.cell is not None and of.cell.model == "0"


def _history(logs: Values) -> History:
    entries = [
        Entry(
            created="",
            simx="",
            environment=None,
            canaries=(),
            points=tuple(
                Point(cell=_cell(str(number)), graph=None, log=float(log), error=None)
                for number, log in enumerate(of_report)
            ),
        )
        for of_report in logs.T
    ]
    return history([Stored(str(number), each) for number, each in enumerate(entries)])


def _cell(model: str) -> CellLabel:
    return CellLabel(
        model=model,
        weights="",
        embedding="pooled",
        backend="ort",
        provider="CPUExecutionProvider",
        precision="fp32",
        batch=1,
        threads=1,
        weights_origin=None,
        weights_sha256=None,
    )


def _row(
    rule: Rule, series: Values, sizes: Values, places: npt.NDArray[np.int64], *, every_day: bool
) -> str:
    found = rule(list(series))
    nearest = {
        number: hits[0]
        for number, changes in found.items()
        if sizes[number]
        and (hits := [each for each in changes if abs(each.at - places[number]) <= NEAR])
    }
    of_size = {size: np.isclose(abs(sizes), math.log1p(size)) for size in SIZES}
    hit = np.isin(np.arange(len(series)), list(nearest))
    shares = ", ".join(f"{100 * hit[of_size[size]].mean():.0f}" for size in SIZES[1:])
    false = sum(bool(found[number]) for number in np.flatnonzero(of_size[0.0]).tolist())
    extra = sum(map(len, found.values())) - len(nearest)
    covered = [abs(each.size - sizes[number]) <= each.half for number, each in nearest.items()]
    text = f"{shares} | {{}} | {false} of {int(of_size[0.0].sum())}, {extra} in all{{}} | "
    if not any(math.isnan(each.half) for each in nearest.values()):
        placed = [each.first <= places[number] <= each.last for number, each in nearest.items()]
        text += f"{100 * np.mean(covered):.0f} %, place {100 * np.mean(placed):.0f} %"
    return text.format(*(_days(rule, series, sizes, places, of_size) if every_day else ("", "")))


def _days(
    rule: Rule,
    series: Values,
    sizes: Values,
    places: npt.NDArray[np.int64],
    of_size: dict[float, npt.NDArray[np.bool_]],
) -> tuple[str, str]:
    """Return how many reports it takes to find changes, and the false series of any day."""
    late, false = np.full(len(series), np.inf), np.zeros(len(series), dtype=bool)
    for day in range(FEWEST, REPORTS + 1):
        for number, changes in rule(list(series[:, :day])).items():
            near = [each for each in changes if abs(each.at - places[number]) <= NEAR]
            if sizes[number] and near and day > places[number]:
                late[number] = min(late[number], day - 1 - places[number])
            false[number] |= bool(changes)
    texts = []
    for size in SIZES[2:]:
        middle = float(np.median(late[of_size[size]]))
        texts.append(f"{middle:.0f}" if math.isfinite(middle) else "never")
    return ", ".join(texts), f", {int(false[of_size[0.0]].sum())} on some day"


if __name__ == "__main__":
    main()
