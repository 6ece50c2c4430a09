"""Curves of a sweep: what is compared with what, and which batch is the knee."""

import msgspec
import pytest

from simx.models.ranges import DEFAULT_RANGES
from simx.results.schema.report import Cell, Report
from simx.results.schema.times import Launch, Timing
from simx.results.summaries.derivation import backbones, by_range
from simx.results.summaries.summary import Curve
from tests.results.builders import MS, failed, identity, launches, measured, report


def noisy(milliseconds: float, spread: float) -> tuple[Launch, ...]:
    """Return five launches of one round around a time."""
    times = [milliseconds * (1 + spread * step) for step in (-1, 1, -0.5, 0.5, 0)]
    return launches(*([[round(time * MS)]] for time in times))


def cell(batch: int, threads: int, milliseconds: float, spread: float) -> Cell:
    timing = Timing(scope="forward", image=None, launches=noisy(milliseconds, spread))
    its = msgspec.structs.replace(identity(batch=batch), threads=threads)
    return measured(its, of=(timing,))


def swept(*cells: Cell) -> Report:
    """Return the report of a sweep over the settings of its cells."""
    whole = report(*cells)
    assert whole.config is not None
    batches = sorted({each.identity.batch for each in cells})
    counts = sorted({each.identity.threads or 0 for each in cells})
    config = msgspec.structs.replace(
        whole.config,
        batch=batches[0],
        batches=tuple(batches) if len(batches) > 1 else (),
        threads=counts[-1],
        thread_counts=tuple(counts) if len(counts) > 1 else (),
    )
    return msgspec.structs.replace(whole, config=config)


def curves(*cells: Cell) -> tuple[Curve, ...]:
    (summary,) = by_range(swept(*cells), DEFAULT_RANGES)
    return summary.curves


@pytest.mark.parametrize(
    ("large", "spread", "knee"),
    [
        (80.0, 0.001, (0, 0)),  # eight pictures take eight times as long as one
        (78.0, 0.001, (0, 0)),  # 2.5 % less: within 5 %
        (60.0, 0.001, (1, 1)),
        (77.0, 0.2, (0, 1)),  # the interval reaches beyond 5 %
    ],
)
def test_the_knee_is_decided_by_intervals(
    large: float, spread: float, knee: tuple[int, int]
) -> None:
    """It certainly has 95 % of the best; smaller batches that may have it are named."""
    (curve,) = curves(cell(1, 2, 10.0, spread), cell(8, 2, large, 0.0))

    assert curve.knee == knee


def test_throughput_is_compared_by_rounds() -> None:
    """A disturbance of both settings cancels, so that the interval is narrow."""
    (curve,) = curves(cell(1, 2, 10.0, 0.2), cell(4, 2, 20.0, 0.2))
    gain = curve.gains[1]

    assert gain is not None
    assert gain.value == pytest.approx(2.0)
    assert gain.low == pytest.approx(2.0)


def test_settings_without_a_common_round_are_compared_by_launch() -> None:
    """The memory may not hold both; then the interval has the spread of both."""
    times = [10.0, 10.4, 9.8, 10.1, 9.9]
    later = [
        msgspec.structs.replace(
            launch,
            blocks=tuple(msgspec.structs.replace(each, round=7) for each in launch.blocks),
        )
        for launch in launches(*([[round(2 * time * MS)]] for time in reversed(times)))
    ]
    forward = Timing(scope="forward", image=None, launches=tuple(later))
    first = Timing(
        scope="forward", image=None, launches=launches(*([[round(t * MS)]] for t in times))
    )
    (curve,) = curves(
        measured(identity(batch=1), of=(first,)), measured(identity(batch=4), of=(forward,))
    )
    gain = curve.gains[1]

    assert gain is not None
    assert gain.low is not None
    assert gain.value == pytest.approx(2.0)
    assert gain.low < 1.95


def test_threads_are_compared_with_the_fewest() -> None:
    """Also where fewer are faster."""
    found = curves(cell(1, 1, 10.0, 0.001), cell(1, 2, 8.0, 0.001))
    (curve,) = found
    gains = [gain.value for gain in curve.gains if gain]

    assert curve.over == "threads"
    assert gains == pytest.approx([1.0, 1.25])


def test_both_axes_have_a_curve_for_each_value_of_the_other() -> None:
    """Over the batch first."""
    every = (cell(batch, threads, 10.0 * batch, 0.01) for batch in (1, 8) for threads in (1, 2))
    found = [
        (each.over, [(its.batch, its.threads) for its, _ in each.points]) for each in curves(*every)
    ]

    assert found == [
        ("batch", [(1, 1), (8, 1)]),
        ("batch", [(1, 2), (8, 2)]),
        ("threads", [(1, 1), (1, 2)]),
        ("threads", [(8, 1), (8, 2)]),
    ]


def test_a_failed_setting_has_no_rate() -> None:
    """The others are compared without it."""
    (curve,) = curves(cell(1, 2, 10.0, 0.01), cell(8, 2, 60.0, 0.01), failed(identity(batch=64)))

    assert [gain is not None for gain in curve.gains] == [True, True, False]
    assert curve.knee == (1, 1)


def test_a_single_launch_decides_no_knee() -> None:
    """It shows no spread: every batch may be the knee, and the best certainly is."""
    one = [
        measured(
            identity(batch=batch),
            of=(Timing(scope="forward", image=None, launches=launches([[ms * MS]])),),
        )
        for batch, ms in ((1, 10), (8, 40))
    ]
    (curve,) = curves(*one)

    assert curve.knee == (0, 1)


def test_the_tables_have_the_first_setting_alone() -> None:
    """Times of calls of one and of eight pictures are not compared."""
    cells = [cell(batch, threads, 10.0, 0.01) for batch in (1, 8) for threads in (1, 2)]

    assert [(each.batch, each.threads) for each in backbones(swept(*cells))] == [(1, 2)]


def test_without_a_sweep_there_is_no_curve() -> None:
    """Also where cells differ in the batch: quoted figures may."""
    whole = report(cell(1, 2, 10.0, 0.01), cell(8, 2, 60.0, 0.01))
    (summary,) = by_range(whole, DEFAULT_RANGES)

    assert summary.curves == ()
    assert [each.batch for each in summary.backbones] == [1, 8]
