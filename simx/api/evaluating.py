"""``simx.evaluate``: judge embeddings on the caller's own pictures."""

import os
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import msgspec

from simx.api.arguments import AnyPath, Names, names_of, require_cluster, store_of
from simx.cluster.evaluating import opened_on
from simx.common.errors import InputError
from simx.common.input_files import shown
from simx.common.misfits import misfit
from simx.common.output_files import has_content
from simx.common.user_folders import cache_folder, homeless, new_report_path
from simx.evaluation.evaluate import Examples, Opening, Steps, opened_here
from simx.evaluation.evaluate import evaluate as evaluate_pictures
from simx.evaluation.truth import read_pictures
from simx.evaluation.weighing import weightings
from simx.exporter.jobs.calibration import calibration_of
from simx.exporter.jobs.memory import default_jobs
from simx.exporter.jobs.plan import ExportListener, ExportPlan
from simx.exporter.own_models.described import own_models
from simx.exporter.store.remote import opened_store
from simx.exporter.weights.cache import checkpoints_folder
from simx.exporter.weights.request import WeightsRequest
from simx.models.backbone import EmbeddingKind, Precision
from simx.results.files.evaluation import is_evaluation
from simx.results.files.report import write
from simx.results.schema.evaluation import Evaluation, EvaluationConfig, Units
from simx.runner.backends.providers import provider_named
from simx.runner.bench.threads import default_threads


def evaluate(  # noqa: PLR0913 - the options of the command
    pictures: AnyPath,
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
    weights: AnyPath | Sequence[AnyPath] = "auto",
    weights_key: str | None = None,
    weights_mirror: str | None = None,
    offline: bool = False,
    threads: int | None = None,
    batch: int = 16,
    resample: Units = "queries",
    resamples: int = 1000,
    seed: int = 0,
    store: AnyPath | None = None,
    cache: AnyPath | None = None,
    force: bool = False,
    on: str | None = None,
    kind: str | None = None,
    listener: ExportListener = ExportListener(),  # noqa: B008 - it has no state
    steps: Steps = lambda _: nullcontext(lambda *_: None),
    examples: Examples | None = None,
) -> Evaluation:
    """Judge how well embeddings find what belongs together in pictures, and write a report.

    Args:
        pictures: a folder with a sub-folder for each class, a folder of pictures, or a CSV file of
            pairs or triplets.
        select: names or globs of backbones; none for those that ``weights`` name, or, without
            models, for everything in the store.
        models: as for ``bench``.
        preprocess: as for ``bench``.
        report: where the report goes; by default a new file in the user's data folder. An earlier
            evaluation there is replaced, any other file refused.
        backends: as for ``bench``.
        providers: as for ``bench``.
        provider_options: as for ``bench``.
        env: as for ``bench``.
        allow_partial: as for ``bench``.
        embedding: ``pooled``, ``penultimate`` or ``flat``.
        precisions: ``fp32``, ``fp16`` and ``int8``.
        calibrate: folder of pictures to measure int8's ranges on, instead of the bundled ones.
        weights: ``auto``, ``pretrained``, ``random``, or a file with a state dict; or several,
            ``MODEL=VALUE`` where a value is for one backbone only.
        weights_key: the name of the network to use, if a file has several.
        weights_mirror: URL to download weights from, instead of torchvision's.
        offline: never download.
        threads: of every backend; by default the cores of this process.
        batch: pictures in one call of a network.
        resample: what the bootstrap draws, ``queries`` or ``classes``.
        resamples: draws of the bootstrap.
        seed: random seed of the draws, the folds, and the changes of pictures.
        store: folder or URL of exports; by default the command's.
        cache: folder that keeps the embeddings; by default the command's.
        force: replace the file at ``report`` whatever it holds, unless it is read.
        on: address of a Ray cluster, whose nodes embed the pictures.
        kind: as for ``bench``.
        listener: gets messages, and hears of exports.
        steps: is entered with a number of steps, first for the embeddings and then for the search;
            its value is called with the number that is done, and what is done now.
        examples: is called with small pictures of wrong, borderline and best pairs, if it is given.

    Returns:
        The evaluation that was written. A cell that failed is in it, with its reason.

    Raises:
        InputError: an argument is not usable, or too few pictures can be read.
        ProviderUnavailableError: a backend or a provider cannot be used here.
        SystemFailureError: the system failed on simx's own files.
    """
    require_cluster(on, kind=kind)
    config = EvaluationConfig(
        backbones=(),
        backends=names_of(backends),
        providers=tuple(dict.fromkeys(map(provider_named, names_of(providers)))),
        provider_options=names_of(provider_options),
        env=names_of(env),
        allow_partial=allow_partial,
        embedding=embedding,
        precisions=tuple(precisions),
        batch=batch,
        threads=threads or default_threads(),
        weights=(),
        units=resample,
        resamples=resamples,
        seed=seed,
    )
    if problem := misfit(msgspec.to_builtins(config), EvaluationConfig, "config"):
        raise InputError(problem)
    values = [weights] if isinstance(weights, (str, os.PathLike)) else weights
    texts, files = [os.fspath(each) for each in values], [os.fspath(each) for each in models]
    folder = _cache(cache)
    plan = ExportPlan(
        embedding=embedding,
        request=WeightsRequest("auto"),
        precisions=config.precisions,
        threads=config.threads,
        jobs=default_jobs(config.threads),
        mirror=weights_mirror,
        offline=offline,
        calibration=calibration_of(calibrate, precisions),
    )
    exports = opened_store(store_of(store), listener.notice)
    own = own_models(files, names_of(preprocess))
    weighted = weightings(texts, weights_key, names_of(select), exports, plan, own)
    path = Path(report) if report else new_report_path()
    reads = (
        *(pictures, exports.root, folder, checkpoints_folder(), *files, *names_of(preprocess)),
        *(each for text in texts for each in (text, text.partition("=")[2]) if each),
    )
    if has_content(path, reads) and not (force or is_evaluation(path)):
        raise InputError(
            f"{shown(path)}: exists, and is no evaluation; name another file, or add --force to "
            "replace it"
        )
    opening: Opening = partial(opened_here, exports)
    if on is not None:
        opening = partial(opened_on, on, kind, threads is None, exports)
    # A node has another current folder.
    found = read_pictures(Path(pictures) if on is None else Path(pictures).absolute())
    made = evaluate_pictures(config, found, weighted, opening, folder, listener, steps, examples)
    write(path, made)
    return made


def _cache(cache: AnyPath | None) -> Path:
    if cache is not None:
        return Path(cache)
    own = cache_folder()
    if own is None:
        raise homeless("name a folder for the embeddings with --cache")
    return own / "embeddings"
