"""Attempts of several nodes at backbones, in one journal."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from simx.results.files.assembly import forward_of
from simx.results.files.journal_lines import FinishedLaunch, JournaledBackbone, Kept, Noted
from simx.results.files.validation import first_problem
from simx.results.schema.report import MeasuredCell, Stop
from tests.results.builders import header, identity, measured, report

LAST = 2
"""The index of a backbone's last launch."""


def launch(model: str, node: str, attempt: int, index: int) -> FinishedLaunch:
    """Return a launch whose ``forward`` says in its nanoseconds whose it is."""
    cell = measured(identity(model))
    forward = next(each for each in cell.timings if each.scope == "forward")
    ns = (1000 * attempt + index + 1,)
    block = msgspec.structs.replace(forward.launches[0].blocks[0], ns=ns)
    only = msgspec.structs.replace(forward.launches[0], index=index, blocks=(block,))
    timing = msgspec.structs.replace(forward, launches=(only,))
    stop = Stop(
        model=model,
        weights="IMAGENET1K_V1",
        launches=index + 1,
        needed=None,
        ended_by="launches",
        seconds=1.0,
    )
    return FinishedLaunch(
        cells=(msgspec.structs.replace(cell, timings=(timing,)),),
        stop=stop if index == LAST else None,
        node=node,
        attempt=attempt,
    )


def attempts_of(kept: Kept) -> dict[str, set[int]]:
    """Return whose launches each backbone of the report has."""
    return {
        cell.identity.model: {each.blocks[0].ns[0] // 1000 for each in forward_of(cell)}
        for cell in kept.report().cells
        if isinstance(cell, MeasuredCell)
    }


def test_a_lost_nodes_launches_do_not_count() -> None:
    """The attempt after it has all of them, under the number of its node."""
    lost = [launch("resnet18", "aa", 1, index) for index in range(2)]
    again = [launch("resnet18", "bb", 2, index) for index in range(LAST + 1)]
    kept = Kept(header=header(report()), lines=(*lost, *again))

    assert attempts_of(kept) == {"resnet18": {2}}
    assert [stop.node for stop in kept.report().stops] == [1]
    assert len(kept.report().nodes) == 1


def test_the_reference_counts_once_and_shows_every_node() -> None:
    """The first attempt that ends counts, and the times of both nodes are kept."""
    one = [launch("resnet18", "aa", 1, index) for index in range(LAST + 1)]
    other = [launch("resnet18", "bb", 2, index) for index in range(LAST + 1)]
    alone = [launch("vgg11", "aa", 3, index) for index in range(LAST + 1)]
    lines = (one[0], other[0], other[1], one[1], other[2], one[2], *alone)
    found = Kept(header=header(report()), lines=lines).report()
    times = [node.reference[0].launches for node in found.nodes]

    assert first_problem(found) is None
    assert [stop.node for stop in found.stops] == [1, 2]
    assert [[each.blocks[0].ns[0] // 1000 for each in of] for of in times] == [[2] * 3, [1] * 3]


def test_nothing_of_a_sick_node_counts() -> None:
    """Its backbone is open again, and has the launches of the next node alone."""
    sick = [launch("resnet18", "aa", 1, index) for index in range(LAST + 1)]
    again = [launch("resnet18", "bb", 2, index) for index in range(LAST + 1)]
    noted = Noted(notes=("a node was left out",), sick_node="aa")
    before = Kept(header=header(report()), lines=(*sick, noted))
    after = Kept(header=header(report()), lines=(*sick, noted, *again))

    assert before.finished == frozenset()
    assert attempts_of(after) == {"resnet18": {2}}
    assert len(after.report().nodes) == 1
    assert after.report().notes == ("a node was left out",)


def test_each_kind_has_its_own_launches() -> None:
    """A backbone is another one on each kind, in cells, stops, and nodes."""
    one = [launch("resnet18", "aa", 1, index).on("big") for index in range(LAST + 1)]
    other = [launch("resnet18", "bb", 2, index).on("small") for index in range(LAST + 1)]
    found = Kept(header=header(report()), lines=(*one, *other)).report()

    assert [cell.identity.kind for cell in found.cells] == ["big", "small"]
    assert [(stop.kind, stop.node) for stop in found.stops] == [("big", 1), ("small", 2)]
    assert [node.kind for node in found.nodes] == ["big", "small"]
    assert [node.reference for node in found.nodes] == [(), ()]


@given(st.lists(st.tuples(st.sampled_from(("resnet18", "vgg11")), st.integers(1, 3)), max_size=12))
def test_no_backbone_mixes_attempts(orders: list[tuple[str, int]]) -> None:
    """Wherever attempts break off: one that has ended counts, and what was finished stays so."""
    lines: list[FinishedLaunch] = []
    finished: frozenset[JournaledBackbone] = frozenset()
    for attempt, (model, length) in enumerate(orders, 1):
        for index in range(length):
            lines.append(launch(model, f"node {attempt % 2}", attempt, index))
            kept = Kept(header=header(report()), lines=tuple(lines))

            assert finished <= kept.finished
            finished = kept.finished
    kept = Kept(header=header(report()), lines=tuple(lines))

    assert all(len(found) == 1 for found in attempts_of(kept).values())
    assert {stop.model for stop in kept.report().stops} == {model for model, *_ in finished}
    assert first_problem(kept.report()) is None


def test_a_node_that_there_is_not_is_a_problem() -> None:
    """A report says so when it is read."""
    kept = Kept(header=header(report()), lines=(launch("resnet18", "aa", 1, LAST),))
    found = msgspec.structs.replace(kept.report(), nodes=())

    assert first_problem(found) == "$.stops[0].node is 1, and there are 0"
