"""A network's parts, fine enough to show where the time goes, and coarse enough to compare.

The network is divided at its modules, always the part that takes the longest. Modules that one
kernel computes together stay in one part, unless that kernel is a small piece of one of them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from simx.results.schema.kernels import Kernel, Kernels, Step

MOST_PARTS = 24

_TOGETHER = 0.1
"""Modules stay together if kernels of both take this share of the time of each of them."""

Modules = frozenset[str]


def parts_of(profiles: Sequence[Kernels], most: int = MOST_PARTS) -> dict[Modules, str]:
    """Return disjoint sets of modules with their names, in the order in which they are computed.

    Args:
        profiles: of both sides.
        most: parts.
    """
    order = dict.fromkeys(
        module for profile in profiles for each in profile for module in each.modules
    )
    whole = frozenset(order)
    parts: dict[Modules, str] = {whole: "network"} if order else {}
    prefix_of = {whole: ""}  # of those that may be divided
    while prefix_of and parts:
        longest = max(prefix_of, key=lambda each: (_share(profiles, each), sorted(each)))
        prefix = prefix_of.pop(longest)
        groups = _divided(profiles, longest, prefix)
        share = _share(profiles, longest)
        # What is fused for the most part is one thing, whatever else is in it.
        fused = any(len(of) > 1 and _share(profiles, its) > share / 2 for of, its in groups.items())
        is_small = longest != whole and share < 1 / most
        if fused or is_small or len(parts) - 1 + len(groups) > most:
            continue
        for prefixes, modules in groups.items():
            if len(groups) > 1:
                parts.pop(longest, None)
                parts[modules] = ", ".join(_name(each, prefix) for each in prefixes)
            if len(prefixes) == 1 and prefixes != (prefix,):
                prefix_of[modules] = prefixes[0]
    place = {module: number for number, module in enumerate(order)}
    return dict(sorted(parts.items(), key=lambda part: min(map(place.__getitem__, part[0]))))


def _name(module: str, divided: str) -> str:
    return f"{module or 'network'} itself" if module == divided else module


def spread(kernel: Kernel | Step, parts: Mapping[Modules, str]) -> list[str]:
    """Return the names of the parts that a kernel belongs to."""
    return [name for modules, name in parts.items() if not modules.isdisjoint(kernel.modules)]


def _divided(
    profiles: Sequence[Kernels], part: Modules, prefix: str
) -> dict[tuple[str, ...], Modules]:
    """Return a part's modules by the prefixes one level below; linked ones are together."""
    below = {module: _below(module, prefix) for module in part}
    links = {each: {each} for each in dict.fromkeys(below.values())}
    for one, other in _linked(profiles, below):
        joined = links[one] | links[other]
        for each in joined:
            links[each] = joined
    groups: dict[tuple[str, ...], Modules] = {}
    for joined in links.values():
        modules = frozenset(module for module, its in below.items() if its in joined)
        groups[tuple(sorted(joined))] = modules
    return groups


def _below(module: str, prefix: str) -> str:
    """Return the child of a prefix that a module belongs to; the prefix itself is its own."""
    start = len(prefix) + 1 if prefix else 0
    return module[:start] + module[start:].partition(".")[0]


def _linked(profiles: Sequence[Kernels], below: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """Yield pairs that kernels of both take a large share of, on one of the sides."""
    for profile in profiles:
        alone: dict[str, float] = defaultdict(float)
        both: dict[tuple[str, str], float] = defaultdict(float)
        for kernel in profile:
            its = sorted({below[module] for module in kernel.modules if module in below})
            for place, one in enumerate(its):
                alone[one] += kernel.ns
                for other in its[place + 1 :]:
                    both[one, other] += kernel.ns
        for (one, other), ns in both.items():
            if ns > _TOGETHER * max(alone[one], alone[other]):
                yield one, other


def _share(profiles: Sequence[Kernels], part: Modules) -> float:
    """Return the largest share of a side's time that kernels of a part take."""
    return max(
        sum(each.ns for each in profile if not part.isdisjoint(each.modules))
        / (sum(each.ns for each in profile) or 1.0)
        for profile in profiles
    )
