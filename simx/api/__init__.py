"""What the commands do, as functions; ``import simx`` imports this when one of them is used."""

import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from simx.api.arguments import (
    AnyPath,
    Names,
    Numbers,
    names_of,
    numbers_of,
    prices_of,
    request_of,
    require_alone,
    require_load,
    require_sound,
    store_of,
    text_of,
)
from simx.api.evaluating import evaluate
from simx.api.explaining import explain
from simx.api.reports import compare, compare_targets, history, rows
from simx.api.tuning import tune
from simx.cluster.exporting import exporting
from simx.cluster.measuring import prepared_on
from simx.common.errors import InputError
from simx.common.input_files import shown
from simx.common.user_folders import new_report_path
from simx.exporter.jobs.calibration import calibration_of
from simx.exporter.jobs.ensure import export_into
from simx.exporter.jobs.memory import default_jobs
from simx.exporter.jobs.plan import ExportListener, ExportPlan, Outcome
from simx.exporter.store.manifest import MANIFEST_FILE, MODEL_FILE, read_manifest
from simx.exporter.store.output_manifest import OUTPUT_MANIFEST_FILE, read_output_manifest
from simx.exporter.store.remote import opened_store
from simx.exporter.weights.request import WeightsRequest
from simx.images.decoding import decode
from simx.images.preprocessing import preprocess as preprocess_image
from simx.models.backbone import EmbeddingKind, Precision, Preset
from simx.results.files.evaluation import read_evaluation
from simx.results.files.journal_lines import Inputs
from simx.results.files.report import read as read_report
from simx.results.schema.config import SINGLE_STREAM, Config, Per, ProfileName, Scenario
from simx.results.schema.report import Report
from simx.runner.backends.providers import provider_named
from simx.runner.bench import session
from simx.runner.bench.backbones import selected
from simx.runner.bench.schedule import long_schedule, longer_for, schedule
from simx.runner.bench.threads import default_threads

__all__ = [
    "bench",
    "compare",
    "compare_targets",
    "evaluate",
    "explain",
    "export",
    "history",
    "preprocess",
    "read_evaluation",
    "read_report",
    "rows",
    "tune",
]


def export(  # noqa: PLR0913 - the options of the command
    select: Names,
    *,
    embedding: EmbeddingKind = "pooled",
    precisions: Sequence[Precision] = ("fp32",),
    calibrate: AnyPath | None = None,
    weights: AnyPath = "auto",
    weights_key: str | None = None,
    weights_mirror: str | None = None,
    offline: bool = False,
    threads: int | None = None,
    jobs: int | None = None,
    store: AnyPath | None = None,
    output: AnyPath | None = None,
    on: str | None = None,
) -> tuple[Outcome, ...]:
    """Export backbones without their heads to ONNX, each verified against torch.

    Args:
        select: names or globs such as ``resnet18``, ``resnet*`` or ``resnet50:v1``.
        embedding: ``pooled``, ``penultimate`` or ``flat``.
        precisions: ``fp32``, ``fp16`` and ``int8``; the last two are converted from fp32.
        calibrate: folder of pictures to measure int8's ranges on, instead of the bundled ones.
        weights: ``auto``, ``pretrained``, ``random``, or a file with a state dict.
        weights_key: the name of the network to use, if the file has several.
        weights_mirror: URL to download weights from, instead of the libraries' own servers.
        offline: never download.
        threads: of all exports together; by default the cores of this process.
        jobs: exports side by side; by default one per core, within the memory.
        store: folder or URL of exports; by default the command's.
        output: folder for plain ``NAME.onnx`` files with a manifest, beside the store.
        on: address of a Ray cluster whose nodes export; each export has the threads.

    Returns:
        An ``Exported`` or a ``NotExported`` for each backbone and precision.

    Raises:
        InputError: a name is unknown, or a file is not usable.
        ProviderUnavailableError: Ray is not installed, or no cluster is there.
        SystemFailureError: the system failed on simx's own files.
    """
    cores = threads or (default_threads() if on is None else 1)
    plan = ExportPlan(
        embedding=embedding,
        request=request_of(weights, weights_key),
        precisions=tuple(precisions),
        threads=cores,
        jobs=jobs or default_jobs(cores),
        mirror=weights_mirror,
        offline=offline,
        calibration=calibration_of(calibrate, precisions),
    )
    backbones, exports = selected(names_of(select)), opened_store(store_of(store))
    with exporting(on) as make:
        if output is None:
            return make(backbones, exports, plan, ExportListener())
        return export_into(Path(output), backbones, exports, plan, exporting=make)


def bench(  # noqa: PLR0913 - the options of the command
    select: Names = (),
    *,
    models: Sequence[AnyPath] = (),
    preprocess: Names = (),
    report: AnyPath | None = None,
    backends: Names = ("torch", "ort"),
    providers: Names = ("cpu",),
    provider_options: Names = (),
    env: Names = (),
    allow_partial: bool = False,
    embedding: EmbeddingKind = "pooled",
    precisions: Sequence[Precision] = ("fp32",),
    calibrate: AnyPath | None = None,
    weights: AnyPath | WeightsRequest = "auto",
    weights_key: str | None = None,
    weights_mirror: str | None = None,
    offline: bool = False,
    anchor: AnyPath | None = None,
    positive: AnyPath | None = None,
    negative: AnyPath | None = None,
    batches: Numbers = 1,
    threads: Numbers | None = None,
    scenario: Scenario = SINGLE_STREAM,
    instances: Numbers = 1,
    rate: float | None = None,
    latency_bound: float | None = None,
    shared_session: bool = False,
    pinned: bool = True,
    pause: float | None = None,
    duration: float | None = None,
    profile: ProfileName = "default",
    launches: int | None = None,
    rounds: int | None = None,
    half_width: float | None = None,
    budget: float | None = None,
    seed: int = 0,
    worker_memory: int | None = None,
    store: AnyPath | None = None,
    resume: Mapping[str, str] | None = None,
    force: bool = False,
    on: str | None = None,
    kind: str | None = None,
    per: Per | None = None,
    prices: Names = (),
    listener: ExportListener = ExportListener(),  # noqa: B008 - it has no state
    measuring: session.Measuring = lambda _: nullcontext(lambda *_: None),
) -> Report:
    """Measure backbones, export those that the store lacks, and write a report.

    The calling process should be idle meanwhile: its computations disturb the measurement.

    Args:
        select: names or globs of backbones; without any and without models, all in the store.
        models: ONNX files of your own, whose output is the embedding.
        preprocess: how pictures become their inputs: the name of a backbone such as
            ``resnet50:v2``, or a TOML file. One for all models, or one for each.
        report: where the report goes; by default a new file in the user's data folder. An earlier
            report of the same configuration is replaced, any other file refused.
        backends: such as ``torch``, ``ort`` or ``torch:channels-last``; ``ort@PATH`` runs in
            another environment, and ``new=ort@PATH`` has its name in the report.
        providers: execution providers, such as ``cpu`` and ``cuda``.
        provider_options: options of ONNX Runtime's provider, each as ``KEY=VALUE``.
        env: environment variables that workers get and cells are named after, each as
            ``NAME=VALUE``; they get none of the runtimes' other variables.
        allow_partial: allow cells of which only a share of the nodes runs on the provider.
        embedding: ``pooled``, ``penultimate`` or ``flat``.
        precisions: ``fp32``, ``fp16`` and ``int8``.
        calibrate: folder of pictures to measure int8's ranges on, instead of the bundled ones.
        weights: ``auto``, ``pretrained``, ``random``, or a file with a state dict.
        weights_key: the name of the network to use, if the file has several.
        weights_mirror: URL to download weights from, instead of the libraries' own servers.
        offline: never download.
        anchor: your own anchor picture.
        positive: your own positive picture.
        negative: your own negative picture.
        batches: pictures of one call; several are measured in the same rounds.
        threads: of every backend, and of each instance; by default the cores of this process,
            divided among the instances. Several are measured in the same rounds.
        scenario: how queries arrive: ``single-stream``, ``multi-stream``, ``offline`` or
            ``server``. All but the first measure nothing but ``forward``.
        instances: processes that share a load. Several are measured in the same rounds.
        rate: queries per second of ``server``.
        latency_bound: seconds within which 99 % of the queries of ``server`` have to be answered;
            the largest rate that allows this is found.
        shared_session: let the instances be callers of the network of one process.
        pinned: give each instance processor cores of its own.
        pause: seconds without a call before each one of the further scope ``paused``.
        duration: seconds of a single long launch, which shows whether times or memory change.
        profile: ``quick``, ``default`` or ``precise``.
        launches: processes per cell, instead of a target half-width.
        rounds: rounds per process.
        half_width: target half-width of the ratio's interval, 0.015 for 1.5 %.
        budget: seconds after which no launch of a backbone may end; the first one always begins.
        seed: random seed of every order.
        worker_memory: limit of each worker's address space, in bytes (Linux only).
        store: folder or URL of exports; by default the command's.
        resume: finish the run of ``report`` that ended early, with its own configuration, instead
            of beginning one. What is named here has to agree with it: fields of ``Config`` and
            ``Inputs``, each with its label in messages.
        force: replace the file at ``report`` whatever it holds, unless it is read.
        on: address of a Ray cluster whose nodes measure a backbone each.
        kind: which nodes, by a part of the name of their processor or GPU, or of a version.
        per: ``kind``: measure everything on each kind of nodes.
        prices: of nodes, each as ``KIND=0.40USD/h``, or in EUR; KIND as for ``kind``.
        listener: gets messages, and hears of exports.
        measuring: is entered with the backbones to measure; its value is called for each launch.

    Returns:
        The report that was written. A cell that failed is in it, with its reason.

    Raises:
        InputError: an argument is not usable.
        ProviderUnavailableError: a backend or a provider cannot be used here.
        SystemFailureError: the system failed on simx's own files.
    """
    request = request_of(weights, weights_key)
    priced = prices_of(names_of(prices), on, kind, per, is_new=resume is None)
    sizes, counts, processes = map(numbers_of, (batches, threads or default_threads(), instances))
    require_load(scenario, processes, rate, latency_bound)
    if duration is None:
        planned = schedule(
            profile,
            launches=launches,
            rounds=rounds,
            half_width=half_width,
            budget=budget,
            seed=seed,
            settings=len(sizes) * len(counts) * len(processes),
            longer=longer_for(scenario, latency_bound),
        )
    else:
        require_alone("--duration", launches, rounds, half_width, budget)
        planned = long_schedule(duration, seed)
    config = Config(
        **msgspec.structs.asdict(planned),
        backbones=names_of(select),
        backends=names_of(backends),
        providers=tuple(dict.fromkeys(map(provider_named, names_of(providers)))),
        provider_options=names_of(provider_options),
        env=names_of(env),
        allow_partial=allow_partial,
        embedding=embedding,
        precisions=tuple(precisions),
        batch=sizes[0],
        threads=counts[-1],
        batches=sizes if len(sizes) > 1 else (),
        thread_counts=counts if len(counts) > 1 or (threads and processes != (1,)) else (),
        instance_counts=processes if processes != (1,) else (),
        scenario=scenario,
        rate=rate,
        latency_bound=latency_bound,
        shared_session=shared_session,
        pinned=pinned,
        pause=pause,
        duration=duration,
        per=per,
        weights=request.kind,
        profile=profile,
        worker_memory=worker_memory,
    )
    require_sound(config)
    inputs = Inputs(
        store=store_of(store),
        weights_file=text_of(request.path),
        weights_key=request.key,
        calibrate=text_of(calibrate),
        weights_mirror=weights_mirror,
        anchor=text_of(anchor),
        positive=text_of(positive),
        negative=text_of(negative),
        offline=offline,
        models=tuple(os.fspath(each) for each in models),
        preprocess=names_of(preprocess),
    )
    path = Path(report) if report else new_report_path()
    has_threads = threads is not None or resume is not None
    preparing = (
        None if on is None else prepared_on(on, kind, priced, choose_threads=not has_threads)
    )
    return session.bench(
        config, inputs, path, listener, measuring, resume, force=force, preparing=preparing
    )


def preprocess(picture: AnyPath, model: AnyPath) -> NDArray[np.float32]:
    """Turn a picture into the input of a backbone, to the pixel as simx and torchvision do it.

    The picture is turned upright, and transparency becomes white. The short side is resized by
    Pillow to the preset's ``resize``, the long side to ``floor(resize * long / short)``. The centre
    crop begins at ``round((side - crop) / 2)``. Values are divided by 255 and normalised.

    Args:
        picture: a file in one of the formats that ``bench`` takes.
        model: the name of a backbone such as ``resnet18``, or the file of an exported model: one of
            the store, or one of a folder that ``export`` put it into.

    Returns:
        float32 [1, 3, crop, crop], C-contiguous, normalised.

    Raises:
        InputError: the picture cannot be used, or the model is not known.
    """
    return preprocess_image(decode(picture), _preset(model))


def _preset(model: AnyPath) -> Preset:
    path = Path(model)
    if path.suffix != ".onnx":
        backbones = selected((os.fspath(model),))
        if len(backbones) > 1:
            raise InputError(f"model {model}: names {len(backbones)} backbones; name one")
        return backbones[0].preset
    if path.name == MODEL_FILE:
        return read_manifest(path.with_name(MANIFEST_FILE)).preset
    found = read_output_manifest(path.with_name(OUTPUT_MANIFEST_FILE)).of(path.name)
    if found is None:
        raise InputError(f"model {shown(path)}: the manifest beside it does not have it")
    return found.preprocessing
