"""The worker's side of a cell: loads one network and measures the requested blocks.

Runs in a worker process with the runtime that it is given; imports no runtime.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
import threadpoolctl

from simx.common.errors import InputError
from simx.exporter.store.entry import DamagedEntryError, confined
from simx.exporter.verification.reference import load_reference
from simx.results.schema.environment import Memory, ThreadPool
from simx.results.schema.kernels import Kernels
from simx.results.schema.report import Failure
from simx.runner.backends.contract import (
    Array,
    Backend,
    BackendError,
    BackendFacts,
    Runtime,
    Task,
)
from simx.runner.backends.gpu.device_memory import DeviceMemoryMeter
from simx.runner.backends.gpu.gpu_state import watch
from simx.runner.backends.gpu.nvml import open_device
from simx.runner.backends.ort.placement import CPU
from simx.runner.measure import messages
from simx.runner.measure.cell_worker import CellWorker
from simx.runner.measure.energy import EnergyMeter
from simx.runner.measure.loaded_libraries import loaded_libraries
from simx.runner.measure.rotating_inputs import batches
from simx.runner.measure.system import forget_peak, resident_bytes
from simx.runner.measure.threads import threads_used
from simx.runner.measure.timing import CLOCK, take_block
from simx.runner.measure.warmup import warm_up
from simx.workers import allocator
from simx.workers.connection import Connection


def serve(connection: Connection, runtime: Runtime) -> None:
    """Answer requests until the parent closes the connection."""
    cell: CellWorker | None = None
    while True:
        try:
            request = connection.receive(messages.REQUESTS)
        except EOFError:
            return
        try:
            reply: messages.Answer | Failure
            if isinstance(request, messages.Prepare):
                cell, reply = _prepare(runtime, request)
            elif isinstance(request, messages.Embed) and cell:
                reply = messages.Embedded(messages.pack(cell.embed(request)))
            elif isinstance(request, messages.MeasureLoad) and cell:
                reply = cell.measure_load(request)
            elif isinstance(request, messages.ProfileCalls):
                reply = messages.Profiled(_profile(runtime, request))
            else:
                reply = _answer(runtime, cell, request)
        # Any error of a runtime is a failure of this cell and must not end the sweep.
        except Exception as error:  # noqa: BLE001
            is_block = isinstance(request, messages.Measure)
            stage = request.scope if is_block else type(request).__name__.lower()
            reply = Failure(stage=stage, reason=_reason(error))
        connection.send(reply)


def _answer(
    runtime: Runtime, cell: CellWorker | None, request: messages.Request
) -> messages.Answer | Failure:
    answer: messages.Answer | Failure
    match request:
        case messages.Describe():
            answer = messages.Described(runtime.describe())
        case messages.Probe():
            proof = runtime.probe(request.provider, request.options)
            answer = messages.Usable(proof, _libraries_of(request.provider))
        case messages.WeighMemory():
            answer = messages.Weighed(_weigh(runtime, request))
        case messages.WarmUp() if cell:
            answer = messages.WarmedUp(warm_up(cell.warming_block))
        case messages.Measure() if cell:
            answer = cell.measure(request)
        case messages.MeasureCanary() if cell:
            block = take_block(cell.backend.canary, request.plan, request.round)
            answer = messages.MeasuredCanary(block)
        case messages.CountThreads() if cell:
            used = threads_used(cell.backend.large_product(), request.requested)
            answer = messages.ThreadsCounted(used)
        case messages.CrossCheck() if cell:
            answer = messages.CrossChecked(cell.cross_check(request.calls))
        case messages.CompareWithFloat64() if cell:
            answer = messages.ComparedWithFloat64(cell.own_error())
        case _:
            answer = Failure(stage="prepare", reason="nothing is loaded yet")
    return answer


def _prepare(runtime: Runtime, request: messages.Prepare) -> tuple[CellWorker, messages.Prepared]:
    inputs = _inputs(request)
    calls = batches(len(inputs), request.task.batch)
    if request.task.cores:
        # Before the runtime has threads: they run where the one that starts them does.
        os.sched_setaffinity(0, request.task.cores)
    with verified_task(request.task) as task:
        before = _resident_before()
        begun = CLOCK()
        backend = runtime.create(task)
        created = CLOCK()
        _, first = _embed_once(backend, inputs[calls[0]])
        memory = _memory(before)
        # A runtime without a record of its nodes opens the files again, for a profile.
        facts = _with_allocator(backend.facts)
    answers = [_embed_once(backend, inputs[pictures]) for pictures in calls]
    # After the first call, when the runtime has its device.
    device = open_device(request.task.cuda_device)
    gpu, energy = watch(device), EnergyMeter(device)
    pictures = messages.unpack(request.pictures)
    watching = gpu.begin if gpu else None
    cell = CellWorker(backend, inputs, pictures, watching, request.task.batch, energy)
    return cell, messages.Prepared(
        create_ns=created - begun,
        first_call_ns=first.whole_ns,
        # The shortest, because one disturbed call must not make a small network a giant.
        call_ns=min(times.whole_ns for _, times in answers),
        calls=tuple(times for _, times in answers),
        facts=facts,
        memory=memory,
        thread_pools=_thread_pools(),
        libraries=_libraries_of(request.task.provider),
        rows=tuple(picture for pictures in calls for picture in pictures),
        verification=messages.pack(np.concatenate([embedding for embedding, _ in answers])),
        embeddings=messages.pack(cell.embed_pictures()),
        idle_watts=energy.idle_watts(),
    )


@contextmanager
def verified_task(task: Task) -> Iterator[Task]:
    """Provide a task whose paths lead to the verified files, while it is being loaded.

    Raises:
        BackendError: a file is not what the export's manifest says.
    """
    field = "weights_path" if Path(task.weights_path).name in task.files else "model_path"
    path = Path(getattr(task, field))
    try:
        with confined(path.parent, task.files) as folder:
            yield msgspec.structs.replace(task, **{field: str(folder / path.name)})
    except DamagedEntryError as error:
        raise BackendError(f"{error}; run simx export again") from None


def _inputs(
    request: messages.Prepare | messages.WeighMemory | messages.ProfileCalls,
) -> Array:
    stored = request.reference
    try:
        reference = load_reference(Path(stored.path), stored.record)
    except InputError as error:
        raise BackendError(str(error)) from None
    return reference.inputs(request.task.backbone.preset)


def _embed_once(backend: Backend, array: Array) -> tuple[Array, messages.CallTimes]:
    """Embed one batch and fetch the result twice, which shows work that is left unfinished."""
    begun = CLOCK()
    embedding = backend.forward(backend.place(array))
    returned = CLOCK()
    fetched = backend.fetch(embedding)
    there = CLOCK()
    backend.fetch(embedding)
    again = CLOCK()
    return fetched, messages.CallTimes(
        forward_ns=returned - begun, fetch_ns=there - returned, again_ns=again - there
    )


def _weigh(runtime: Runtime, request: messages.WeighMemory) -> Memory | None:
    inputs = _inputs(request)
    gpu = open_device(request.task.cuda_device)
    with verified_task(request.task) as task:
        before = _resident_before()
        with DeviceMemoryMeter(gpu) as meter:
            backend = runtime.create(task)
            _embed_once(backend, inputs[batches(len(inputs), task.batch)[0]])
    memory = _memory(before)
    device = meter.read(backend.peak_device_bytes())
    return memory and msgspec.structs.replace(memory, device=device)


def _profile(runtime: Runtime, request: messages.ProfileCalls) -> Kernels:
    inputs = _inputs(request)
    with verified_task(request.task) as task:
        image = inputs[batches(len(inputs), task.batch)[0]]
        return runtime.profile(task, image, request.calls)


def _resident_before() -> int | None:
    """Return the resident memory in bytes, and let its peak begin here."""
    forget_peak()
    return resident_bytes(peak=False)


def _memory(before: int | None) -> Memory | None:
    peak = resident_bytes(peak=True)
    if before is None or peak is None:
        return None
    # The two are counted apart, and by pages of several threads at a time.
    return Memory(before=before, peak=max(before, peak))


def _with_allocator(facts: BackendFacts) -> BackendFacts:
    settings = {**facts.settings, "allocator": allocator.state()}
    return msgspec.structs.replace(facts, settings=settings)


def _thread_pools() -> tuple[ThreadPool, ...]:
    return tuple(
        ThreadPool(
            api=pool["user_api"],
            library=pool["prefix"],
            version=pool["version"],
            threads=pool["num_threads"],
        )
        for pool in threadpoolctl.threadpool_info()
    )


def _libraries_of(provider: str) -> dict[str, str]:
    return {} if provider == CPU else loaded_libraries()


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    text = lines[0] if lines else "no message"
    return text if isinstance(error, BackendError) else f"{type(error).__name__}: {text}"
