"""The result of ``simx tune`` as a document."""

import math
from collections.abc import Iterator, Sequence

import msgspec

from simx.common.safe_text import clean, counted
from simx.models.backbone import full_name
from simx.models.backend_name import BackendName
from simx.report.blocks.document import Block, Code, Column, Heading, Paragraph, Points, Row, Table
from simx.report.blocks.report_tables import key_columns
from simx.report.words import figures
from simx.report.words.names import provider_name, weights_name
from simx.report.words.values import ABSENT, Tone, Value
from simx.results.schema.tuning import Effect, TunedModel, TunedSettings, Tuning
from simx.results.statistics.estimates import Ratio


def tuning_blocks(found: Tuning) -> Iterator[Block]:
    """Yield for each backbone the gain, what was measured, what mattered, and the code."""
    goal = f"simx tune, {found.goal}"
    if found.max_latency_seconds:
        goal += f", calls of at most {1e3 * found.max_latency_seconds:g} ms"
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
            yield Paragraph("Most rounds of the confirmation were disturbed.", tone="warning")
        if model.confirmed:
            yield _confirmed(model)
            longest_ns = 1e9 * (found.max_latency_seconds or math.inf)
            if (model.confirmed[0].call.high_ns or 0) > longest_ns:
                yield Paragraph("Its calls may take longer than is allowed.", tone="warning")
        if model.effects:
            yield _effects(model.effects)
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
    return f"no gain{' on a disturbed machine' if model.noisy else ''}, because {is_fast}"


def _confirmed(model: TunedModel) -> Table:
    rows = []
    for each in model.confirmed:
        its = each.settings
        gain = ABSENT if each.settings == model.winner else _gain(each.gain)
        tone: Tone = "best" if its == model.best else "plain"
        rate = msgspec.structs.replace(figures.per_second(each.call, its.batch), tone=tone)
        rows.append(Row((*_settings(its), figures.time(each.call, spread=True), rate, gain)))
    figures_of = (Column("call", "ms"), Column("pictures/s"), Column("fastest", "times as fast"))
    keys = key_columns("backend", "provider", "precision", "batch", "threads")
    return Table(
        title="Confirmed on fresh processes",
        columns=(*keys, *figures_of),
        rows=tuple(rows),
        keys=len(keys),
    )


def _effects(effects: Sequence[Effect]) -> Table:
    rows = [
        Row((Value(clean(each.change)), _gain(each.gain), Value(_name(each.settings))))
        for each in sorted(effects, key=lambda each: -abs(math.log(each.gain.value)))
    ]
    gain, where = Column("gain", "times as fast"), Column("at", justify="left")
    columns = (*key_columns("change"), gain, where)
    return Table(title="What mattered, in the search", columns=columns, rows=tuple(rows))


def _settings(its: TunedSettings) -> tuple[Value, ...]:
    names = (_backend(its), provider_name(its.provider), its.precision)
    return tuple(map(Value, (*names, str(its.batch), str(its.threads))))


def _gain(gain: Ratio | None) -> Value:
    """Return a gain, or that its interval has 1 in it."""
    if gain is None or gain.low is None or gain.high is None:
        return ABSENT
    is_open = gain.low <= 1 <= gain.high
    shown = figures.ratio(gain)
    return Value("not told apart", f"({shown.text})", tone="faint") if is_open else shown


def _name(its: TunedSettings) -> str:
    """Return settings in a sentence."""
    threads = f"{counted(its.threads, 'thread')} and a batch of {its.batch}"
    return f"{_backend(its)} {provider_name(its.provider)} {its.precision} with {threads}"


def _backend(its: TunedSettings) -> str:
    return clean(BackendName.parse(its.backend).in_a_report)
