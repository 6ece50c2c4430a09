"""Embeds pictures by a backbone on its targets: proven first, then batch after batch.

A network runs in the runner's worker, which proves its placement and agrees with torch's reference
before it gets a picture. What is kept on disk is not embedded again.
"""

import hashlib
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
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
from simx.results.schema.report import FailedCell, Failure
from simx.runner.bench.cell_client import CellClient, CellFailedError
from simx.runner.bench.cells import PlannedCell
from simx.runner.bench.schedule import USUAL
from simx.runner.measure.messages import ArrayMessage, Pixels, pack
from simx.runner.measure.picture_messages import Item, ReadCrop
from simx.workers.worker import Launcher, WorkerError

_FORMAT = 2
"""Of kept embeddings; another one than that of an earlier simx makes them again."""

Progress = Callable[[int, float], None]
"""Called with how many pictures of a backbone are done, and how many there are each second."""

Reasons = dict[str, str]
"""Why pictures cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What all backbones of an evaluation share; kept embeddings depend on the ``environment``."""

    config: EvaluationConfig
    launchers: Mapping[str, Launcher]
    items: Sequence[Item]
    cache: Path
    environment: Environment
    notice: Callable[[str], None]


@dataclass(slots=True)
class EmbeddedCell:
    """A cell with the kept embeddings of its pictures, which can be read after ``embed``.

    Its client and the file of its embeddings are closed then. ``lacking`` are the pictures without
    an embedding, and ``seconds`` is the time of the network's calls.
    """

    client: CellClient
    vectors: Vectors
    lacking: set[str]
    throughput: Throughput
    seconds: float = 0.0

    def embed(self, crops: Mapping[str, bytes]) -> "Result":
        """Embed the pictures of a batch that are not kept, and keep them.

        Returns:
            The cell itself, or its failure.
        """
        backbone, new = self.client.plan.backbone, [key for key in crops if key in self.lacking]
        if not new:
            return self
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
        self.seconds += time.monotonic() - begun
        embedded = self.throughput.embedded + len(new)
        self.throughput = msgspec.structs.replace(self.throughput, embedded=embedded)
        self.vectors.append(new, embeddings)
        self.lacking.difference_update(new)
        return self


Result = EmbeddedCell | FailedCell


def embed(
    run: Run, decoders: Decoders, plans: Sequence[PlannedCell | FailedCell], progress: Progress
) -> tuple[list[Result], Reasons]:
    """Embed all pictures by a backbone on its targets.

    Args:
        run: What all backbones share.
        decoders: Read the pictures.
        plans: Of one backbone, whose export can have failed.
        progress: Called after each batch.

    Returns:
        An embedded or failed cell for each plan, and why pictures cannot be read, by their keys.
    """
    items, unreadable = {item.key: item for item in run.items}, Reasons()
    size, waited, decoding, decoded = run.config.batch, 0.0, 0.0, 0
    with ExitStack() as stack:
        cells = [_begun(run, plan, items, stack) for plan in plans]
        live = [cell for cell in cells if isinstance(cell, EmbeddedCell)]
        lacking = set[str]().union(*(cell.lacking for cell in live))
        wanted = [item for key, item in items.items() if key in lacking]
        requests = (ReadCrop(item, live[0].client.plan.backbone.preset) for item in wanted)
        answers = decoders.read(requests, size + decoders.count)
        kept, begun = len(items) - len(wanted), time.monotonic()
        progress(kept, 0.0)
        for start in range(0, len(wanted), size):
            if not any(isinstance(cell, EmbeddedCell) for cell in cells):
                break
            waiting, crops = time.monotonic(), dict[str, bytes]()
            batch = wanted[start : start + size]
            for item, answer in zip(batch, answers, strict=False):
                if isinstance(answer, Failure):
                    unreadable[item.key] = answer.reason
                else:
                    crops[item.key] = answer.crop
                    decoding += answer.seconds
            waited += time.monotonic() - waiting
            decoded += len(crops)
            cells = [
                cell.embed(crops) if isinstance(cell, EmbeddedCell) else cell for cell in cells
            ]
            done = start + len(batch)
            progress(kept + done, done / (time.monotonic() - begun))
        bound: Bound = "decode-bound" if 2 * waited > time.monotonic() - begun else "network-bound"
    for cell in cells:
        if isinstance(cell, EmbeddedCell) and cell.throughput.embedded:
            cell.throughput = msgspec.structs.replace(
                cell.throughput,
                images_per_second=cell.throughput.embedded / cell.seconds,
                decoded_per_second=decoders.count * decoded / decoding,
                bound=bound,
            )
    return cells, unreadable


@cache
def _first_pictures(preset: Preset) -> ArrayMessage:
    """Return the pictures that every worker embeds first, as inputs: the bundled ones."""
    files = bundled().files()
    return pack(np.concatenate([preprocess(decode(path), preset) for _, path in files]))


def _begun(
    run: Run, plan: PlannedCell | FailedCell, keys: Collection[str], stack: ExitStack
) -> Result:
    if isinstance(plan, FailedCell):
        return plan
    try:
        worker = stack.enter_context(run.launchers[plan.target.backend.label].launch())
        client = CellClient(plan, worker, USUAL)
        client.prepare(_first_pictures(plan.backbone.preset))
    except WorkerError as error:
        return plan.failed(Failure(stage="launch", reason=str(error)))
    except CellFailedError as error:
        return _failed(client, error)
    folder = run.cache / _folder_of(client.plan, run.environment)
    opened = opened_vectors(folder, client.embeddings.shape[1], run.notice)
    vectors = stack.enter_context(opened)
    lacking = {key for key in keys if key not in vectors}
    reused = len(keys) - len(lacking)
    return EmbeddedCell(client, vectors, lacking, Throughput(embedded=0, reused=reused))


def _failed(client: CellClient, error: CellFailedError) -> FailedCell:
    stderr = client.worker.stderr_tail
    return client.plan.failed(msgspec.structs.replace(error.failure, stderr=stderr))


def _folder_of(plan: PlannedCell, machine: Environment) -> str:
    target, gpus = plan.target, ", ".join(gpu.name for gpu in machine.gpus)
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
    return hashlib.sha256(msgspec.json.encode(depends_on)).hexdigest()[:32]
