"""When a backbone has had its launches."""

from collections.abc import Sequence

import msgspec
import pytest

from simx.results.files.journal_lines import FinishedLaunch
from simx.results.schema.config import Schedule
from simx.results.schema.report import MeasuredCell
from simx.results.schema.times import Block, Launch, Noise, Timing
from simx.results.statistics.sample_size import PilotSpreads
from simx.runner.bench.stopping import Launches
from tests.results import builders
from tests.results.builders import failed, identity, launches, measured, with_noise
from tests.runner.fakes import BACKBONE

SECOND = 1_000_000_000

PLANNED = Schedule(pilot=5, launches=40, rounds=1, half_width=0.01)


class FakeClock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def finished(*times: float) -> list[FinishedLaunch]:
    """Return launches of a cell of these milliseconds beside one that always takes 10."""
    steady = launches(*[[[10_000_000]]] * len(times))
    of = launches(*([[round(time * 1e6)]] for time in times))
    return [
        FinishedLaunch(
            cells=(
                cell("torch", [of[index]]),
                cell("ort", [steady[index]]),
            )
        )
        for index in range(len(times))
    ]


def cell(backend: str, of: Sequence[Launch]) -> MeasuredCell:
    timing = Timing(scope="forward", image=None, launches=tuple(of))
    return measured(identity(backend=backend), of=(timing,))


def waiting(launch: Launch, lacking: float, batch: int) -> MeasuredCell:
    """Return a cell whose threads lacked this many cores."""
    noise = Noise(wall_ns=SECOND, wait_ns=round(lacking * SECOND), involuntary_switches=9)
    timing = Timing(scope="forward", image=None, launches=(with_noise(launch, noise),))
    its = msgspec.structs.replace(identity(), batch=batch)
    return measured(its, of=(timing,))


def run(schedule: Schedule, times: Sequence[float], seconds: float = 1.0) -> Launches:
    """Go on as long as there is to be another launch, each of which takes some seconds."""
    clock = FakeClock()
    counted = Launches(schedule, clock=clock)
    launched = finished(*times)
    while counted.verdict() == "go_on":
        clock.now += seconds
        counted.add(launched[counted.done], {})
    return counted


def test_a_steady_pilot_is_all() -> None:
    """Launches that agree need no further ones."""
    counted = run(PLANNED, [10.0] * 40)

    assert (counted.done, counted.needed, counted.verdict()) == (5, 5, "half_width")


def test_a_restless_pilot_asks_for_more() -> None:
    """The pilot's spread fixes the number, however steady what follows is."""
    restless = [10.0, 10.1, 9.9, 10.2, 9.8]
    counted = run(PLANNED, restless + [10.0] * 40)

    assert counted.needed == 20
    assert (counted.done, counted.verdict()) == (20, "half_width")
    assert counted.planned == 20


def test_a_hopeless_pilot_gets_the_most_there_are() -> None:
    """More launches than are allowed are not made, and that is why it ended."""
    counted = run(PLANNED, [5.0, 20.0, 10.0, 15.0, 8.0] + [10.0] * 40)

    assert (counted.done, counted.verdict()) == (40, "launches")
    assert counted.needed is not None
    assert counted.needed > 40


def test_the_budget_ends_before_it_is_overrun() -> None:
    """No launch is begun that would end after the budget."""
    schedule = msgspec.structs.replace(PLANNED, budget_seconds=20.0)
    counted = run(schedule, [10.0, 10.1, 9.9, 10.2, 9.8] + [10.0] * 40, seconds=3.0)

    assert (counted.done, counted.verdict()) == (6, "budget")
    assert counted.stop(BACKBONE, "budget").seconds == 18.0


def test_the_budget_goes_by_how_long_launches_now_take() -> None:
    """Those after the pilot leave scopes out, and are not taken to be as long as its own."""
    schedule = msgspec.structs.replace(PLANNED, budget_seconds=21.0)
    clock = FakeClock()
    counted = Launches(schedule, clock=clock)
    launched = finished(*[10.0, 10.1, 9.9, 10.2, 9.8], *[10.0] * 40)
    while counted.verdict() == "go_on":
        clock.now += 3.0 if counted.done < schedule.pilot else 1.0
        counted.add(launched[counted.done], {})

    assert (counted.done, counted.elapsed) == (11, 21.0)


def test_three_launches_are_made_whatever_the_budget() -> None:
    """Fewer give no interval that says anything."""
    schedule = msgspec.structs.replace(PLANNED, budget_seconds=0.1)
    counted = run(schedule, [10.0] * 5)

    assert (counted.done, counted.verdict()) == (3, "budget")


@pytest.mark.parametrize(
    ("lacking", "done"), [([0.1], 3), ([0.9], 1), ([0.9, 0.1], 3), ([0.9, 0.8], 1)]
)
def test_on_a_busy_machine_the_budget_is_kept(lacking: Sequence[float], done: int) -> None:
    """Its times are no figures, so that three launches of any batch would give no interval."""
    clock = FakeClock()
    schedule = msgspec.structs.replace(PLANNED, budget_seconds=5.0)
    counted = Launches(schedule, clock=clock)
    for launch in launches(*[[[SECOND]]] * 5):
        if counted.verdict() != "go_on":
            break
        clock.now += 4.0
        cells = tuple(waiting(launch, lost, batch) for batch, lost in enumerate(lacking, 1))
        counted.add(FinishedLaunch(cells=cells), {})

    assert (counted.done, counted.verdict()) == (done, "budget")


@pytest.mark.parametrize(("forward", "done"), [(3.0, 4), (0.0, 3)])
def test_the_last_launches_of_a_pilot_may_be_short(forward: float, done: int) -> None:
    """Its launches share the budget, and one with the fewest rounds may still have its place."""
    clock = FakeClock()
    schedule = msgspec.structs.replace(PLANNED, budget_seconds=16.0)
    counted = Launches(schedule, clock=clock)
    rounds = launches([[10_000_000]] * 6)
    while counted.verdict() == "go_on":
        clock.now += 4.5
        spent = FinishedLaunch(cells=(cell("torch", rounds),), spent={"forward": forward})
        counted.add(spent, {})

    assert (counted.done, counted.verdict()) == (done, "budget")


def test_pilots_of_a_run_moderate_each_other() -> None:
    """One that seems steady among restless ones gets more launches than alone."""
    restless = [[10.0, 10.1, 9.9, 10.2, 9.8 - 0.01 * more] for more in range(6)]
    steady = [10.0, 10.05, 9.95, 10.1, 9.9]
    spreads = PilotSpreads()
    found = []
    for pilot in (*restless, steady):
        counted = Launches(PLANNED, spreads)
        for launch in finished(*pilot):
            counted.add(launch, {})
        found.append(counted.needed or 0)
    alone = run(PLANNED, steady + [10.0] * 40)

    assert alone.needed == 5
    assert found[-1] > 5
    assert max(found[5:]) < found[0]


def test_the_pilot_s_launches_share_the_budget() -> None:
    """What is left of it belongs in equal parts to those that follow, and then to the next one."""
    clock = FakeClock()
    schedule = msgspec.structs.replace(PLANNED, budget_seconds=50.0)
    counted = Launches(schedule, clock=clock)
    left = []
    for launch in finished(10.0, 10.1, 9.9, 10.2, 9.8):
        left.append(counted.seconds_for_next)
        clock.now += 6.0
        counted.add(launch, {})

    assert left == [10.0, 11.0, 38 / 3, 16.0, 26.0]
    assert counted.seconds_for_next == 20.0
    assert Launches(Schedule(pilot=3, launches=3, rounds=1)).seconds_for_next is None


@pytest.mark.parametrize(("seconds", "done"), [(100.0, 3), (400.0, 1)])
def test_a_giant_gets_three_launches_in_its_own_budget(seconds: float, done: int) -> None:
    """Ten minutes, in which a launch may have to do."""
    clock = FakeClock()
    schedule = msgspec.structs.replace(PLANNED, budget_seconds=1.0)
    counted = Launches(schedule, clock=clock)
    for launch in finished(5000.0, 5001.0, 5002.0)[:done]:
        assert counted.verdict() == "go_on"
        clock.now += seconds
        few = [msgspec.structs.replace(each, few_calls=True) for each in launch.cells]
        counted.add(msgspec.structs.replace(launch, cells=tuple(few)), {})

    assert counted.verdict() == "giant"


def test_a_number_of_launches_is_just_made() -> None:
    """Without a precision there is nothing to plan."""
    counted = run(Schedule(pilot=3, launches=3, rounds=1), [10.0, 20.0, 5.0])

    assert (counted.done, counted.needed, counted.verdict()) == (3, None, "launches")


def test_a_pilot_of_failures_plans_nothing() -> None:
    """Cells that failed have no spread."""
    counted = Launches(PLANNED, clock=FakeClock())
    for _ in range(5):
        counted.add(FinishedLaunch(cells=(failed(),)), {})

    assert counted.needed is None


def test_the_pilot_s_rounds_are_judged_by_all_canaries_so_far() -> None:
    """A pilot that is restless without the rounds that turn out to be disturbed needs more."""
    counted = Launches(PLANNED)
    key = ("ort", "CPUExecutionProvider")

    def launch(index: int, time: float, canary: int) -> FinishedLaunch:
        of = launches([[round(time * 1e6)], [round(10.0 * 1e6)]])[0]
        of = msgspec.structs.replace(of, index=index)
        blocks = tuple(
            Block(round=at, calls=1, ns=(ns,)) for at, ns in enumerate((canary, 100, 100))
        )
        taken = builders.canary([Launch(index=index, blocks=blocks)])
        return FinishedLaunch(cells=(cell("ort", [of]),), canary=(taken,))

    for index, time in enumerate((10.0, 10.4, 9.6, 10.2, 9.8)):
        counted.add(launch(index, time, 120), {key: 120.0})
    at_first = counted.needed
    counted.add(launch(5, 10.0, 120), {key: 100.0})

    assert at_first is not None
    assert counted.needed is not None
    assert counted.needed < at_first
