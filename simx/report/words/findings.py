"""The findings of a range in sentences, for every format."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby

from simx.common import grouped
from simx.models.pictures import COMPARED_IMAGES
from simx.report.words import figures
from simx.report.words.load import sweep_sentences, trend_sentences
from simx.report.words.names import MOST_NAMED, THE_IMAGES, distinct_names, listed, target_name
from simx.results.schema.times import Scope
from simx.results.statistics.estimates import Ratio
from simx.results.summaries.findings import (
    DIFFERENCE_POINTS,
    HIGH_PERCENT,
    Cost,
    Differing,
    Extremes,
    Similar,
    Slower,
    Smallest,
    findings,
)
from simx.results.summaries.summary import BackboneSummary, RangeSummary, TargetId

Names = Callable[[Sequence[BackboneSummary]], list[str]]

_SCOPES: Mapping[Scope, str] = {
    "forward": "forward time",
    "pipeline": "embedding inference time",
    "similarity": "similarity inference time",
}


def sentences(summary: RangeSummary, *, brief: bool = False) -> tuple[str, ...]:
    """Return the findings of a range, safe to print, one sentence each.

    ``brief`` names at most three backbones in a list. Of the smallest times it keeps those of the
    network alone, or the pipeline's if the report has no others.
    """
    found, words = findings(summary), _Words(summary.backbones, MOST_NAMED if brief else None)
    measured = {each.scope for each in found.smallest}
    kept = measured if not brief else {"forward" if "forward" in measured else "pipeline"}
    smallest = [each for each in found.smallest if each.scope in kept]
    return (
        *smallest_times(smallest, summary.drift, words.names),
        *words.negative(found.negative),
        *words.high(found.high, found.almost),
        *words.dimension(found.dimension),
        *words.margin(found.margin),
        *words.slower(found.slower),
        *words.paid_back(summary.backbones),
        *words.costs(found.costs),
        *words.differing(found.differing),
        *sweep_sentences(summary.curves, MOST_NAMED if brief else None),
        *trend_sentences(summary.settings),
    )


class _Words:
    """Writes the sentences about the backbones of one range."""

    def __init__(self, backbones: Sequence[BackboneSummary], most: int | None) -> None:
        self._most = most
        self._count = len(backbones)
        self._names = distinct_names(backbones)

    def names(self, backbones: Sequence[BackboneSummary]) -> list[str]:
        return [self._name(backbone) for backbone in backbones]

    def _name(self, backbone: BackboneSummary) -> str:
        return self._names[id(backbone)]

    def negative(self, found: Sequence[Similar]) -> Iterator[str]:
        clauses: list[str] = []
        for image in COMPARED_IMAGES:
            of_image = [each for each in found if each.image == image]
            if of_image:
                verb = (
                    "" if clauses else f" {_verb('have', of_image, 'has')} a similarity below 0 %"
                )
                clauses.append(f"{self._similar(of_image)}{verb} with {THE_IMAGES[image]}")
        if clauses:
            yield f"{'; '.join(clauses)}."

    def high(self, reached: Sequence[Similar], almost: Sequence[Similar]) -> Iterator[str]:
        goal = f"a similarity of {HIGH_PERCENT:g} % with the positive"
        if len(reached) == self._count > MOST_NAMED:
            percents = sorted(reached, key=lambda each: each.percent)
            span = f"{_percent(percents[0])} to {_percent(percents[-1])}"
            yield f"All {len(reached)} backbones reach {goal} ({span})."
        elif reached:
            text = f"{self._similar(reached)} {_verb('reach', reached, 'reaches')} {goal}"
            if almost:
                text += f"; {self._similar(almost)} almost {_verb('do', almost, 'does')}"
            yield f"{text}."
        elif almost:
            yield f"{self._similar(almost)} almost {_verb('reach', almost, 'reaches')} {goal}."

    def dimension(self, found: Extremes | None) -> Iterator[str]:
        if found:
            lowest, highest = self._sharing(found.lowest), self._sharing(found.highest)
            verb = _verb("have", found.lowest, "has")
            yield (
                f"{lowest} {verb} the smallest dimension ({found.low:.0f}), "
                f"{highest} the largest ({found.high:.0f})."
            )

    def margin(self, found: Extremes | None) -> Iterator[str]:
        if found:
            best, worst = self._sharing(found.highest), self._sharing(found.lowest)
            yield (
                f"{best} {_verb('have', found.highest, 'has')} the best margin "
                f"({_points(found.high, found.highest[0])}), "
                f"{worst} the worst ({_points(found.low, found.lowest[0])})."
            )

    def slower(self, found: Sequence[Slower]) -> Iterator[str]:
        for pair, of in grouped(found, lambda each: (each.target, each.than)).items():
            names = [f"{self._name(each.backbone)} ({_speed(each.speed)})" for each in of]
            slower, than = map(target_name, pair)
            yield f"In forward {slower} is slower than {than} for {listed(names, self._most)}."

    def paid_back(self, backbones: Sequence[BackboneSummary]) -> Iterator[str]:
        found: dict[tuple[TargetId, TargetId], list[tuple[float, str]]] = defaultdict(list)
        for backbone, cell in ((each, cell) for each in backbones for cell in each.measured):
            if of := cell.payback:
                found[cell.target, of.than].append((of.calls, self._name(backbone)))
        for (target, than), calls in found.items():
            ends = sorted(calls)[:: max(1, len(calls) - 1)]
            texts = (f"{count:,.0f} calls ({name})" for count, name in ends)
            yield (
                f"{target_name(target)} starts more slowly than {target_name(than)}, and has made "
                f"up for it after {' to '.join(texts)}."
            )

    def costs(self, found: Sequence[Cost]) -> Iterator[str]:
        for target, costs in grouped(found, lambda each: each.target).items():
            where = target_name(target)
            if len(costs) <= MOST_NAMED:
                margins = [
                    f"{_decimal(each.margin)} points for {self._name(each.backbone)} "
                    f"(fp32: {_decimal(each.in_full)})"
                    for each in costs
                ]
                yield f"With {where} the margin is {listed(margins)}."
            else:
                costs.sort(key=lambda each: each.margin - each.in_full)
                least, most = (
                    f"{each.margin - each.in_full:+.2f} points ({self._name(each.backbone)})"
                    for each in (costs[0], costs[-1])
                )
                yield f"With {where} margins differ from those of fp32 by {least} to {most}."

    def differing(self, found: Sequence[Differing]) -> Iterator[str]:
        texts = []
        for lower, higher in ((each.lower, each.higher) for each in found):
            low, high = (
                f"{_percent(each)} on {target_name(each.cell.target)}" for each in (lower, higher)
            )
            where = f"{self._name(lower.backbone)} with {THE_IMAGES[lower.image]}"
            texts.append(f"{where}, {low} and {high}")
        if texts:
            yield (
                f"Similarities differ by more than {DIFFERENCE_POINTS:g} points between backends: "
                f"{'; '.join(texts)}."
            )

    def _similar(self, found: Sequence[Similar]) -> str:
        names = [f"{self._name(each.backbone)} ({_percent(each)})" for each in found]
        return listed(names, self._most)

    def _sharing(self, backbones: Sequence[BackboneSummary]) -> str:
        if len(backbones) <= MOST_NAMED:
            return listed(self.names(backbones))
        return f"{len(backbones)} of {self._count} backbones"


def _speed(speed: Ratio) -> str:
    if figures.is_imprecise(speed):
        return figures.UNKNOWN_TEXT
    return f"{figures.estimate_of(speed)} times as fast{figures.ends(speed)}"


def _verb(plural: str, subjects: Sequence[object], singular: str) -> str:
    return singular if len(subjects) == 1 else plural


def _decimal(percent: float, decimals: int | None = None) -> str:
    return figures.similarity(percent, decimals).figure


def _percent(found: Similar) -> str:
    """Return a similarity. The sign of a very small one shows, too."""
    text = _decimal(found.percent, found.cell.decimals)
    return f"{found.percent:.1g} %" if found.percent and not float(text) else f"{text} %"


def _points(margin: float, backbone: BackboneSummary) -> str:
    return f"{_decimal(margin, backbone.measured[0].decimals)} points"


def smallest_times(
    found: Sequence[Smallest], drift: Mapping[TargetId, float], names: Names
) -> Iterator[str]:
    """Yield the sentences, and one about the drift of the machine's speed.

    Args:
        found: By target and scope.
        drift: The allowance for the drift of each target of the report, as a share.
        names: Returns the names of backbones.
    """
    for (target, scope), group in groupby(found, lambda each: (each.target, each.scope)):
        of = list(group)
        where = [f"on {target_name(target)}"] if len(drift) > 1 else []
        how = [] if of[0].decimals is None else ["by the medians alone"]
        opening = " and ".join(where + how)
        start = f"{opening[0].upper()}{opening[1:]}, " if opening else ""
        yield start + _statement(of, _SCOPES[scope], names)
    drifted = [
        f"{100 * share:.1f} % on {target_name(target)}"
        for target, share in drift.items()
        if round(100 * share, 1) and any(each.target == target for each in found)
    ]
    if drifted:
        yield f"Between backbones the machine drifted by {listed(drifted)}; ties allow for it."


def _statement(found: Sequence[Smallest], what: str, names: Names) -> str:
    by_leaders = grouped(found, lambda each: tuple(names(each.leaders)))
    verb = "has" if len(found[0].leaders) == 1 else "have"
    claims: list[str] = []
    for leaders, of in by_leaders.items():
        claim = "" if claims else f" {verb} the smallest {what}"
        claims.append(listed(leaders, MOST_NAMED) + claim + _occasions(of))
    ties = _shared_ties(found, names) if len(claims) > 1 else None
    if ties is not None:
        return f"{', '.join(claims[:-1])}, and {claims[-1]}{ties}."
    of_each = (_ties(of, names) for of in by_leaders.values())
    return f"{'; '.join(map(''.join, zip(claims, of_each, strict=True)))}."


def _shared_ties(found: Sequence[Smallest], names: Names) -> str | None:
    """Return the ties of several leaders; None if they do not have the same."""
    sets = {frozenset(names((*each.leaders, *each.tied))) for each in found}
    if not any(each.tied for each in found):
        return ""
    if len(sets) > 1:
        return None
    leaders = {name for each in found for name in names(each.leaders)}
    tied = [name for name in names(found[0].tied) if name not in leaders]
    others = f" with each other and with {listed(tied, MOST_NAMED)}" if tied else ""
    return f"; they are tied{others}"


def _ties(found: Sequence[Smallest], names: Names) -> str:
    """Return the ties of a leader for all its pictures, and those for some of them."""
    tied = [names(each.tied) for each in found]
    common = [name for name in tied[0] if all(name in of for of in tied)]
    text = f", tied with {listed(common, MOST_NAMED)}" if common else ""
    for each, of in zip(found, tied, strict=True):
        further = [name for name in of if name not in common]
        if further and each.image:
            also = "also with" if common else "tied with"
            text += f"; for {THE_IMAGES[each.image]} {also} {listed(further, MOST_NAMED)}"
    return text


def _occasions(found: Sequence[Smallest]) -> str:
    pictures = [f"{THE_IMAGES[each.image]} ({_time(each)})" for each in found if each.image]
    return f" for {listed(pictures)}" if pictures else f" ({_time(found[0])})"


def _time(found: Smallest) -> str:
    quoted = found.decimals is not None
    unit = figures.similarity_unit(quoted=quoted) if found.scope == "similarity" else "ms"
    value = figures.time(found.time, unit, decimals=found.decimals)
    return figures.in_sentence(value, unit)
