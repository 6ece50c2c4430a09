"""The result of ``simx explain`` as a document."""

import math
from collections.abc import Iterator, Sequence
from operator import attrgetter

from msgspec.structs import replace

from simx.common.safe_text import clean, counted
from simx.models.backbone import full_name
from simx.models.backend_name import BackendName
from simx.report.blocks.document import Block, Column, Heading, Paragraph, Points, Row, Table
from simx.report.words import figures
from simx.report.words.names import provider_name, weights_name
from simx.report.words.values import ABSENT, NANOSECONDS_PER_MS, Value
from simx.results.explanation.gap import gets_memory_anew, has_denormals, share
from simx.results.explanation.profiles import together
from simx.results.schema.explanation import Explanation, Side
from simx.results.schema.explanation import Row as Part
from simx.results.schema.tuning import Effect, Interaction
from simx.results.statistics.estimates import Ratio
from simx.results.statistics.threads import has_too_few

LARGE_OVERHEAD = 0.1
"""From this difference of a profiled call from ``forward`` on, tables show shares, not times."""

_SMALL = 0.005
"""A share that is stated from here on; rows with less of both sides are left out."""


def explanation_blocks(found: Explanation) -> Iterator[Block]:
    """Yield what makes the gap, the times by kind and by part, and what really executes."""
    name = full_name(clean(found.model), weights_name(found.weights))
    names = side_names(found.sides)
    yield Heading(f"simx explain, {name}, {clean(found.created)}", level=1)
    yield Paragraph(" ".join((*_causes(found, names), _finding(found, names))), tone="strong")
    yield Paragraph(_times(found, names))
    if found.noisy:
        yield Paragraph("Most rounds were disturbed.", tone="warning")
    yield _table("kind of kernel", found, names, found.kinds)
    yield _table("part of the network", found, names, found.parts)
    yield Points(tuple(_notes(found, names)))
    if found.settings:
        yield Heading("By setting, in pictures a second")
        yield Points(tuple(_settings(found)))
    for side, own in zip(found.sides, names, strict=True):
        yield _executed(side, own)


def side_names(sides: Sequence[Side]) -> list[str]:
    """Return the shortest names that tell the sides apart."""
    parts = [(clean(each.backend), provider_name(each.provider), each.precision) for each in sides]
    differ = [place for place in (1, 2) if parts[0][place] != parts[1][place]]
    return [" ".join((each[0], *(each[place] for place in differ))) for each in parts]


def _causes(found: Explanation, names: Sequence[str]) -> Iterator[str]:
    """Yield what makes a side slow as a whole; that of the slower side first."""
    for place in (found.slower, 1 - found.slower):
        side, name = found.sides[place], names[place]
        if has_too_few(side.threads_used, found.threads):
            yield f"{name} computes on {side.threads_used:.1f} of {found.threads} threads."
        if has_denormals(side):
            gain = figures.in_sentence(figures.ratio(side.flushed), "times as fast")
            yield (
                f"{name} computes with denormal numbers: flushing them to zero makes a profiled "
                f"call {gain}."
            )
        if gets_memory_anew(side):
            faults = f"{side.page_faults:,.0f} page faults"
            yield f"{name} gets memory anew from the system: {faults} in each call."


def _finding(found: Explanation, names: Sequence[str]) -> str:
    """Return what makes the gap, in a sentence or two."""
    slow, fast = names[found.slower], names[1 - found.slower]
    losses = [row for row in found.kinds if row.lost > 0]
    if not losses:
        return f"{slow} loses nothing to {fast}."
    first, *others = losses
    total = sum(row.gap_ns for row in losses)
    finding = (
        f"{first.name.capitalize()}: {100 * first.lost:.0f} % of what {slow} loses to {fast} "
        f"({_ms(first.gap_ns)} of {_ms(total)} ms)"
    )
    finding += "".join(f"; then {each.name}, {100 * each.lost:.0f} %" for each in others[:1])
    where = max(found.parts, key=lambda row: row.lost)
    finding += f". Of the parts, {clean(where.name)} loses most: {100 * where.lost:.0f} %."
    its = found.ratio
    is_open = its is None or its.low is None or its.high is None or its.low <= 1 <= its.high
    return finding + (" But the two are not told apart as a whole." if is_open else "")


def _times(found: Explanation, names: Sequence[str]) -> str:
    times = (figures.time(side.forward, spread=True) for side in found.sides)
    sides = (
        f"{name} {_verb(time)} {figures.in_sentence(time, 'ms')}"
        for name, time in zip(names, times, strict=True)
    )
    ratio = figures.in_sentence(figures.ratio(found.ratio), "times as long")
    settings = (counted(found.launches, "launch"), counted(found.threads, "thread"))
    return f"{' and '.join(sides)}: {ratio}. {', '.join(settings)}, batch {found.batch}."


def _verb(time: Value) -> str:
    return "was" if time == figures.UNKNOWN else "takes"


def _in_shares(found: Explanation) -> bool:
    return any(abs(side.scale - 1) > LARGE_OVERHEAD for side in found.sides)


def _table(by: str, found: Explanation, names: Sequence[str], rows: Sequence[Part]) -> Table:
    wholes = [side.profiled_ns for side in found.sides]
    in_shares = _in_shares(found)

    def figure(ns: float, whole: float) -> Value:
        if not ns:
            return ABSENT
        return figures.percent(ns / whole) if in_shares else Value(_ms(ns))

    shown = []
    for row in rows:
        pairs = tuple(zip(row.ns, wholes, strict=True))
        if any(ns >= _SMALL * whole for ns, whole in pairs):
            gap = Value(f"{row.gap_ns / NANOSECONDS_PER_MS:+.2f}")
            lost = Value(f"{100 * row.lost:.0f}") if row.lost >= _SMALL else ABSENT
            times = (figure(ns, whole) for ns, whole in pairs)
            reached = (
                figures.fixed(100 * share_of(each) if each else None, 0)
                for share_of in (attrgetter("peak"), attrgetter("bandwidth"))
                for each in row.reached
            )
            shown.append(
                Row(
                    (
                        Value(clean(row.name)),
                        *times,
                        gap,
                        lost,
                        *(reached if found.ceilings else ()),
                    )
                )
            )
    columns = (
        Column(by.partition(" ")[0], justify="left"),
        *(Column(name, "%" if in_shares else "ms") for name in names),
        Column(f"{names[found.slower]} longer by", "ms"),
        Column("lost", "%"),
        *(
            Column(name, "%", group=group)
            for group in ("of peak", "of bandwidth")
            for name in names
            if found.ceilings
        ),
    )
    return Table(title=f"By {by}", columns=columns, rows=tuple(shown))


def _notes(found: Explanation, names: Sequence[str]) -> Iterator[str]:
    for side, name in zip(found.sides, names, strict=True):
        together_ns, change = _ms(side.profiled_ns), f"{100 / side.scale - 100:+.1f} %"
        yield f"{name}: its parts take {together_ns} ms in a profile, {change} against forward"
        if (alone := share(side, lambda each: not each.modules)) >= _SMALL:
            yield f"{name}: {100 * alone:.1f} % of the time is of no module"
    if found.ceilings:
        flops, moved = found.ceilings
        yield (
            f"the peak is {flops / 1e9:.0f} GFLOP/s and the bandwidth {moved / 1e9:.1f} GB/s, the "
            "most that a product, a copy or a row reached"
        )
    if _in_shares(found):
        yield "profiling changes the times, so the tables show shares of a profiled call"
    yield "differences are those of times that are scaled to forward"
    yield "a kernel of several parts gives each of them an equal share"


def _settings(found: Explanation) -> Iterator[str]:
    """Yield what changes of settings are worth: the largest effects first, then pairs of them."""
    single = [each for each in found.settings if each.change != "backend"]
    for each in sorted(single, key=lambda each: -abs(math.log(each.gain.value))):
        yield f"{_change(each.change).capitalize()} {_worth(each.gain)}: {_backend(each)}"
    for both in found.pairs:
        if both.excess.differs_from_one:
            names, product = map(_change, both.changes), both.gain.value / both.excess.value
            would = "be worth" if product > 1 else "cost"
            yield (
                f"{' and '.join(names).capitalize()} together {_worth(both.gain, 'are', '')}; "
                f"if neither changed what the other gains, they would {would} "
                f"{100 * abs(product - 1):.0f} %: {_backend(both)}"
            )


def _change(change: str) -> str:
    factor, _, value = change.partition(" ")
    return counted(int(value), "thread") if factor == "threads" else clean(value)


def _worth(gain: Ratio, verb: str = "is", plural: str = "s") -> str:
    """Return what a gain is in percent, such as ``is worth 4 % (3 to 5)``."""
    ends = sorted(100 * (each - 1) for each in (gain.low or 0.0, gain.high or math.inf))
    if not gain.differs_from_one:
        return f"make{plural} no difference that shows ({ends[0]:.0f} to {ends[1]:.0f} %)"
    low, value, high = sorted(map(abs, (*ends, 100 * (gain.value - 1))))
    worth = f"{verb} worth" if gain.value > 1 else f"cost{plural}"
    return f"{worth} {value:.0f} % ({low:.0f} to {high:.0f})"


def _backend(of: Effect | Interaction) -> str:
    return clean(BackendName.parse(of.settings.backend).in_a_report)


def _executed(side: Side, name: str) -> Table:
    """Return the kernels of a side by operator and numbers."""
    alike = together(replace(each, modules=()) for each in side.kernels)
    rows = (
        (
            clean(each.operator) or "(none)",
            each.kind,
            clean(each.numbers),
            "added" if each.is_added else "",
            f"{each.count:,}",
            f"{100 * each.ns / side.profiled_ns:.1f}",
        )
        for each in sorted(alike, key=lambda each: -each.ns)
    )
    texts = (Column(each, justify="left") for each in ("operator", "kind", "numbers", "origin"))
    return Table(
        title=f"What {name} executes",
        columns=(*texts, Column("kernels"), Column("time", "%")),
        rows=tuple(Row(tuple(map(Value, row))) for row in rows),
        # Where nothing was converted, it says little.
        detail=side.precision == "fp32",
    )


def _ms(ns: float) -> str:
    return f"{ns / NANOSECONDS_PER_MS:.2f}"
