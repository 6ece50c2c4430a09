"""The notes under a range's tables: on their marks, and on the precision that was reached."""

import msgspec
import pytest

from simx.models.ranges import DEFAULT_RANGES
from simx.report.words.names import NOISY, TIED, backbone_name
from simx.report.words.notes import legend, mark_notes, range_notes
from simx.results.schema.report import Ending, MeasuredCell, Report, Stop, WeightsOrigin
from simx.results.schema.times import Block, DeviceEvents, Launch, Noise, Timing, Warmup
from simx.results.summaries.derivation import by_range
from tests.report.samples import rendered
from tests.results.builders import identity, measured, report


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        (1.01, ["resnet18:V1 on torch cpu: 1.0 threads computed a large product, and 2 were re"]),
        (1.86, []),
        (None, []),
    ],
)
def test_fewer_threads_than_requested_are_said(used: float | None, expected: list[str]) -> None:
    """A cell is labelled with the threads that were requested, and another count is a note."""
    of = msgspec.structs.replace(identity(), threads=2)
    cell = msgspec.structs.replace(measured(of), threads_used=used)
    (summary,) = by_range(report(cell), DEFAULT_RANGES)

    assert [note[:77] for note in mark_notes(summary.backbones)] == expected


@pytest.mark.parametrize(("origin", "is_said"), [("pretrained", True), ("random", False)])
def test_a_licence_is_said_of_pretrained_weights(origin: WeightsOrigin, *, is_said: bool) -> None:
    """Random weights are nobody's."""
    swag = identity("vit_b_16", "IMAGENET1K_SWAG_E2E_V1")
    (summary,) = by_range(report(measured(swag, origin=origin)), DEFAULT_RANGES)

    found = " ".join(mark_notes(summary.backbones))

    assert ("SWAG/blob/main/LICENSE (no commercial use)" in found) is is_said


def test_a_backbone_of_timm_is_named_and_explained() -> None:
    """Its name can be typed, and only its reports say where its figures come from."""
    of_timm = report(measured(identity("timm:resnet50", "a1_in1k")))
    (summary,) = by_range(of_timm, DEFAULT_RANGES)

    assert backbone_name(summary.backbones[0]) == "timm:resnet50.a1_in1k"
    assert "timm publishes no accuracies" in " ".join(legend(of_timm))
    assert "timm" not in " ".join(legend(report(measured())))


def notes(of: Report) -> str:
    (summary,) = by_range(of, DEFAULT_RANGES)
    return "\n".join((*range_notes(summary.backbones), *mark_notes(summary.backbones)))


def stopped(ended_by: Ending, launches: int, needed: int | None, *cells: MeasuredCell) -> Report:
    stop = Stop(
        model="resnet18",
        weights="IMAGENET1K_V1",
        launches=launches,
        needed=needed,
        ended_by=ended_by,
        seconds=58.2,
    )
    both = cells or (measured(), measured(identity(backend="ort"), milliseconds=25))
    return msgspec.structs.replace(report(*both), stops=(stop,))


def forward(*noises: Noise, capped: bool = False) -> tuple[Timing, ...]:
    """Return a ``forward`` of one launch for each noise."""
    launches = tuple(
        Launch(
            index=index,
            blocks=(Block(round=0, calls=1, ns=(1_000_000 + index,), noise=noise),),
            warmup=Warmup(medians_ns=(2, 1), capped=capped),
        )
        for index, noise in enumerate(noises)
    )
    return (Timing(scope="forward", image=None, launches=launches),)


QUIET, BUSY = Noise(wall_ns=100, wait_ns=0), Noise(wall_ns=100, wait_ns=100)
NOISY_BLOCK = Noise(wall_ns=100, wait_ns=30)


def rounds(*noises: Noise, capped: bool = False) -> Report:
    cells = (
        measured(of=forward(*noises, capped=capped)),
        measured(identity(backend="ort"), of=forward(*noises)),
    )
    return report(*cells)


def test_what_a_call_takes_beyond_its_events_is_said() -> None:
    """It is not the device's, and no other figure shows it."""
    events = DeviceEvents(wall_ns=(10_000_000,), device_ns=(4_000_000,))
    launch = Launch(index=0, blocks=(Block(round=0, calls=1, ns=(10_000_000,)),), events=events)
    of = measured(of=(Timing(scope="forward", image=None, launches=(launch,)),))

    assert "6.0 ms of a call lie outside the device's own events" in notes(report(of))


def test_the_width_that_was_reached_is_said() -> None:
    """Of all ratios of the range, with the launches that it took."""
    text = notes(stopped("half_width", 7, 7))

    assert "intervals of the ratios, to either side: ±0.1% to ±0.1%, with 7 launches" in text


@pytest.mark.parametrize(
    ("ended_by", "cause"),
    [("budget", "the budget ended it after 58 s"), ("launches", "that is the maximum")],
)
def test_a_width_that_was_not_reached_is_said_with_its_cause(ended_by: Ending, cause: str) -> None:
    """How many launches there were of how many that it needs, why, and what was reached."""
    text = notes(stopped(ended_by, 6, 19))

    assert f"resnet18:V1: 6 of the 19 launches that its precision needs; {cause}" in text
    assert ", ±0.1% to either side" in text


def test_a_budget_that_ends_a_pilot_is_said() -> None:
    """Before the pilot is complete nobody knows how many are needed, but what ended it is known."""
    giants = measured(few_calls=True), measured(identity(backend="ort"), few_calls=True)
    text = notes(stopped("budget", 1, None, *giants))

    assert "resnet18:V1: only 1 launch; the budget ended it after 58 s, no interval" in text
    assert "resnet18:V1: only 2 launches; " in notes(stopped("budget", 2, None))


@pytest.mark.parametrize(("budget", "count"), [(10.0, 1), (58.0, 0), (None, 0)])
def test_a_budget_that_was_not_kept_is_named(budget: float | None, count: int) -> None:
    """With the time that it took, and the reason: launches are not cut short."""
    of = stopped("launches", 1, None)
    assert of.config is not None
    config = msgspec.structs.replace(of.config, budget_seconds=budget)
    text = notes(msgspec.structs.replace(of, config=config))

    reason = "which ends none before three launches, unless the machine is busy, and no launch"
    assert text.count(f"resnet18:V1: took 58 s with a budget of 10 s, {reason}") == count


@pytest.mark.parametrize(("budget", "is_said"), [(58.0, False), (57.0, True), (None, False)])
def test_a_run_longer_than_its_budgets_says_so_first(
    budget: float | None, *, is_said: bool
) -> None:
    """Short tables have no notes on single backbones."""
    of = stopped("launches", 3, None)
    assert of.config is not None
    late = msgspec.structs.replace(
        of, config=msgspec.structs.replace(of.config, budget_seconds=budget)
    )
    above, _, _ = rendered(late).partition("GFLOPS 1-3")

    assert ("the budget was not kept: 58 s instead of 57 s for 1 backbone" in above) is is_said


def test_a_number_of_launches_is_no_shortfall() -> None:
    """Whoever asked for three launches has what was asked for."""
    assert "precision needs" not in notes(stopped("launches", 3, None))


def test_excluded_rounds_are_counted() -> None:
    """And it is said by what they were judged."""
    text = notes(rounds(QUIET, BUSY, QUIET, QUIET))

    assert "1 of 4 rounds was disturbed and does not count" in text
    assert "not by their times" in text


def test_a_noisy_backbone_is_named_and_marked() -> None:
    """Its figures are there, with a mark that the note explains."""
    of = rounds(NOISY_BLOCK, NOISY_BLOCK, QUIET)

    assert f"{NOISY} too noisy" in notes(of)
    assert "(resnet18:V1)" in notes(of)
    assert f"{TIED}{NOISY}" in rendered(of)


def test_a_warm_up_that_was_cut_off_is_said() -> None:
    """Of the cell whose times had not levelled off, with the number of launches."""
    text = notes(rounds(QUIET, QUIET, capped=True))

    assert "resnet18:V1 on torch cpu: its times had not levelled off" in text
    assert "(2 launches)" in text
    assert "on ort cpu" not in text
