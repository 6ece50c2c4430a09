"""What a self-check found, on a terminal, in Markdown and for programs."""

import msgspec
import pytest

from simx.report.content import Form, Screen, render
from simx.report.contents import selfcheck_content
from simx.results.schema.selfcheck import Check, SelfCheck, Verdict


def check(name: str, verdict: Verdict = "holds") -> Check:
    return Check(
        name=name, value=4.987, unit="%", bound="4.5 to 5.5 %", verdict=verdict, note="by hand"
    )


def found(*checks: Check, floor: float | None = 0.0123) -> SelfCheck:
    return SelfCheck(
        created="2026-01-05T12:00:00Z",
        simx="0.1.0",
        quick=False,
        threads=2,
        seconds=1.0,
        noise_floor=floor,
        checks=checks,
    )


@pytest.mark.parametrize("form", ["table", "markdown"])
def test_each_claim_has_a_row_and_the_floor_a_sentence(form: Form) -> None:
    """Figure, what was asked, verdict, how it was found, and the noise floor."""
    text = render(selfcheck_content(found(check("false alarms"))), form, Screen(width=100))

    for part in ("false alarms", "4.99", "4.5 to 5.5 %", "holds", "by hand", "noise floor: 1.2 %"):
        assert part in text


@pytest.mark.parametrize(
    ("checks", "floor", "verdict"),
    [
        ((check("a"),), 0.01, "the statistics hold, and the machine is quiet enough"),
        ((check("a"),), None, "too noisy for small differences"),
        ((check("a"), check("b", "too noisy")), 0.01, "too noisy for small differences"),
        ((check("a"), check("b", "fails")), 0.01, "cannot be trusted (b)"),
    ],
)
def test_the_verdict_follows_from_the_checks(
    checks: tuple[Check, ...], floor: float | None, verdict: str
) -> None:
    """One claim that fails is enough; noise is no failure."""
    of = found(*checks, floor=floor)

    assert verdict in render(selfcheck_content(of), "table", Screen(width=200))
    assert of.holds is ("cannot" not in verdict)


def test_a_narrow_terminal_gets_no_wider_lines() -> None:
    """Eighty columns hold it all."""
    text = render(
        selfcheck_content(found(check("coverage of a ratio of 1.00, simulated"))),
        "table",
        Screen(width=80),
    )

    assert max(map(len, text.splitlines())) <= 80


def test_programs_get_every_digit() -> None:
    """JSON is the record itself."""
    of = found(check("false alarms"), floor=None)

    assert (
        msgspec.json.decode(render(selfcheck_content(of), "json", Screen(width=80)), type=SelfCheck)
        == of
    )
