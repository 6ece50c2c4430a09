"""Pictures are embedded once, checked, kept, and a failure costs only its own cell."""

from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import hypothesis.strategies as st
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings

from simx.evaluation.decoding import Decoders
from simx.evaluation.embedding import (
    Batch,
    Embed,
    Embedded,
    EmbeddedCell,
    Progress,
    Result,
    Rows,
    Run,
    embed,
    keep,
)
from simx.images.decoding import decode
from simx.images.pictures import fingerprint
from simx.images.preprocessing import preprocess
from simx.results.schema.report import Failure
from simx.runner.bench.cells import PlannedCell
from simx.runner.bench.environment import describe_environment
from simx.runner.bench.targets import open_targets
from simx.runner.measure.messages import pack
from simx.runner.measure.picture_messages import Item
from tests.evaluation.labelled import labelled_folder
from tests.results.evaluations import evaluation
from tests.runner.fakes import BACKBONE, DIM, PRESET, entry_in, target
from tests.runner.fakes import embed as right_embeddings

BATCH = 5

ENVIRONMENT = describe_environment()

Outcome = tuple[list[Result], dict[str, str]]


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> tuple[Item, ...]:
    """Twelve pictures, one of which is damaged, and one of which is there twice."""
    folder = labelled_folder(tmp_path_factory.mktemp("pictures"), copies=1)
    first, second = folder / "anchor 0" / "0.png", folder / "anchor 1" / "0.png"
    second.write_bytes(first.read_bytes())
    (folder / "positive 2" / "0.png").write_bytes(b"damaged")
    return tuple(
        Item(str(path), fingerprint(path)[0], None, 0) for path in sorted(folder.glob("*/*.png"))
    )


class Embedding:
    """Embeds the pictures by fakes, with a cache of its own."""

    def __init__(self, items: tuple[Item, ...], folder: Path) -> None:
        self.items = items
        self.folder = folder
        (folder / "entry").mkdir()
        self.entry = entry_in(folder / "entry")

    def by(self, *kinds: str, progress: Progress = lambda *_: None) -> Outcome:
        plans = [PlannedCell(BACKBONE, target(kind), self.entry, 1) for kind in kinds]
        opened = open_targets([plan.target for plan in plans])
        run = Run(
            config=msgspec.structs.replace(evaluation().config, batch=BATCH),
            items=self.items,
            cache=self.folder / "cache",
            environment=ENVIRONMENT,
            notice=print,
        )
        with opened as targets, Decoders(2) as decoders:
            return keep(run, plans, partial(embed, targets, decoders), progress)


@pytest.fixture
def embedding(items: tuple[Item, ...], tmp_path: Path) -> Embedding:
    return Embedding(items, tmp_path)


def cells(outcome: Outcome) -> list[EmbeddedCell]:
    return [each for each in outcome[0] if isinstance(each, EmbeddedCell)]


def test_embeddings_are_those_of_the_pictures(embedding: Embedding) -> None:
    """Each row belongs to its picture; the damaged one has none and is named with its reason."""
    outcome = embedding.by("right")
    (cell,) = cells(outcome)
    good = [item for item in embedding.items if item.key not in outcome[1]]
    expected = right_embeddings(
        np.concatenate([preprocess(decode(Path(item.path)), PRESET) for item in good])
    )

    assert len(good) == 11
    assert "is not a picture" in next(iter(outcome[1].values()))
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    found = cell.vectors.embeddings([item.key for item in good])
    assert np.allclose(found.unit(slice(None)), expected, rtol=1e-5, atol=1e-6)
    assert sum(item.key in cell.vectors for item in embedding.items) == 11
    assert (cell.proven.throughput.embedded, cell.proven.throughput.reused) == (10, 0)
    assert cell.proven.throughput.bound is not None
    assert cell.proven.placement == {"CPUExecutionProvider": 3}


def test_kept_embeddings_are_used_again(embedding: Embedding) -> None:
    """The second run embeds nothing, and has the same rows."""
    (first,) = cells(embedding.by("right"))
    (second,) = cells(embedding.by("right"))

    assert (second.proven.throughput.embedded, second.proven.throughput.reused) == (0, 10)
    assert second.proven.throughput.images_per_second is None
    keys = [item.key for item in embedding.items]
    before, after = (each.vectors.embeddings(keys).unit(slice(None)) for each in (first, second))
    assert np.array_equal(before, after)


@settings(deadline=None, max_examples=30)
@given(size=st.integers(1, 6), done=st.integers(0, 12), damaged=st.sets(st.integers(0, 11)))
def test_batches_do_not_depend_on_what_is_kept(
    size: int, done: int, damaged: set[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A picture is embedded beside the same others, wherever an earlier run ended."""
    folder = tmp_path_factory.mktemp("kept")
    (folder / "entry").mkdir()
    plan = PlannedCell(BACKBONE, target("right"), entry_in(folder / "entry"), 1)
    run = Run(
        config=msgspec.structs.replace(evaluation().config, batch=size),
        items=[Item(f"{place}.png", f"{place:064}", None, 0) for place in range(12)],
        cache=folder / "cache",
        environment=ENVIRONMENT,
        notice=print,
    )
    unread = {run.items[place].key for place in damaged}
    beside: dict[str, set[frozenset[str]]] = defaultdict(set)

    def embedding(order: Embed, most: int) -> Iterator[Batch | Embedded]:
        for batch in order.batches[:most]:
            keys = tuple(item.key for item in batch if item.key not in unread)
            for key in keys:
                beside[key].add(frozenset(keys))
            rows = pack(np.zeros((len(keys), DIM), np.float32))
            yield Batch(len(batch), (Rows(keys, rows),), dict.fromkeys(unread, "damaged"))
        yield Embedded((None,))

    for most in (done, 12, 12):
        keep(run, [plan], partial(embedding, most=most), lambda *_: None)

    assert len(beside) == 12 - len(damaged)
    assert all(len(found) == 1 for found in beside.values())


def test_another_target_has_embeddings_of_its_own(embedding: Embedding) -> None:
    """What one backend computed is not taken for what another would."""
    embedding.by("right")
    (cell,) = cells(embedding.by("slow"))

    assert cell.proven.throughput.reused == 0


def test_an_interrupted_run_goes_on(embedding: Embedding) -> None:
    """What was embedded before the interrupt is kept."""

    def interrupt(done: int, _speed: float) -> None:
        if done >= BATCH:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embedding.by("right", progress=interrupt)
    (cell,) = cells(embedding.by("right"))

    assert cell.proven.throughput.reused == BATCH
    assert cell.proven.throughput.embedded == 10 - BATCH


@pytest.mark.parametrize(
    ("kind", "stage", "reason"),
    [
        ("refusing", "prepare", "no network for fakenet today"),
        ("constant", "parity", "the embedding differs from torch's"),
        ("small", "embed", "there is no room for a batch"),
    ],
)
def test_a_cell_that_fails_costs_only_itself(
    embedding: Embedding, kind: str, stage: str, reason: str
) -> None:
    """Its failure has the stage and the reason, and the other cell has all pictures."""
    failure, cell = embedding.by(kind, "right")[0]

    assert isinstance(failure, Failure)
    assert failure.stage == stage
    assert reason in failure.reason
    assert isinstance(cell, EmbeddedCell)
    assert cell.proven.throughput.embedded == 10


def test_progress_ends_with_all_pictures(embedding: Embedding) -> None:
    """Damaged ones count as done."""
    done: list[int] = []
    embedding.by("right", progress=lambda count, _: done.append(count))

    assert done == [0, 5, 10, 11]
