"""Which rounds count: decided by covariates and canaries, never by the cells' own times."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simx.results.schema.gpu import GpuState
from simx.results.schema.report import Canary
from simx.results.schema.times import Block, Launch, Noise
from simx.results.statistics.noise import disturbances
from simx.results.statistics.round_filter import filter_blocks, filter_rounds, references
from tests.results import builders
from tests.results.builders import launches

WALL = 100_000_000
QUIET = Noise(wall_ns=WALL, wait_ns=0, pressure_ns=0, steal_ns=0, others_cpu_ns=0)
ORT = ("ort", "CPUExecutionProvider")


def noisy(**covariates: int) -> Noise:
    return msgspec.structs.replace(QUIET, **covariates)


def cell(*noises: Sequence[Noise], ns: int = 1_000_000) -> tuple[Launch, ...]:
    """Return launches of one block for each noise."""
    return tuple(
        Launch(
            index=index,
            blocks=tuple(
                Block(round=number, calls=1, ns=(ns,), noise=noise)
                for number, noise in enumerate(of_launch)
            ),
        )
        for index, of_launch in enumerate(noises)
    )


def canary(*rounds: Sequence[int], backend: str = "ort") -> Canary:
    """Return the canary's times in nanoseconds, one block a round, one list a launch."""
    taken = launches(*([[ns] for ns in of_launch] for of_launch in rounds))
    return builders.canary(taken, backend=backend)


def kept(found: tuple[Launch, ...]) -> list[tuple[int, int]]:
    return [(launch.index, block.round) for launch in found for block in launch.blocks]


@pytest.mark.parametrize(
    ("noise", "names"),
    [
        (QUIET, ()),
        (Noise(), ()),
        (noisy(steal_ns=10_000_000), ()),
        (noisy(steal_ns=20_000_000), ("steal",)),
        (noisy(wait_ns=9_000_000), ()),
        (noisy(wait_ns=11_000_000), ("wait",)),
        (noisy(wait_ns=30_000_000, others_cpu_ns=0), ("wait",)),
        (noisy(pressure_ns=30_000_000), ("pressure",)),
        (noisy(others_cpu_ns=30_000_000), ()),
        (noisy(others_cpu_ns=90_000_000), ("others",)),
        (noisy(throttled_ns=4_000_000), ()),
        (noisy(throttled_ns=6_000_000), ("throttled",)),
        (noisy(thermal_throttles=0), ()),
        (noisy(thermal_throttles=1), ("throttled",)),
        (noisy(wait_ns=50_000_000, pressure_ns=60_000_000), ("wait", "pressure")),
    ],
)
def test_a_block_is_disturbed_by_what_the_system_tells(
    noise: Noise, names: tuple[str, ...]
) -> None:
    """Each covariate has its bound, and one tick of the kernel's clock is none."""
    assert tuple(disturbances(Block(round=0, calls=1, ns=(1,), noise=noise))) == names


def test_a_disturbed_round_is_left_out_of_every_cell() -> None:
    """One cell's disturbance takes the round from all, since ratios are paired by round."""
    first = cell([QUIET, noisy(wait_ns=WALL), QUIET], [QUIET, QUIET, QUIET])
    second = cell([QUIET] * 3, [QUIET] * 3)
    filtered = filter_rounds([first, second], [], {})

    assert [kept(each) for each in filtered.cells] == [[(0, 0), (0, 2), (1, 0), (1, 1), (1, 2)]] * 2
    assert (filtered.rounds, filtered.excluded, filtered.noisy) == (6, 1, False)


def test_a_slow_canary_takes_the_rounds_on_both_of_its_sides() -> None:
    """A canary stands between two rounds, and what slowed it may have begun or ended in either."""
    filtered = filter_rounds(
        [cell([QUIET] * 5)], [canary([100, 100, 120, 100, 100, 100])], {ORT: 100.0}
    )

    assert kept(filtered.cells[0]) == [(0, 0), (0, 3), (0, 4)]


def test_a_slow_canary_takes_all_rounds_up_to_the_next_one() -> None:
    """Canaries at the rounds 0, 2, 4 and 6, of which that at 2 is slow."""
    taken = canary([100, 120, 100, 100])
    (launch,) = taken.launches
    blocks = tuple(msgspec.structs.replace(block, round=2 * block.round) for block in launch.blocks)
    sparse = msgspec.structs.replace(
        taken, launches=(msgspec.structs.replace(launch, blocks=blocks),)
    )
    filtered = filter_rounds([cell([QUIET] * 8)], [sparse], {ORT: 100.0})

    assert kept(filtered.cells[0]) == [(0, each) for each in (4, 5, 6, 7)]


def test_a_canary_has_to_be_slow_on_every_backend() -> None:
    """One slow canary among several may be a thread that was moved, and not the machine."""
    canaries = [canary([100, 120, 100]), canary([100, 101, 100], backend="torch")]
    undisturbed = {ORT: 100.0, ("torch", ORT[1]): 100.0}

    assert filter_rounds([cell([QUIET] * 2)], canaries, undisturbed).excluded == 0


def test_a_device_s_calm_canary_does_not_hide_the_host_s_slow_one() -> None:
    """What disturbs the CPU does not show on a GPU, and still takes the round."""
    device = msgspec.structs.replace(canary([100] * 3), provider="CUDAExecutionProvider")
    canaries = [canary([100, 120, 100]), device]
    undisturbed = {ORT: 100.0, ("ort", "CUDAExecutionProvider"): 100.0}

    assert filter_rounds([cell([QUIET] * 2)], canaries, undisturbed).noisy


def test_where_most_is_disturbed_all_of_it_counts_and_is_called_noisy() -> None:
    """A minority of quiet rounds is not what the machine was like."""
    busy = noisy(wait_ns=WALL)
    filtered = filter_rounds([cell([busy, QUIET, busy])], [], {})

    assert filtered.noisy
    assert filtered.excluded == 0
    assert kept(filtered.cells[0]) == [(0, 0), (0, 1), (0, 2)]


def test_a_launch_without_a_quiet_round_is_gone() -> None:
    """No launch is left with nothing in it."""
    filtered = filter_rounds([cell([noisy(wait_ns=WALL)], [QUIET], [QUIET])], [], {})

    assert [launch.index for launch in filtered.cells[0]] == [1, 2]


def test_a_throttled_block_is_disturbed() -> None:
    """A core well below its usual frequency takes the round, where frequencies are readable."""
    usual, low = noisy(frequency_khz=3_000_000), noisy(frequency_khz=2_500_000)

    assert kept(filter_rounds([cell([usual, low, usual])], [], {}).cells[0]) == [(0, 0), (0, 2)]


@pytest.mark.parametrize(
    "gpu",
    [GpuState(limits=("thermal slowdown",)), GpuState(others=1)],
    ids=["throttled", "shared"],
)
def test_a_disturbed_gpu_takes_the_round(gpu: GpuState) -> None:
    """From every cell, by that alone; a GPU that idled between blocks takes none."""
    disturbed = msgspec.structs.replace(QUIET, gpu=gpu)
    idle = msgspec.structs.replace(QUIET, gpu=GpuState(limits=("idle",), others=0))
    filtered = filter_rounds([cell([idle, disturbed, idle]), cell([QUIET] * 3)], [], {})

    assert [kept(each) for each in filtered.cells] == [[(0, 0), (0, 2)]] * 2


def test_blocks_of_a_scope_without_rounds_are_judged_alone() -> None:
    """A pipeline's disturbed block is left out like a round."""
    assert kept(filter_blocks(cell([QUIET], [noisy(steal_ns=WALL)], [QUIET]))) == [(0, 0), (2, 0)]


@given(st.lists(st.integers(min_value=1, max_value=10**12), min_size=2, max_size=2))
def test_a_cell_s_own_times_have_no_say(times: list[int]) -> None:
    """Whatever a cell took, the same covariates leave out the same rounds."""
    noises = [QUIET, noisy(wait_ns=WALL), QUIET]
    results = [filter_rounds([cell(noises, ns=ns)], [], {}) for ns in times]

    assert kept(results[0].cells[0]) == kept(results[1].cells[0]) == [(0, 0), (0, 2)]


def test_the_reference_is_an_undisturbed_canary() -> None:
    """It is a low percentile of the whole run's, whichever backbone they are of."""
    quiet, disturbed = canary([100] * 6), canary([120] * 14)

    assert references([quiet, disturbed]) == {ORT: 100.0}


@pytest.mark.parametrize(("others", "names"), [(0, ()), (1_000_000_000, ("wait", "others"))])
def test_threads_that_wait_for_each_other_are_not_disturbed(
    others: int, names: tuple[str, ...]
) -> None:
    """Other processes make them wait for no longer than they run themselves."""
    noise = Noise(wall_ns=4_000_000_000, wait_ns=800_000_000, others_cpu_ns=others)

    assert tuple(disturbances(Block(round=0, calls=1, ns=(1,), noise=noise))) == names
