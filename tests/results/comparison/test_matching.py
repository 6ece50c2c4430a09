"""Which cells are compared with which."""

from typing import Any

import msgspec

from simx.results.comparison.differences import match
from simx.results.schema.report import Identity
from tests.results.builders import identity
from tests.results.comparison.builders import cell


def varied(**changes: Any) -> Identity:
    return msgspec.structs.replace(identity(), **changes)


def test_the_same_cell_is_compared_with_itself() -> None:
    """Whatever the order."""
    names = ["alexnet", "resnet18", "vgg11"]
    found = match([cell(name) for name in names], [cell(name) for name in reversed(names)])

    assert [(one.identity.model, other.identity.model) for one, other in found.pairs] == [
        (name, name) for name in names
    ]
    assert found.only_base == found.only_new == ()


def test_what_is_left_is_paired_by_how_little_differs() -> None:
    """Each set of weights goes with itself on the other provider, and not with the other one."""
    cuda = "CUDAExecutionProvider"
    base = [cell(its=varied(weights=weights)) for weights in ("V1", "V2")]
    new = [cell(its=varied(weights=weights, provider=cuda)) for weights in ("V2", "V1")]
    found = match(base, new)

    assert [(one.identity.weights, other.identity.weights) for one, other in found.pairs] == [
        ("V1", "V1"),
        ("V2", "V2"),
    ]


def test_a_cell_is_compared_once() -> None:
    """Of two candidates one is left over, and said to be new."""
    base = [cell(its=varied(threads=2))]
    new = [cell(its=varied(threads=4, batch=8)), cell(its=varied(threads=4))]
    found = match(base, new)

    assert [other.identity.batch for _, other in found.pairs] == [1]
    assert [each.identity.batch for each in found.only_new] == [8]


def test_a_share_is_paired_with_the_whole_that_it_is_a_share_of() -> None:
    """So that it can be said what differs; a whole and the same share come first."""
    whole, half, third = (
        varied(backend=backend) for backend in ("ort", "ort:partial=1/2", "ort:partial=1/3")
    )
    found = match([cell(its=whole), cell(its=half)], [cell(its=half), cell(its=third)])

    assert [(one.identity, other.identity) for one, other in found.pairs] == [
        (half, half),
        (whole, third),
    ]


def test_models_and_backends_are_never_mixed() -> None:
    """Another model is another thing, and another backend an answer to another question."""
    found = match(
        [cell("alexnet")], [cell("vgg11"), cell(its=varied(model="alexnet", backend="ort"))]
    )

    assert found.pairs == ()
    assert len(found.only_base) == 1
    assert len(found.only_new) == 2
