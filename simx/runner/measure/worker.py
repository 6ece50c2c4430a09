"""The worker's side of a cell: loads one network and measures the requested blocks.

Runs inside a worker process with the runtime that it is given; imports none itself.
"""

from pathlib import Path

import numpy as np
import PIL.Image
import threadpoolctl

from simx.common.errors import InputError
from simx.exporter.verification.reference import Reference, load_reference
from simx.results.schema.environment import Memory, ThreadPool
from simx.results.schema.report import Failure
from simx.runner.backends.contract import Array, Backend, BackendError, Runtime
from simx.runner.backends.gpu.device_memory import DeviceMemoryMeter
from simx.runner.backends.gpu.gpu_state import watch
from simx.runner.backends.gpu.nvml import open_device
from simx.runner.backends.ort.placement import CPU
from simx.runner.measure.cell_worker import CellWorker
from simx.runner.measure.loaded_libraries import loaded_libraries
from simx.runner.measure.messages import (
    REQUESTS,
    CallTimes,
    CrossCheck,
    CrossChecked,
    Describe,
    Described,
    Measure,
    MeasureCanary,
    Measured,
    MeasuredCanary,
    Prepare,
    Prepared,
    Probe,
    Usable,
    WarmedUp,
    WarmUp,
    Weighed,
    WeighMemory,
    pack,
)
from simx.runner.measure.system import forget_peak, resident_bytes
from simx.runner.measure.timing import CLOCK, take_block
from simx.runner.measure.verified_task import verified_task
from simx.runner.measure.warmup import warm_up
from simx.workers.connection import Connection

# Before any worker is forked: otherwise each of them would import the decoders for its first
# picture.
PIL.Image.init()

Reply = (
    Described
    | Usable
    | Weighed
    | Prepared
    | WarmedUp
    | Measured
    | MeasuredCanary
    | CrossChecked
    | Failure
)


def serve(connection: Connection, runtime: Runtime) -> None:
    """Answer requests until the parent closes the connection."""
    cell: CellWorker | None = None
    while True:
        try:
            request = connection.receive(REQUESTS)
        except EOFError:
            return
        try:
            match request:
                case Describe() | Probe() | WeighMemory():
                    reply: Reply = _of_the_runtime(runtime, request)
                case Prepare():
                    cell, reply = _prepare(runtime, request)
                case WarmUp() if cell:
                    reply = WarmedUp(warm_up(cell.warming_block))
                case Measure() if cell:
                    reply = cell.measure(request)
                case MeasureCanary() if cell:
                    reply = MeasuredCanary(
                        take_block(cell.backend.canary, request.plan, request.round)
                    )
                case CrossCheck() if cell:
                    reply = CrossChecked(cell.cross_check(request.calls))
                case _:
                    reply = Failure(stage="prepare", reason="nothing is loaded yet")
        # Any error of a runtime is a failure of this cell and must not end the sweep.
        except Exception as error:  # noqa: BLE001
            reply = Failure(stage=_stage(request), reason=_reason(error))
        connection.send(reply)


def _of_the_runtime(runtime: Runtime, request: Describe | Probe | WeighMemory) -> Reply:
    """Answer the requests that leave no network loaded."""
    match request:
        case Describe():
            return Described(runtime.describe())
        case Probe():
            proof = runtime.probe(request.provider, request.options)
            return Usable(proof, _libraries_of(request.provider))
        case WeighMemory():
            return Weighed(_weigh(runtime, request))


def _prepare(runtime: Runtime, request: Prepare) -> tuple[CellWorker, Prepared]:
    preset = request.task.backbone.preset
    inputs = _reference(request).inputs(preset)
    with verified_task(request.task) as task:
        begun = CLOCK()
        backend = runtime.create(task)
        created = CLOCK()
    _, first = _embed_once(backend, inputs[:1])
    answers = [_embed_once(backend, inputs[row : row + 1]) for row in range(len(inputs))]
    pictures = {image: Path(path) for image, path in request.pictures.items()}
    # After the first call, when the runtime has its device.
    gpu = watch(open_device(request.task.cuda_device))
    cell = CellWorker(backend, inputs, preset, pictures, gpu.begin if gpu else None)
    embeddings, digest = cell.embed_pictures()
    prepared = Prepared(
        create_ns=created - begun,
        first_call_ns=first.whole_ns,
        # The shortest, because one disturbed call must not make a small network a giant.
        call_ns=min(times.whole_ns for _, times in answers),
        calls=tuple(times for _, times in answers),
        facts=backend.facts,
        thread_pools=_thread_pools(),
        libraries=_libraries_of(request.task.provider),
        verification=pack(np.concatenate([embedding for embedding, _ in answers])),
        embeddings=pack(embeddings),
        input_sha256=digest,
    )
    return cell, prepared


def _reference(request: Prepare | WeighMemory) -> Reference:
    try:
        return load_reference(Path(request.reference.path), request.reference.record)
    except InputError as error:
        raise BackendError(str(error)) from None


def _embed_once(backend: Backend, array: Array) -> tuple[Array, CallTimes]:
    """Return the embedding of one input, and the times of its call.

    It is fetched twice: extra time of the first fetch is work that ``forward`` did not wait for.
    """
    begun = CLOCK()
    embedding = backend.forward(backend.place(array))
    returned = CLOCK()
    fetched = backend.fetch(embedding)
    there = CLOCK()
    backend.fetch(embedding)
    again = CLOCK()
    times = CallTimes(
        forward_ns=returned - begun, fetch_ns=there - returned, again_ns=again - there
    )
    return fetched, times


def _weigh(runtime: Runtime, request: WeighMemory) -> Memory | None:
    inputs = _reference(request).inputs(request.task.backbone.preset)
    gpu = open_device(request.task.cuda_device)
    with verified_task(request.task) as task:
        forget_peak()
        before = resident_bytes(peak=False)
        with DeviceMemoryMeter(gpu) as meter:
            backend = runtime.create(task)
            _embed_once(backend, inputs[:1])
    peak = resident_bytes(peak=True)
    if before is None or peak is None:
        return None
    return Memory(before=before, peak=peak, device=meter.read(backend.peak_device_bytes()))


def _thread_pools() -> tuple[ThreadPool, ...]:
    """Return the thread pools of the loaded libraries, without paths."""
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
    """Return the libraries that were loaded for a provider; the CPU's needs none."""
    return {} if provider == CPU else loaded_libraries()


def _stage(request: object) -> str:
    return request.scope if isinstance(request, Measure) else type(request).__name__.lower()


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    text = lines[0] if lines else "no message"
    return text if isinstance(error, BackendError) else f"{type(error).__name__}: {text}"
