"""Reports over time: what changed is named once, on its report, with what else changed there."""

from itertools import pairwise

import msgspec
import pytest

from simx.results.history.history import History, history
from simx.results.schema.report import Report
from simx.results.schema.times import Noise
from tests.results.builders import canary, identity, launches, measured, timings, with_noise
from tests.results.history.series import MODELS, Factor, day, stored

DAYS = 30


def of(reports: list[Report], threshold: float = 0.01) -> History:
    return history(stored(reports), threshold)


def found(seen: History) -> list[tuple[int, str, str | None]]:
    """Return the report, the target and the model of each change."""
    return [
        (event.report, each.target.backend, each.cell.model if each.cell else None)
        for event in seen.events
        for each in event.changes
    ]


def a_target_changes(number: int, _model: str, backend: str) -> float:
    return 1.1 if backend == "ort" and number >= 20 else 1.0


def a_cell_changes(number: int, model: str, backend: str) -> float:
    return 1.05 if (model, backend) == ("resnet50", "torch") and number >= 15 else 1.0


def test_equal_reports_have_no_change() -> None:
    """Reports that differ by noise alone have no event."""
    seen = of([day(number) for number in range(DAYS)])

    assert seen.events == ()
    assert seen.series == 2 * len(MODELS) + 2


def test_what_all_cells_of_a_target_do_is_named_once() -> None:
    """A slower target is one change with all its cells, and none of each cell."""
    seen = of([day(number, a_target_changes) for number in range(DAYS)])

    assert found(seen) == [(20, "ort", None)]
    (change,) = seen.events[0].changes
    assert (change.moved, change.cells) == (len(MODELS), len(MODELS))
    assert change.low < 1.1 < change.high
    assert change.q < 0.01


def test_a_single_cell_is_named_alone() -> None:
    """A cell that changes among others that do not is named, with its own times."""
    seen = of([day(number, a_cell_changes) for number in range(DAYS)])

    assert found(seen) == [(15, "torch", "resnet50")]
    (change,) = seen.events[0].changes
    assert change.low < 1.05 < change.high
    assert change.before_ns is not None
    assert change.after_ns is not None
    assert change.after_ns / change.before_ns == pytest.approx(1.05, abs=0.04)


def test_a_few_reports_of_many_cells_show_what_one_cell_does() -> None:
    """Eight reports of a cell tell little of its noise; what the others' cells vary tells more."""
    models = [f"resnet{number}" for number in range(12)]

    def slower(number: int, model: str, backend: str) -> float:
        return 1.06 if (number >= 4, model, backend) == (True, "resnet0", "ort") else 1.0

    seen = of([day(number, slower, models=models) for number in range(8)])

    assert found(seen) == [(4, "ort", "resnet0")]


def test_a_cell_alone_is_looked_at_by_its_own_times() -> None:
    """Without other cells of its target, a cell's changes are those of its times."""
    factor: Factor = lambda number, _model, _backend: 1.2 if number >= 15 else 1.0  # noqa: E731
    seen = of(
        [day(number, factor, models=["resnet18"], backends=["ort"]) for number in range(DAYS)]
    )

    assert found(seen) == [(15, "ort", "resnet18")]


def test_a_cell_that_changes_is_not_held_against_the_others() -> None:
    """Of a target's cells only the one that changes is named, however far it goes."""
    factor: Factor = lambda number, model, _backend: (  # noqa: E731
        3.0 if model == "resnet50" and number >= 30 else 1.0
    )

    seen = of([day(number, factor, backends=["ort"]) for number in range(60)])

    assert found(seen) == [(30, "ort", "resnet50")]


def test_a_threshold_leaves_smaller_changes_out() -> None:
    """A change below the smallest that matters is not named."""
    reports = [day(number, a_cell_changes) for number in range(DAYS)]

    assert found(of(reports, threshold=0.04))
    assert not found(of(reports, threshold=0.2))


def test_an_event_has_what_else_changed() -> None:
    """Versions and settings that differ from the report before are named with the change."""
    reports = [
        day(number, a_target_changes, governor="powersave" if number >= 20 else "performance")
        for number in range(DAYS)
    ]
    new = msgspec.structs.replace(reports[20], simx="9.9")

    (event,) = of([*reports[:20], new, *reports[21:]]).events

    assert (20, "governor was performance and is powersave") in event.differences
    assert any(text.startswith("simx was") and "9.9" in text for _, text in event.differences)


def test_another_file_is_told() -> None:
    """A cell that runs another file from then on says so."""
    reports = [day(number, a_cell_changes) for number in range(DAYS)]
    changed = [
        msgspec.structs.replace(
            each,
            cells=tuple(
                msgspec.structs.replace(cell, artefact_sha256="f" * 64) for cell in each.cells
            ),
        )
        for each in reports[15:]
    ]

    (event,) = of([*reports[:15], *changed]).events

    assert (15, "resnet50 on torch cpu ran another file, by its hash") in event.differences
    assert not any("resnet18" in text for _, text in event.differences)


def test_the_machine_is_told_by_its_canary() -> None:
    """Where the canary changes with a target, the machine is named first."""

    def with_canary(each: Report, factor: float) -> Report:
        taken = canary(launches([[round(1e7 * factor)]] * 3))
        return msgspec.structs.replace(each, canary=(taken,))

    reports = [
        with_canary(day(number, a_target_changes), 1.1 if number >= 20 else 1.0)
        for number in range(DAYS)
    ]
    seen = of(reports)

    assert found(seen) == [(20, "ort", None), (20, "ort", None)]
    machine, target = seen.events[0].changes
    assert (machine.cells, target.cells) == (0, len(MODELS))
    assert machine.ratio == pytest.approx(1.1)
    assert machine.after_ns == pytest.approx(1.1e7)


def test_missing_cells_do_not_move_a_target() -> None:
    """A target whose slow cell is absent in half of the reports has not changed."""
    reports = [
        day(
            number,
            lambda _day, model, _backend: 5.0 if model == "resnet101" else 1.0,
            models=MODELS if number % 2 or number > 15 else MODELS[:3],
        )
        for number in range(DAYS)
    ]

    assert of(reports).events == ()


def test_disturbed_times_and_short_cells_are_counted() -> None:
    """Cells that were mostly disturbed are left out, and those of few reports are not looked at."""
    noisy = tuple(
        msgspec.structs.replace(
            timing,
            launches=tuple(
                with_noise(each, Noise(wall_ns=10**9, steal_ns=10**9 // 2))
                for each in timing.launches
            ),
        )
        for timing in timings(50)
        if timing.scope == "forward"
    )
    reports = [day(number) for number in range(8)]
    reports[3] = msgspec.structs.replace(
        reports[3], cells=(measured(identity(model="vgg11"), of=noisy), *reports[3].cells)
    )
    reports[4] = msgspec.structs.replace(
        reports[4], cells=(measured(identity(model="vgg13")), *reports[4].cells)
    )
    seen = of(reports)

    assert (seen.disturbed, seen.short) == (1, 1)


def test_lines_have_every_time() -> None:
    """Each cell has its times by the places of the reports that have them."""
    seen = of([day(number) for number in range(8)])

    assert len(seen.lines) == 2 * len(MODELS)
    for line in seen.lines:
        assert line.reports == tuple(range(8))
        assert all(one != other for one, other in pairwise(line.ns))


def test_no_reports_are_no_history() -> None:
    """Nothing is found in nothing."""
    assert history([]).series == 0
