"""Embeds pictures by a backbone on its targets: proven first, then batch after batch.

A network runs in the runner's worker, which proves its placement and agrees with torch's reference
before it gets a picture. What is kept on disk is not embedded again.
"""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np

from simx.evaluation.decoding import Decoders
from simx.evaluation.vectors import Embeddings, Vectors, opened_vectors
from simx.models.backbone import Preset
from simx.results.schema.evaluation import Throughput
from simx.results.schema.report import FailedCell, Failure
from simx.runner.bench.cell_client import CellClient, CellFailedError
from simx.runner.bench.cells import PlannedCell
from simx.runner.bench.schedule import USUAL
from simx.runner.measure.messages import ArrayMessage, Item, Pixels, ReadCrop
from simx.workers.worker import Launcher, WorkerError

_FORMAT = 2
"""Of kept embeddings; another one than that of an earlier simx makes them again."""

Progress = Callable[[int, float], None]
"""Called with how many pictures of a backbone are done, and how many there are each second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What all backbones of an evaluation share.

    ``inputs`` are the pictures that every worker embeds first, by preset, and ``software`` is what
    kept embeddings depend on besides network and target.
    """

    launchers: Mapping[str, Launcher]
    decoders: Decoders
    inputs: Mapping[Preset, ArrayMessage]
    items: tuple[Item, ...]
    batch: int
    cache: Path
    software: Mapping[str, str]
    notice: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class EmbeddedCell:
    """A cell whose pictures are embedded, with its worker's client, which is closed."""

    client: CellClient
    embeddings: Embeddings
    throughput: Throughput


@dataclass(slots=True)
class _Live:
    """A cell whose worker is running."""

    client: CellClient
    vectors: Vectors
    lacking: set[str]
    reused: int
    embedded: int = 0
    seconds: float = 0.0

    def embed(self, crops: Mapping[str, bytes]) -> None:
        """Embed the pictures of a batch that are not kept, and keep them."""
        new = [key for key in crops if key in self.lacking]
        if not new:
            return
        begun, side = time.monotonic(), self.client.plan.backbone.preset.crop
        most = self.client.plan.batch_of(len(new))
        calls = [new[start : start + most] for start in range(0, len(new), most)]
        embeddings = np.concatenate(
            [
                self.client.embed(
                    Pixels((len(keys), side, side, 3), b"".join(crops[key] for key in keys))
                )
                for keys in calls
            ]
        )
        self.seconds += time.monotonic() - begun
        self.vectors.append(new, embeddings)
        self.lacking.difference_update(new)
        self.embedded += len(new)

    def finished(self, items: Sequence[Item], times: "_Times", decoders: int) -> EmbeddedCell:
        """Return the cell after the last batch."""
        throughput = Throughput(embedded=self.embedded, reused=self.reused)
        if self.embedded:
            throughput = msgspec.structs.replace(
                throughput,
                images_per_second=self.embedded / self.seconds,
                decoded_per_second=decoders * times.decoded / times.decoding,
                bound="decode-bound" if times.waited > times.worked else "network-bound",
            )
        return EmbeddedCell(
            self.client, self.vectors.embeddings([item.key for item in items]), throughput
        )


@dataclass(slots=True)
class _Times:
    """Seconds of waiting for pictures, of work with them, and of decoding the readable ones."""

    waited: float = 0.0
    worked: float = 0.0
    decoding: float = 0.0
    decoded: int = 0


Result = EmbeddedCell | FailedCell


def embed(
    run: Run, plans: Sequence[PlannedCell | FailedCell], progress: Progress
) -> tuple[list[Result], dict[str, str]]:
    """Embed all pictures by the cells of one backbone.

    Returns:
        What became of the cells, in their order, and why pictures were not read, by key.

    Raises:
        SystemFailureError: Embeddings cannot be kept.
    """
    items = {item.key: item for item in run.items}
    unreadable, times = dict[str, str](), _Times()
    with ExitStack() as stack:
        cells = [
            _begin(run, plan, set(items), stack) if isinstance(plan, PlannedCell) else plan
            for plan in plans
        ]
        live = [cell for cell in cells if isinstance(cell, _Live)]
        lacking = set[str]().union(*(cell.lacking for cell in live))
        wanted = [item for key, item in items.items() if key in lacking]
        requests = (ReadCrop(item, live[0].client.plan.backbone.preset) for item in wanted)
        answers = run.decoders.read(requests, run.batch + run.decoders.count)
        kept, begun = len(items) - len(wanted), time.monotonic()
        progress(kept, 0.0)
        for start in range(0, len(wanted), run.batch):
            if not any(isinstance(cell, _Live) for cell in cells):
                break
            batch = wanted[start : start + run.batch]
            waiting = time.monotonic()
            read = list(islice(answers, len(batch)))
            working = time.monotonic()
            crops = dict[str, bytes]()
            for answer, item in zip(read, batch, strict=True):
                if isinstance(answer, Failure):
                    unreadable[item.key] = answer.reason
                else:
                    crops[item.key] = answer.crop
                    times.decoding += answer.seconds
            cells = [_after(cell, crops) for cell in cells]
            times.waited += working - waiting
            times.worked += time.monotonic() - working
            times.decoded += len(crops)
            done = start + len(batch)
            progress(kept + done, done / (time.monotonic() - begun))
        finished = [
            cell.finished(run.items, times, run.decoders.count) if isinstance(cell, _Live) else cell
            for cell in cells
        ]
    return finished, unreadable


def _begin(run: Run, plan: PlannedCell, keys: set[str], stack: ExitStack) -> _Live | FailedCell:
    """Load a network and prove it, and open its kept embeddings."""
    try:
        worker = stack.enter_context(run.launchers[plan.target.backend.label].launch())
        client = CellClient(plan, worker, USUAL)
        client.prepare(run.inputs[plan.backbone.preset])
    except WorkerError as error:
        return plan.failed(Failure(stage="launch", reason=str(error)))
    except CellFailedError as error:
        return plan.failed(msgspec.structs.replace(error.failure, stderr=worker.stderr_tail))
    folder = run.cache / _folder_of(client.plan, run.software)
    opened = opened_vectors(folder, client.embeddings.shape[1], run.notice)
    vectors = stack.enter_context(opened)
    lacking = {key for key in keys if key not in vectors}
    return _Live(client, vectors, lacking, reused=len(keys) - len(lacking))


def _after(cell: _Live | FailedCell, crops: Mapping[str, bytes]) -> _Live | FailedCell:
    """Let a cell embed a batch, and return it, or its failure."""
    if isinstance(cell, _Live):
        try:
            cell.embed(crops)
        except CellFailedError as error:
            stderr = cell.client.worker.stderr_tail
            return cell.client.plan.failed(msgspec.structs.replace(error.failure, stderr=stderr))
    return cell


def _folder_of(plan: PlannedCell, software: Mapping[str, str]) -> str:
    """Return the name of the folder of a cell's embeddings: what they depend on, as a hash."""
    target = plan.target
    depends_on = (
        _FORMAT,
        plan.artefact_sha256,
        plan.embedding,
        msgspec.to_builtins(plan.backbone.preset),
        (plan.identity.backend, target.backend.entry, target.provider, target.precision),
        sorted({**software, **dict(target.backend.libraries)}.items()),
    )
    return hashlib.sha256(msgspec.json.encode(depends_on)).hexdigest()[:32]
