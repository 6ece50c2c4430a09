"""Which backbones have the smallest times: a sentence for each target and scope."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby

from simx.report.words import figures
from simx.report.words.names import MOST_NAMED, THE_IMAGES, listed, target_name
from simx.results.schema.times import Scope
from simx.results.summaries.findings import Smallest
from simx.results.summaries.summary import BackboneSummary, TargetId

Names = Callable[[Sequence[BackboneSummary]], list[str]]

_SCOPES: Mapping[Scope, str] = {
    "forward": "forward time",
    "pipeline": "embedding inference time",
    "similarity": "similarity inference time",
}


def smallest_times(
    found: Sequence[Smallest], drift: Mapping[TargetId, float], names: Names
) -> Iterator[str]:
    """Yield the sentences, and one about the drift of the machine's speed meanwhile.

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
    """Name the backbone with the smallest time of each picture, and those tied with it."""
    by_leaders: dict[tuple[str, ...], list[Smallest]] = {}
    for each in found:
        by_leaders.setdefault(tuple(names(each.leaders)), []).append(each)
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
    """Return each picture with its time; only the time if there is no picture."""
    pictures = [f"{THE_IMAGES[each.image]} ({_time(each)})" for each in found if each.image]
    return f" for {listed(pictures)}" if pictures else f" ({_time(found[0])})"


def _time(found: Smallest) -> str:
    quoted = found.decimals is not None
    unit = figures.similarity_unit(quoted=quoted) if found.scope == "similarity" else "ms"
    return f"{figures.time(found.time, unit, decimals=found.decimals).figure} {unit}"
