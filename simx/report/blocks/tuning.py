"""The result of ``simx tune`` as a document."""

import math
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from simx.common.safe_text import clean, counted
from simx.models.backbone import full_name
from simx.models.backend_name import BackendName
from simx.report.blocks.document import Block, Code, Column, Heading, Paragraph, Points, Row, Table
from simx.report.blocks.report_tables import key_columns
from simx.report.words import figures
from simx.report.words.names import provider_name, weights_name
from simx.report.words.values import ABSENT, Value
from simx.results.schema.tuning import Effect, TunedModel, TunedSettings, Tuning
from simx.results.statistics.estimates import Ratio


def tuning_blocks(found: Tuning) -> Iterator[Block]:
    """Yield for each backbone the gain, what was measured, what mattered, and the code."""
    goal, longest = f"simx tune, {found.goal}", found.max_latency_seconds
    if longest:
        goal += f", calls of at most {1e3 * longest:g} ms"
    yield Heading(f"{goal}, {clean(found.created)}", level=1)
    for model in found.models:
        name = full_name(clean(model.model), weights_name(model.weights))
        yield Heading(f"{name}: {_verdict(model)}")
        searched = f"{model.candidates} candidates in {counted(model.launches, 'launch')}"
        yield Paragraph(
            f"Searched {searched}, and then confirmed in {counted(model.confirming, 'launch')} "
            f"that had no part in the search; {model.seconds:.0f} s in all."
        )
        if model.noisy:
            text = "Most rounds of the confirmation were disturbed: a quiet machine may differ."
            yield Paragraph(text, tone="warning")
        if model.confirmed:
            yield _confirmed(model)
            if longest and (model.confirmed[0].call.high_ns or 0) > 1e9 * longest:
                yield Paragraph("Its calls may take longer than is allowed.", tone="warning")
        if model.effects:
            yield effects_table("What mattered, in the search", model.effects)
        if model.out:
            out = (f"out: {_name(each.settings)}: {clean(each.reason)}" for each in model.out)
            yield Points(tuple(out), detail=not model.problem)
        if model.best:
            yield Paragraph(f"The settings of {_name(model.best)} in Python:")
            yield Code(model.code)


def _verdict(model: TunedModel) -> str:
    if model.winner is None or model.best is None:
        return clean(model.problem)
    winner = _name(model.winner)
    if model.winner == model.default:
        return f"no gain, because {winner} is the fastest by default"
    if model.gain is None:
        return f"{winner} is the fastest; its defaults could not be compared with it"
    gain = figures.ratio(model.gain)
    is_fast = f"{winner} is {gain.text} times as fast as the defaults"
    if gain == figures.UNKNOWN:
        is_fast = f"{winner} against the defaults was {figures.UNKNOWN_TEXT}"
    if model.best == model.winner:
        return is_fast
    return f"no gain{' on a busy machine' if model.busy else ''}, because {is_fast}"


def _confirmed(model: TunedModel) -> Table:
    rows, several = [], any(each.settings.instances > 1 for each in model.confirmed)
    for each in model.confirmed:
        its = each.settings
        rate = figures.per_second(each.call, its.batch * its.instances)
        counts = (its.batch, its.threads, its.instances)[: 2 + several]
        keys = (*_target(its), *map(str, counts))
        values = (
            figures.time(each.call, spread=True),
            replace(rate, tone="best") if its == model.best else rate,
            ABSENT if its == model.winner else _gain(each.gain),
        )
        rows.append(Row((*map(Value, keys), *values)))
    names = key_columns("backend", "provider", "precision", "batch", "threads", "instances")
    names = names[: 5 + several]
    found = (Column("call", "ms"), Column("pictures/s"), Column("fastest", "times as fast"))
    title = "Confirmed on fresh processes"
    return Table(title=title, columns=(*names, *found), rows=tuple(rows), keys=len(names))


def effects_table(title: str, effects: Sequence[Effect]) -> Table:
    """Return the largest effects first, each with its interval."""
    rows = [
        Row((Value(clean(each.change)), _gain(each.gain), Value(_name(each.settings))))
        for each in sorted(effects, key=lambda each: -abs(math.log(each.gain.value)))
    ]
    gain, where = Column("gain", "times as fast"), Column("at", justify="left")
    columns = (*key_columns("change"), gain, where)
    return Table(title=title, columns=columns, rows=tuple(rows))


def _gain(gain: Ratio | None) -> Value:
    """Return a gain, or that its interval has 1 in it."""
    if gain is None or gain.low is None or gain.high is None:
        return ABSENT
    shown = figures.ratio(gain)
    is_open = gain.low <= 1 <= gain.high
    return Value("not told apart", f"({shown.text})", tone="faint") if is_open else shown


def _name(its: TunedSettings) -> str:
    several = f"{its.instances} instances of " if its.instances > 1 else ""
    threads = f"{several}{counted(its.threads, 'thread')} and a batch of {its.batch}"
    return f"{' '.join(_target(its))} with {threads}"


def _target(its: TunedSettings) -> tuple[str, str, str]:
    backend = clean(BackendName.parse(its.backend).in_a_report)
    return backend, provider_name(its.provider), its.precision
