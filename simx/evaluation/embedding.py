"""Embeds pictures by a backbone on its targets: proven first, then batch after batch.

A network runs in the runner's worker, which proves its placement and agrees with torch's reference
before it gets a picture. What is kept on disk is not embedded again. Orders and answers are
messages, because what embeds can be on another machine.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec
import numpy as np

from simx.evaluation.decoding import Decoders
from simx.evaluation.vectors import Vectors, opened_vectors
from simx.images.decoding import decode
from simx.images.pictures import bundled
from simx.images.preprocessing import preprocess
from simx.models.backbone import Preset
from simx.results.schema.environment import Environment
from simx.results.schema.evaluation import Bound, EvaluationConfig, Throughput
from simx.results.schema.report import FailedCell, Failure, Parity
from simx.runner.bench.cell_client import CellClient, CellFailedError
from simx.runner.bench.cells import PlannedCell
from simx.runner.bench.schedule import USUAL
from simx.runner.bench.targets import OpenTargets
from simx.runner.measure.messages import ArrayMessage, Pixels, pack, unpack
from simx.runner.measure.picture_messages import Item, ReadCrop
from simx.workers.worker import Launcher, WorkerError

_FORMAT = 2
"""Of kept embeddings; another one than that of an earlier simx makes them again."""

Progress = Callable[[int, float], None]
"""Called with how many pictures of a backbone are done, and how many there are each second."""

Reasons = dict[str, str]
"""Why pictures cannot be read, by their keys."""


class Embed(msgspec.Struct, frozen=True, tag=True):
    """Embed the pictures of batches that each cell ``lacks``, by keys; a node has the ``store``."""

    cells: tuple[PlannedCell, ...]
    lacks: tuple[frozenset[str], ...]
    batches: tuple[tuple[Item, ...], ...]
    threads: int
    store: str = ""


class Rows(msgspec.Struct, frozen=True):
    """Embeddings of N pictures by their keys, [N, D]."""

    pictures: tuple[str, ...]
    embeddings: ArrayMessage


class Batch(msgspec.Struct, frozen=True, tag=True):
    """A batch of so many pictures is done; None for a cell that has made nothing of it."""

    pictures: int
    rows: tuple[Rows | None, ...]
    unreadable: Reasons


class Proven(msgspec.Struct, frozen=True, tag_field="status", tag="proven"):
    """A cell has embedded what it lacked: its proofs, and the speeds if it lacked anything."""

    parity: Parity
    placement: dict[str, int]
    partial_placement: str | None
    throughput: Throughput


class Embedded(msgspec.Struct, frozen=True, tag=True):
    """All is done, or no cell is left: what came of each; None where its target cannot be used."""

    cells: tuple[Proven | FailedCell | None, ...]
    notes: tuple[str, ...] = ()


Embedding = Callable[[Embed], Iterator[Batch | Embedded]]
"""``embed``, or what does the same elsewhere; ``Embedded`` comes last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What all backbones of an evaluation share; kept embeddings depend on the ``environment``."""

    config: EvaluationConfig
    items: Sequence[Item]
    cache: Path
    environment: Environment
    notice: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class EmbeddedCell:
    """A cell with the kept embeddings of its pictures, which can be read after they are closed."""

    plan: PlannedCell
    vectors: Vectors
    proven: Proven


Result = EmbeddedCell | FailedCell


def keep(
    run: Run, plans: Sequence[PlannedCell | FailedCell], embedding: Embedding, progress: Progress
) -> tuple[list[Result], Reasons]:
    """Embed all pictures by a backbone on its targets, and keep the embeddings.

    A network's answer to a picture can depend on the others of its call. So a batch is a part of
    all pictures, wherever an earlier run ended.

    Args:
        run: What all backbones share.
        plans: Of one backbone, whose export can have failed.
        embedding: Embeds what is not kept.
        progress: Called after each batch.

    Returns:
        An embedded or failed cell for each plan, but those of targets that cannot be used; and why
        pictures cannot be read.
    """
    items = [*{item.key: item for item in run.items}.values()]
    cells = tuple(plan for plan in plans if isinstance(plan, PlannedCell))
    with ExitStack() as stack:
        vectors = [stack.enter_context(_opened(run, cell)) for cell in cells]
        lacks = [frozenset(item.key for item in items if item.key not in of) for of in vectors]
        every, size = frozenset[str]().union(*lacks), run.config.batch
        cut = (items[at : at + size] for at in range(0, len(items), size))
        lacking = (tuple(item for item in batch if item.key in every) for batch in cut)
        order = Embed(cells, tuple(lacks), tuple(filter(None, lacking)), run.config.threads)
        ends, unreadable = Embedded((None,) * len(cells)), Reasons()
        begun, done, kept = time.monotonic(), 0, len(items) - len(every)
        progress(kept, 0.0)
        for answer in embedding(order) if cells else ():
            if isinstance(answer, Embedded):
                ends = answer
                continue
            for of, rows in zip(vectors, answer.rows, strict=True):
                if rows is not None:
                    of.append(rows.pictures, unpack(rows.embeddings))
            unreadable |= answer.unreadable
            done += answer.pictures
            progress(kept + done, done / (time.monotonic() - begun))
    results = iter(zip(cells, vectors, lacks, ends.cells, strict=True))
    found: list[Result] = []
    for plan in plans:
        if isinstance(plan, FailedCell):
            found.append(plan)
            continue
        cell, of, lacked, end = next(results)
        if isinstance(end, FailedCell):
            found.append(end)
        elif end is not None:
            made, reused = sum(key in of for key in lacked), len(items) - len(lacked)
            speed = msgspec.structs.replace(end.throughput, embedded=made, reused=reused)
            cell = msgspec.structs.replace(cell, partial_placement=end.partial_placement)
            end = msgspec.structs.replace(end, throughput=speed)
            found.append(EmbeddedCell(cell, of, end))
    return found, unreadable


class _Cell:
    """A cell whose worker runs, and the pictures that it has embedded."""

    def __init__(self, client: CellClient, lacks: frozenset[str]) -> None:
        self.client = client
        self._lacks = lacks
        self._embedded = 0
        self._seconds = 0.0

    def embed(self, crops: Mapping[str, bytes]) -> Rows | FailedCell | None:
        """Embed the pictures of a batch that it lacks, or return its failure."""
        backbone, new = self.client.plan.backbone, [key for key in crops if key in self._lacks]
        if not new:
            return None
        begun, side, most = time.monotonic(), backbone.preset.crop, backbone.batch_of(len(new))
        calls = [new[start : start + most] for start in range(0, len(new), most)]
        pixels = (
            Pixels((len(keys), side, side, 3), b"".join(crops[key] for key in keys))
            for keys in calls
        )
        try:
            embeddings = np.concatenate([self.client.embed(each) for each in pixels])
        except CellFailedError as error:
            return _failed(self.client, error)
        self._seconds += time.monotonic() - begun
        self._embedded += len(new)
        return Rows(tuple(new), pack(embeddings))

    def proven(self, decoded_per_second: float | None, bound: Bound) -> Proven:
        """Return what came of it."""
        parity, facts = self.client.parity, self.client.prepared.facts
        throughput = Throughput(embedded=0, reused=0)
        if self._embedded:
            throughput = Throughput(
                embedded=self._embedded,
                reused=0,
                images_per_second=self._embedded / self._seconds,
                decoded_per_second=decoded_per_second,
                bound=bound,
            )
        return Proven(parity, facts.placement, self.client.plan.partial_placement, throughput)


def embed(opened: OpenTargets, decoders: Decoders, order: Embed) -> Iterator[Batch | Embedded]:
    """Embed pictures by a backbone on its targets, here.

    Args:
        opened: The targets that can be used.
        decoders: Read the pictures.
        order: What to embed.
    """
    waited, decoding, decoded, begun = 0.0, 0.0, 0, time.monotonic()
    with ExitStack() as stack:
        cells = [
            _begun(plan, lacks, opened.launchers[plan.target.backend.label], stack)
            if plan.target in opened.targets
            else None
            for plan, lacks in zip(order.cells, order.lacks, strict=True)
        ]
        preset = order.cells[0].backbone.preset
        requests = (ReadCrop(item, preset) for batch in order.batches for item in batch)
        ahead = max(map(len, order.batches), default=0) + decoders.count
        answers = decoders.read(requests, ahead)
        for batch in order.batches:
            if not any(isinstance(cell, _Cell) for cell in cells):
                break
            waiting, crops, unreadable = time.monotonic(), dict[str, bytes](), Reasons()
            for item, answer in zip(batch, answers, strict=False):
                if isinstance(answer, Failure):
                    unreadable[item.key] = answer.reason
                else:
                    crops[item.key] = answer.crop
                    decoding += answer.seconds
            waited += time.monotonic() - waiting
            decoded += len(crops)
            found = [cell.embed(crops) if isinstance(cell, _Cell) else None for cell in cells]
            cells = [
                failed if isinstance(failed, FailedCell) else cell
                for cell, failed in zip(cells, found, strict=True)
            ]
            rows = (each if isinstance(each, Rows) else None for each in found)
            yield Batch(len(batch), tuple(rows), unreadable)
        bound: Bound = "decode-bound" if 2 * waited > time.monotonic() - begun else "network-bound"
        speed = decoders.count * decoded / decoding if decoded else None
        ends = (cell.proven(speed, bound) if isinstance(cell, _Cell) else cell for cell in cells)
        yield Embedded(tuple(ends), opened.notes)


@cache
def _first_pictures(preset: Preset) -> ArrayMessage:
    """Return the pictures that every worker embeds first, as inputs: the bundled ones."""
    files = bundled().files()
    return pack(np.concatenate([preprocess(decode(path), preset) for _, path in files]))


def _begun(
    plan: PlannedCell, lacks: frozenset[str], launcher: Launcher, stack: ExitStack
) -> _Cell | FailedCell:
    try:
        client = CellClient(plan, stack.enter_context(launcher.launch()), USUAL)
        client.prepare(_first_pictures(plan.backbone.preset))
    except WorkerError as error:
        return plan.failed(Failure(stage="launch", reason=str(error)))
    except CellFailedError as error:
        return _failed(client, error)
    return _Cell(client, lacks)


def _failed(client: CellClient, error: CellFailedError) -> FailedCell:
    stderr = client.worker.stderr_tail
    return client.plan.failed(msgspec.structs.replace(error.failure, stderr=stderr))


def _opened(run: Run, plan: PlannedCell) -> AbstractContextManager[Vectors]:
    target, machine = plan.target, run.environment
    gpus = ", ".join(gpu.name for gpu in machine.gpus)
    software = {"cpu": machine.cpu, "gpus": gpus, **machine.libraries}
    if plan.backbone.source != "timm":
        # It is there if any backbone of the run is timm's.
        software.pop("timm", None)
    depends_on = (
        _FORMAT,
        plan.artefact_sha256,
        plan.embedding,
        msgspec.to_builtins(plan.backbone.preset),
        (plan.identity.backend, target.backend.entry, target.provider, target.precision),
        sorted({**software, **dict(target.backend.libraries)}.items()),
    )
    folder = run.cache / hashlib.sha256(msgspec.json.encode(depends_on)).hexdigest()[:32]
    return opened_vectors(folder, plan.entry.manifest.embedding_dim, run.notice)
