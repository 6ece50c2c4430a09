"""What is searched: single changes, products, and combinations without contradictions."""

import pytest

from simx.runner.backends.registry import backend_named
from simx.runner.bench.targets import Target
from simx.runner.tuning.candidates import (
    MOST_PRODUCTS,
    Candidate,
    combinations,
    defaults,
    first_candidates,
)

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
BATCHES = (1, 2, 4, 8, 16, 32)


def target(name: str, provider: str = CPU) -> Target:
    return Target(backend_named(name), provider)


def first(*targets: Target, threads: int = 2, batches: tuple[int, ...] = (1,)) -> list[Candidate]:
    return list(first_candidates(defaults(targets, threads), targets, batches))


def names(candidates: list[Candidate]) -> set[str]:
    return {name for each in candidates for name in each.variants}


def test_single_changes_come_first() -> None:
    """The default, each variant of the processor's, and fewer threads; nothing twice."""
    found = first(target("ort"))

    assert found[0] == Candidate(target("ort"), "fp32", 1, 2)
    assert len(found) == len(set(found))
    assert all(len(each.variants) + (each.threads != 2) <= 1 for each in found)
    assert names(found) == {
        "flush-denormals",
        "fresh-heap",
        "graph-basic",
        "graph-extended",
        "no-arena",
        "parallel",
        "passive",
        "spinning",
        "static-batch",
    }


def test_what_changes_the_embedding_is_not_searched() -> None:
    """TF32 has another bound of parity, and a recorded graph is no setting."""
    assert names(first(target("ort", CUDA))) & {"tf32", "cuda-graph", "parallel"} == set()
    assert "search-exhaustive" in names(first(target("ort", CUDA)))


def test_a_variant_that_was_asked_for_stays() -> None:
    """It is part of the default, and what excludes it is not tried."""
    found = first(target("ort:spinning"))

    assert all("spinning" in each.target.backend.variants for each in found)
    assert not names(found) & {"spinning", "passive"}


def test_precisions_are_changes_of_the_first_one() -> None:
    """The first precision of each backend is its default's."""
    targets = [Target(backend_named("ort"), CPU, each) for each in ("fp32", "int8")]
    found = first(*targets)

    assert [each.precision for each in defaults(targets, 2)] == ["fp32"]
    assert [each for each in found if each.precision == "int8"] == [
        Candidate(targets[0], "int8", 1, 2)
    ]


@pytest.mark.parametrize("threads", [1, 2, 3, 16, 64, 4096])
def test_products_are_few(threads: int) -> None:
    """However many cores there are; with the default, the largest batch and the most threads."""
    plain = first(target("torch"), threads=threads, batches=BATCHES)
    products = {(each.batch, each.threads) for each in plain if not each.variants}

    assert len(products) <= MOST_PRODUCTS + 1
    assert (1, threads) in products
    assert max(batch for batch, _ in products) >= 16
    assert len(plain) <= 40


def test_combinations_have_no_contradictions() -> None:
    """Of two that exclude each other, the better one is combined."""
    start = defaults([target("ort")], 2)
    found = first(target("ort"))
    gains = {"spinning": 0.3, "passive": 0.2, "graph-basic": 0.1}
    logs = {
        each: -sum(gains[name] for name in each.variants)
        for each in found
        if each.variants <= set(gains)
    }
    combined = combinations(start, logs, found)

    assert {frozenset(each.variants) for each in combined} >= {
        frozenset({"spinning", "graph-basic"})
    }
    assert not any(each.contradicts_itself for each in combined)
    assert not set(combined) & set(found)


def test_a_backend_that_is_out_is_not_combined() -> None:
    """None of its candidates is in the better half."""
    start = defaults([target("ort"), target("torch")], 2)
    found = first(target("ort"), target("torch"))
    logs = {each: -len(each.variants) / 10 for each in found}
    kept = [each for each in found if each.base == start[1].base]

    assert {each.base for each in combinations(start, logs, kept)} == {start[1].base}


def test_no_network_is_compiled_in_a_search() -> None:
    """That takes longer than all other candidates together; one that is asked for is the base."""
    assert not {"compile", "freezing", "max-autotune"} & names(first(target("torch")))
