"""A deadline ends what hangs, and never what would have finished."""

from simx.models.catalogue import load
from simx.runner.bench.deadlines import Deadlines
from simx.runner.bench.schedule import CANARY_PLAN, block_plan

USUAL = Deadlines()
MINUTE_NS = 60_000_000_000


def test_every_backbone_has_time_to_load() -> None:
    """Ten minutes at the least, and a machine that does 2e9 multiply-accumulates a second suffices.

    The first call, eight pictures of the reference and four others are called before it answers.
    """
    for backbone in load():
        gmacs = backbone.embedding_gmacs.pooled
        seconds = USUAL.of_loading(gmacs, backbone.params)
        assert USUAL.loading <= seconds <= USUAL.cap
        assert seconds > min(USUAL.cap, 12 * gmacs / 2)


def test_a_block_has_many_times_what_it_should_take() -> None:
    """By what one call took; a giant's three calls of a minute have an hour, and not the night."""
    giant = block_plan(MINUTE_NS)
    small = USUAL.of_block(block_plan(10_000_000), 10_000_000)

    assert USUAL.of_block(CANARY_PLAN, 0) >= USUAL.floor
    assert USUAL.floor < small < 2 * USUAL.floor
    assert 10 * 60 < USUAL.of_block(giant, MINUTE_NS) <= USUAL.cap
    assert USUAL.of_warming_up(100 * MINUTE_NS) == USUAL.cap


def test_the_bounds_are_parameters() -> None:
    """Whoever knows better says so."""
    hasty = Deadlines(loading=1.0, floor=0.5, cap=2.0)

    assert hasty.of_loading(0.0, 0) == 1.0
    assert hasty.of_loading(1e6, 0) == 2.0
    assert hasty.of_block(CANARY_PLAN, 0) < 2.0 + hasty.floor
