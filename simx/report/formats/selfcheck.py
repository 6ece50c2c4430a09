"""Renders what ``simx selfcheck`` found: a table of claims, the noise floor and a verdict."""

from collections.abc import Iterator

from simx.common.safe_text import clean
from simx.report.blocks.document import Block, Paragraph, to_markdown, to_terminal
from simx.report.blocks.table import ABSENT, Column, Row, Table, Tone, Value
from simx.report.formats.json_text import json_document
from simx.results.schema.selfcheck import Check, SelfCheck, Verdict

_TONES: dict[Verdict, Tone] = {
    "holds": "best",
    "fails": "bad",
    "too noisy": "bad",
    "not looked at": "faint",
}


def render(found: SelfCheck, form: str, *, width: int, color: bool) -> str:
    """Return it as a ``table`` for a terminal, as ``markdown`` or as ``json``."""
    if form == "json":
        return json_document(found)
    blocks: list[Block] = [_table(found), *map(Paragraph, _words(found))]
    if form == "markdown":
        return to_markdown(blocks)
    return to_terminal(blocks, width=width, color=color)


def _table(found: SelfCheck) -> Table:
    return Table(
        keys=(Column("claim", align="left"),),
        columns=(
            Column("found"),
            Column("unit", align="left"),
            Column("asked", align="left"),
            Column("verdict", align="left"),
        ),
        rows=tuple(Row((clean(check.name),), _values(check)) for check in found.checks),
        nested=False,
    )


def _values(check: Check) -> tuple[Value, ...]:
    return (
        ABSENT if check.value is None else Value(f"{check.value:.2f}"),
        Value(clean(check.unit)),
        Value(clean(check.bound)),
        Value(check.verdict, tone=_TONES[check.verdict]),
    )


def _words(found: SelfCheck) -> Iterator[str]:
    """Yield how each figure was found, the floor, and the verdict."""
    yield from (f"{clean(check.name)}: {clean(check.note)}" for check in found.checks if check.note)
    yield _floor(found)
    yield _verdict(found)


def _floor(found: SelfCheck) -> str:
    if found.noise_floor is None:
        return "noise floor: this machine is too noisy now to tell one"
    return (
        f"noise floor: {100 * found.noise_floor:.1f} %, the smallest difference that a comparison "
        f"at the default profile shows 9 times in 10 on this machine, now, with {found.threads} "
        f"thread{'' if found.threads == 1 else 's'}"
    )


def _verdict(found: SelfCheck) -> str:
    failed = [clean(check.name) for check in found.checks if check.verdict == "fails"]
    noisy = [clean(check.name) for check in found.checks if check.verdict == "too noisy"]
    if failed:
        return f"verdict: not to be believed here ({', '.join(failed)})"
    if noisy or found.noise_floor is None:
        return "verdict: the statistics hold; the machine is too noisy for small differences"
    return "verdict: the statistics hold, and the machine is quiet enough"
