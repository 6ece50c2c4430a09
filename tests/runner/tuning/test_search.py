"""The decision: what is truly better is found, and what is alike is not called better."""

import msgspec
import pytest
from scipy.stats import binom

from simx.common.errors import InputError
from simx.results.schema.config import Goal
from simx.results.schema.times import Noise
from simx.results.schema.tuning import TunedModel
from simx.results.statistics.estimates import Ratio
from simx.runner.bench.targets import Target
from simx.runner.tuning.candidates import Candidate
from simx.runner.tuning.search import CONFIRMING, FEWEST_CONFIRMING
from tests.results.builders import MS
from tests.runner.tuning.simulated import CPU, ORT, Phase, SimulatedBench, config, tuned

ALIKE = 150
PLANTED = 20


def covers(gain: Ratio, truth: float) -> bool:
    return gain.low is not None and gain.high is not None and gain.low <= truth <= gain.high


def claims(found: TunedModel) -> bool:
    return found.best != found.default


def test_settings_that_are_alike_are_rarely_called_better() -> None:
    """At most one search in forty claims a gain; the number of those that do is binomial."""
    found = [tuned(SimulatedBench(lambda *_: 10.0, config(seed=seed))) for seed in range(ALIKE)]
    false = sum(map(claims, found))

    assert false <= binom.ppf(0.999, ALIKE, 0.025)
    assert len({each.winner for each in found if each.winner}) > 5
    assert all(each.candidates > 10 for each in found)


def test_a_setting_that_is_better_is_found() -> None:
    """One variant that saves 6 % is in the answer, with a gain that has the truth in it."""

    def times(each: Candidate, _: Phase) -> float:
        return 10.0 / (1.06 if "static-batch" in each.variants else 1.0)

    found = [tuned(SimulatedBench(times, config(seed=seed))) for seed in range(PLANTED)]
    right = [each for each in found if each.best and "static-batch" in each.best.backend]
    covered = [each for each in right if each.gain and covers(each.gain, 1.06)]

    assert len(right) >= 0.9 * PLANTED
    assert len(covered) >= binom.ppf(0.001, len(right), 0.95)


@pytest.mark.parametrize(("waited", "is_busy"), [(15, False), (90, True)])
def test_a_busy_machine_shows_no_gain(waited: int, *, is_busy: bool) -> None:
    """Slight disturbances leave figures; threads that lack a core do not, however fast one is."""
    bench = SimulatedBench(lambda each, _: 5.0 if "passive" in each.variants else 10.0, config())
    bench.noise = Noise(wall_ns=100 * MS, wait_ns=waited * MS)
    found = tuned(bench)

    assert found.noisy
    assert found.busy is is_busy
    assert claims(found) is not is_busy


def test_changes_that_help_are_combined() -> None:
    """Two variants and a number of threads, none of which is tried with another one at first."""

    def times(each: Candidate, _: Phase) -> float:
        helpful = {"no-arena", "spinning"} & each.variants
        return 10.0 * 0.93 ** len(helpful) * (0.9 if each.threads == 1 else 1.0)

    found = tuned(SimulatedBench(times, config(seed=1)))

    assert found.best is not None
    assert {"no-arena", "spinning"} <= set(found.best.backend.partition(":")[2].split("+"))
    assert found.best.threads == 1


def test_the_gain_has_no_part_of_the_search() -> None:
    """What is fast only while it is searched for gains nothing."""

    def times(each: Candidate, phase: Phase) -> float:
        return 5.0 if phase == "search" and "passive" in each.variants else 10.0

    bench = SimulatedBench(times, config())
    found = tuned(bench)
    chosen, default = bench.launched["confirmation"][0]

    assert "passive" in chosen.variants
    assert found.best == found.default
    assert found.gain is not None
    assert found.gain.value == pytest.approx(1, abs=0.05)
    assert found.confirming == len(bench.launched["confirmation"]) == CONFIRMING.launches == 10
    assert found.gain.launches == CONFIRMING.launches
    assert set(bench.launched["confirmation"]) == {(chosen, default)}


def test_the_default_gains_nothing_over_itself() -> None:
    """Where it is the fastest of all, it wins, and is alone in what is confirmed."""
    bench = SimulatedBench(
        lambda each, _: 10.0 if not each.variants and each.threads == 2 else 20.0, config()
    )
    found = tuned(bench)

    assert found.winner == found.default == found.best
    assert found.gain is None
    assert [len(each) for each in bench.launched["confirmation"]] == [1] * CONFIRMING.launches


def test_every_backend_has_its_default() -> None:
    """The winner is compared with the defaults of its own backend and of the others."""
    other = Target(msgspec.structs.replace(ORT.backend, title="other"), CPU)

    def times(each: Candidate, _: Phase) -> float:
        return 15.0 if each.base == ORT else 10.0 if "spinning" in each.variants else 11.0

    found = tuned(SimulatedBench(times, config()), ORT, other)
    gains = [each.gain.value for each in found.confirmed if each.gain]

    assert found.gain is not None
    assert {each.settings.backend for each in found.confirmed[1:]} == {"ort", "other=ort"}
    assert sorted(gains) == [pytest.approx(1.1, abs=0.03), pytest.approx(1.5, abs=0.05)]
    assert {each.change for each in found.effects} >= {"variant spinning", "backend"}


def test_throughput_counts_pictures() -> None:
    """A batch that takes half of the time per picture wins, and its gain is per picture."""
    bench = SimulatedBench(
        lambda each, _: 10.0 * each.batch * (0.5 if each.batch == 8 else 1.0), config()
    )
    found = tuned(bench, goal="throughput")
    effect = next(each for each in found.effects if each.change == "batch 8")

    assert found.best is not None
    assert found.gain is not None
    assert found.best.batch == 8
    assert found.gain.value == pytest.approx(2, abs=0.05)
    assert effect.gain.value == pytest.approx(2, abs=0.1)


def test_a_call_that_takes_too_long_cannot_win() -> None:
    """Each has its time in the reason, and larger batches are no answer."""
    bench = SimulatedBench(lambda each, _: 10.0 + each.batch, config())
    found = tuned(bench, goal="throughput", max_latency=0.015)

    assert found.best is not None
    assert found.best.batch == 4
    assert {each.settings.batch for each in found.out if each.settings.instances == 1} == {
        *(8, 16, 32)
    }
    assert all("and 15 ms are allowed" in each.reason for each in found.out)


def test_candidates_that_fail_are_out() -> None:
    """With their reasons; the others go on."""

    def times(each: Candidate, _: Phase) -> float | str:
        return "it does not load" if "no-arena" in each.variants else 10.0 - len(each.variants)

    found = tuned(SimulatedBench(times, config()))

    assert found.best is not None
    assert "no-arena" not in found.best.backend
    assert [(each.settings.backend, each.reason) for each in found.out] == [
        ("ort:no-arena", "it does not load")
    ]


@pytest.mark.parametrize("phase", ["search", "confirmation"])
def test_a_failure_of_all_is_said(phase: Phase) -> None:
    """In the search every candidate has its reason; after it, the winner has."""

    def times(_: Candidate, now: Phase) -> float | str:
        return "out of memory" if now == phase else 10.0

    found = tuned(SimulatedBench(times, config()))

    assert (found.best, found.code) == (None, "")
    assert ("no candidate is left" if phase == "search" else "out of memory") in found.problem


def test_single_changes_are_measured_together() -> None:
    """In as many launches as are wanted; each that helps has the gain that it has."""
    bench = SimulatedBench(
        lambda each, _: 10.0 / (1.2 if "spinning" in each.variants else 1.0), config()
    )
    alone, pairs = bench.by_setting(4)
    gains = {each.change: each.gain for each in alone}

    assert len(bench.launched["search"]) == 8
    assert all(each.excess.value == pytest.approx(1, abs=0.1) for each in pairs)
    assert {"variant spinning", "variant passive", "threads 1"} <= gains.keys()
    assert covers(gains["variant spinning"], 1.2)
    assert gains["variant spinning"].is_above_one(1)


def test_without_its_default_the_winner_is_the_answer() -> None:
    """There is nothing else that works."""
    found = tuned(
        SimulatedBench(lambda each, _: 10.0 if each.variants else "it does not load", config())
    )

    assert found.gain is None
    assert found.best == found.winner != found.default


def test_a_search_without_time_is_short() -> None:
    """One launch of all candidates, and the fewest that confirm."""
    bench = SimulatedBench(lambda *_: 10.0, config(budget=1e-9))
    found = tuned(bench)

    assert (found.launches, found.confirming) == (1, FEWEST_CONFIRMING)


def test_the_better_half_of_each_stage_goes_on() -> None:
    """With at least two launches, and more where fewer candidates are left."""
    bench = SimulatedBench(lambda *_: 10.0, config())
    tuned(bench)
    sizes = [len(each) for each in bench.launched["search"]]
    stages = [sizes.count(size) for size in dict.fromkeys(sizes)]

    assert sizes == sorted(sizes, reverse=True) or sizes[2] > sizes[0]
    assert stages[0] == 2
    assert max(stages) == stages[-1] == 4
    assert sizes[-1] == 2


def without_time(found: TunedModel) -> TunedModel:
    return msgspec.structs.replace(found, seconds=0.0)


@pytest.mark.parametrize("goal", ["latency", "throughput"])
def test_an_interrupted_search_goes_on_where_it_was(goal: Goal) -> None:
    """Wherever it ended: its launches are not made again, and the result is the same."""

    def times(each: Candidate, _: Phase) -> float:
        return 10.0 * each.batch * 0.97 ** len(each.variants) * 0.9 ** (each.instances - 1)

    whole = SimulatedBench(times, config())
    expected = tuned(whole, goal=goal)
    for at in (1, 7, len(whole.measured) - 3, len(whole.measured)):
        resumed = SimulatedBench(times, config(), *whole.measured[:at])
        found = tuned(resumed, goal=goal)

        assert without_time(found) == without_time(expected)
        assert resumed.measured == whole.measured[at:]


def test_a_journal_of_another_search_is_refused() -> None:
    """Its launch has other candidates."""
    other = SimulatedBench(lambda *_: 10.0, config(threads=1))
    tuned(other)

    with pytest.raises(InputError, match=r"launch 0 of fakenet is not one of this search; move"):
        tuned(SimulatedBench(lambda *_: 10.0, config(), *other.measured))


def on_two_cores(each: Candidate, _: Phase) -> float:
    """Two instances of a thread embed 1.5 times as many pictures a second as one of two threads."""
    return 10.0 * each.batch / (1.5 if each.instances == 2 else 1.0 if each.threads == 2 else 0.7)


def test_several_instances_can_win() -> None:
    """They are confirmed under the same load as the defaults, and their calls take longer."""
    found = tuned(SimulatedBench(on_two_cores, config()), goal="throughput")
    effect = next(each for each in found.effects if each.change == "instances 2")

    assert found.best is not None
    assert found.gain is not None
    assert (found.best.instances, found.best.threads) == (2, 1)
    assert found.gain.value == pytest.approx(1.5, abs=0.05)
    assert effect.gain.value == pytest.approx(1.5, abs=0.1)
    assert found.confirmed[0].call.median_ns == pytest.approx(
        2 * 10e6 * found.best.batch / 1.5, rel=0.05
    )
    assert "# start 2 processes of this kind; give 1 of the cores to each" in found.code


def test_instances_are_for_throughput_within_the_bound() -> None:
    """A call of one of them takes a third longer than one alone."""
    latency = tuned(SimulatedBench(on_two_cores, config()))
    bench = SimulatedBench(on_two_cores, config())
    bounded = tuned(bench, goal="throughput", max_latency=0.012)

    assert not any("instances" in each.change for each in latency.effects)
    assert bounded.best is not None
    assert bounded.best.instances == 1
    assert {each.settings.instances for each in bounded.out} == {1, 2}
    assert {each.scenario for each in bench.launched["confirmation"][0]} == {"single-stream"}
