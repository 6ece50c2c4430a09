"""The result of ``simx selfcheck`` as a document."""

from collections.abc import Iterator

from simx.common.safe_text import clean, counted
from simx.report.blocks.document import Block, Column, Paragraph, Row, Table
from simx.report.blocks.report_tables import key_columns
from simx.report.words.values import ABSENT, Tone, Value
from simx.results.schema.selfcheck import SelfCheck, Verdict

_TONES: dict[Verdict, Tone] = {
    "holds": "best",
    "fails": "bad",
    "too noisy": "bad",
    "not looked at": "faint",
}


def selfcheck_blocks(found: SelfCheck) -> Iterator[Block]:
    """Yield a row and a note for each claim, the noise floor and the verdict."""
    titles = ("unit", "bound", "verdict")
    rows = []
    for check in found.checks:
        value = ABSENT if check.value is None else Value(f"{check.value:.2f}")
        texts = map(Value, map(clean, (check.unit, check.bound)))
        verdict = Value(check.verdict, tone=_TONES[check.verdict])
        rows.append(Row((Value(clean(check.name)), value, *texts, verdict)))
    yield Table(
        columns=(*key_columns("claim"), Column("found"), *key_columns(*titles)), rows=tuple(rows)
    )
    for check in found.checks:
        if check.note:
            yield Paragraph(f"{clean(check.name)}: {clean(check.note)}")
    if found.noise_floor is None:
        yield Paragraph("noise floor: this machine is too noisy now to find one")
    else:
        yield Paragraph(
            f"noise floor: {100 * found.noise_floor:.1f} %, the smallest difference that a "
            "comparison at the default profile shows 9 times in 10 on this machine, now, with "
            f"{counted(found.threads, 'thread')}"
        )
    yield Paragraph(_verdict(found))


def _verdict(found: SelfCheck) -> str:
    failed = [clean(check.name) for check in found.checks if check.verdict == "fails"]
    noisy = [clean(check.name) for check in found.checks if check.verdict == "too noisy"]
    if failed:
        return f"verdict: results on this machine cannot be trusted ({', '.join(failed)})"
    if noisy or found.noise_floor is None:
        return "verdict: the statistics hold; the machine is too noisy for small differences"
    return "verdict: the statistics hold, and the machine is quiet enough"
