"""What a node is asked for, what it answers, and how it does it: with the code of a local run.

Tasks and answers are typed messages. Ray gets one function and bytes, so nothing of simx is
pickled. Imports no Ray and, as every parent of workers, no runtime.
"""

import queue
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

import msgspec

import simx
from simx.common.errors import (
    ExitCode,
    InputError,
    ProviderUnavailableError,
    SimxError,
    SystemFailureError,
)
from simx.common.temporary import temporary_folder
from simx.evaluation.decoding import decoding
from simx.evaluation.embedding import Batch, Embed, Embedded, embed
from simx.exporter.jobs.export import export
from simx.exporter.jobs.plan import Exported, ExportListener, ExportPlan, NotExported
from simx.exporter.store.remote import opened_store
from simx.models.backbone import Backbone
from simx.results.files.journal import Journal
from simx.results.files.journal_lines import FinishedSearch, Inputs, Line, Noted
from simx.results.schema.config import Aim, Config
from simx.results.schema.environment import Environment
from simx.results.statistics.noise import ReferenceWorkloadHistory
from simx.runner.backends.registry import backend_named
from simx.runner.bench.bench import bench_of, measured
from simx.runner.bench.cells import exported
from simx.runner.bench.environment import describe_environment
from simx.runner.bench.resumption import Earlier
from simx.runner.bench.session import Session, prepared
from simx.runner.bench.stopping import Launches
from simx.runner.bench.targets import open_targets
from simx.runner.bench.threads import default_threads
from simx.runner.tuning.search import tune_backbones

_ERRORS: dict[int, type[SimxError]] = {
    kind.exit_code: kind for kind in (InputError, ProviderUnavailableError, SystemFailureError)
}


class Look(msgspec.Struct, frozen=True, tag=True):
    """Describe the node: its machine, and its software for these backends and backbones."""

    backends: tuple[str, ...]
    backbones: tuple[str, ...]


class Export(msgspec.Struct, frozen=True, tag=True):
    """Export backbones into a store, which the nodes share: an absolute path, or a URL."""

    backbones: tuple[Backbone, ...]
    store: str
    plan: ExportPlan


class Measure(msgspec.Struct, frozen=True, tag=True):
    """Measure one backbone, all its cells; the paths of ``inputs`` are absolute.

    With an ``aim`` search its settings instead.
    """

    backbone: str
    config: Config
    inputs: Inputs
    aim: Aim | None = None


Task = Look | Export | Measure | Embed


class Looked(msgspec.Struct, frozen=True, tag=True):
    """The node, its version of simx, and the threads that a backend gets there by default."""

    simx: str
    environment: Environment
    threads: int


class Noticed(msgspec.Struct, frozen=True, tag=True):
    """A message for the user."""

    text: str


class Made(msgspec.Struct, frozen=True, tag=True):
    """An export is in the store's ``folder``, made by this task if it is ``fresh``."""

    backbone: Backbone
    folder: str
    fresh: bool


class Measured(msgspec.Struct, frozen=True, tag=True):
    """A finished launch of the backbone, of which so many are planned and done; or notes.

    Of a search: its result, or no notes while its launches go on.
    """

    line: Line
    planned: int = 0
    done: int = 0


class Refused(msgspec.Struct, frozen=True, tag=True):
    """The task ended with an error: one of simx's with its exit code, or a bug's traceback."""

    code: int
    reason: str

    def error(self) -> Exception:
        """Return the error, as a local run would have raised it."""
        return _ERRORS.get(self.code, RuntimeError)(self.reason)


Answer = Looked | Noticed | Made | NotExported | Measured | Batch | Embedded | Refused

_ANSWERS: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)
_TASKS: msgspec.msgpack.Decoder[Task] = msgspec.msgpack.Decoder(
    Task, dec_hook=lambda kind, value: kind(value)
)

decoded = _ANSWERS.decode


def encoded(task: Task) -> bytes:
    """Return a task as bytes; paths are text in them."""
    return msgspec.msgpack.encode(task, enc_hook=str)


def run(task: bytes) -> Iterator[bytes]:
    """Do a task, and yield its answers as they come."""
    try:
        for answer in _answers(_TASKS.decode(task)):
            yield msgspec.msgpack.encode(answer)
    except SimxError as error:
        yield msgspec.msgpack.encode(Refused(error.exit_code, str(error)))
    except Exception:  # noqa: BLE001 - Ray would send it pickled
        yield msgspec.msgpack.encode(Refused(ExitCode.BUG, traceback.format_exc()))


def _answers(task: Task) -> Iterator[Answer]:
    match task:
        case Look():
            yield _look(task)
        case Export():
            yield from _export(task)
        case Measure(aim=None):
            yield from _measure(task)
        case Measure():
            yield from _search(task)
        case Embed():
            yield from _embed(task)


def _look(task: Look) -> Looked:
    backends = map(backend_named, task.backends)
    environment = describe_environment(backends, task.backbones)
    return Looked(simx.__version__, environment, default_threads())


def _export(task: Export) -> Iterator[Answer]:
    listener = _Notices()
    store = opened_store(task.store, listener.notice)
    for outcome in export(task.backbones, store, task.plan, listener):
        if isinstance(outcome, Exported):
            yield Made(outcome.backbone, str(outcome.entry.folder), outcome.fresh)
        else:
            yield outcome
    yield from map(Noticed, listener.texts)


def _measure(task: Measure) -> Iterator[Answer]:
    """Do as a local run does for its first backbone; the journal is the driver's."""
    listener, launches = _Notices(), Launches(task.config)
    with _prepared(task, listener) as session, ExitStack() as held:
        config = session.config
        opened = held.enter_context(open_targets(session.targets, config.worker_memory))
        if opened.notes:
            yield Measured(Noted(notes=opened.notes))
        plan = session.plan
        (workload,) = held.enter_context(exported(session.backbones, session.store, plan, listener))
        yield from map(Noticed, listener.texts)
        history = ReferenceWorkloadHistory()
        bench = held.enter_context(bench_of(config, session.pictures, opened, history))
        earlier = Earlier(launches, {})
        for each in measured(bench, workload, config, opened.targets, earlier, lambda *_: None):
            yield Measured(each, launches.planned, launches.done)


@contextmanager
def _prepared(task: Measure, listener: ExportListener) -> Iterator[Session]:
    """Prepare a session of the backbone alone; models of the user's own come with their files."""
    config = msgspec.structs.replace(task.config, backbones=(task.backbone,))
    with prepared(config, task.inputs, listener) as session:
        own = tuple(each for each in session.backbones if each.name == task.backbone)
        yield msgspec.structs.replace(session, backbones=own)


def _search(task: Measure) -> Iterator[Answer]:
    """Do as a local run does for its first backbone, in a thread, while this one tells of it."""
    listener, said = _Notices(), queue.SimpleQueue[Answer | None]()

    def tell(_: Backbone, done: int, planned: int) -> None:
        said.put(Measured(Noted(notes=()), planned, done))

    with (
        _prepared(task, listener) as session,
        temporary_folder() as folder,
        Journal.begin(
            folder / "journal", msgspec.structs.replace(session.header, aim=task.aim)
        ) as journal,
        ThreadPoolExecutor(1) as pool,
    ):
        future = pool.submit(tune_backbones, session, journal, lambda _: nullcontext(tell))
        future.add_done_callback(lambda _: said.put(None))
        told: Iterator[Answer] = iter(said.get, None)
        yield from told
        yield from map(Noticed, listener.texts)
        (found,) = future.result().models
        yield Measured(FinishedSearch(result=msgspec.msgpack.encode(found)))


def _embed(task: Embed) -> Iterator[Answer]:
    for item in (item for batch in task.batches[:1] for item in batch[:1]):
        if not Path(item.path).exists():
            raise InputError(
                f"picture {item.path}: a node does not have it; give pictures that all nodes "
                "share, by the same path"
            )
    store, cells = opened_store(task.store), []
    for cell in task.cells:  # behind a URL, the driver's entries are not those of this node
        found = store.entry_at(cell.entry.manifest.identity, cell.entry.key) or cell.entry
        cells.append(msgspec.structs.replace(cell, entry=store.bring(found)))
    task = msgspec.structs.replace(task, cells=tuple(cells))
    targets = [each.target for each in cells]
    with open_targets(targets) as opened, decoding(task.threads) as decoders:
        yield from embed(opened, decoders, task)


class _Notices(ExportListener):
    """Keeps the messages of a task, each once."""

    def __init__(self) -> None:
        self.texts: dict[str, None] = {}

    def notice(self, text: str) -> None:
        self.texts[text] = None
