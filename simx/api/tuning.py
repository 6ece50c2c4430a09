"""``simx.tune``: the fastest settings on this machine."""

import os
from collections.abc import Sequence
from contextlib import nullcontext

import msgspec

from simx.api.arguments import AnyPath, Names, names_of, store_of, text_of
from simx.common.errors import InputError
from simx.common.misfits import misfit
from simx.exporter.jobs.plan import ExportListener
from simx.exporter.weights.request import WeightsRequest
from simx.models.backbone import Precision
from simx.results.files.journal_lines import Inputs
from simx.results.schema.config import Config
from simx.results.schema.tuning import Goal, Tuning
from simx.runner.backends.providers import provider_named
from simx.runner.bench.session import Measuring
from simx.runner.bench.threads import default_threads
from simx.runner.tuning.tune import tune_backbones
from simx.runner.tuning.tuner import SEARCHING, Aim


def tune(  # noqa: PLR0913 - the options of the command
    select: Names = (),
    *,
    goal: Goal = "latency",
    max_latency: float | None = None,
    models: Sequence[AnyPath] = (),
    preprocess: Names = (),
    backends: Names = ("torch", "ort"),
    providers: Names = ("cpu",),
    precisions: Sequence[Precision] = ("fp32",),
    weights: AnyPath | WeightsRequest = "auto",
    offline: bool = False,
    threads: int | None = None,
    budget: float | None = None,
    seed: int = 0,
    store: AnyPath | None = None,
    listener: ExportListener = ExportListener(),  # noqa: B008 - it has no state
    measuring: Measuring = lambda _: nullcontext(lambda *_: None),
) -> Tuning:
    """Find the fastest settings of backbones on this machine, confirmed on fresh processes.

    The calling process should be idle meanwhile: its computations disturb the measurement.

    Args:
        select: names or globs of backbones.
        goal: ``latency`` of one picture, or ``throughput``, where batches take part.
        max_latency: seconds that a call may take at the most.
        models: ONNX files of your own, as for ``bench``.
        preprocess: as for ``bench``.
        backends: as for ``bench``. The first one of each name is searched around.
        providers: as for ``bench``.
        precisions: those that take part; the first one is the default's.
        weights: ``auto``, ``pretrained``, ``random``, or a file with a state dict.
        offline: never download.
        threads: the default's, and the most; by default the cores of this process.
        budget: seconds for each backbone; some launches are made in any case.
        seed: random seed of every order.
        store: folder of exports; by default the command's.
        listener: gets messages, and hears of exports.
        measuring: as for ``bench``.

    Returns:
        What was found for each backbone. One of which all candidates failed has a ``problem``.

    Raises:
        InputError: an argument is not usable.
        ProviderUnavailableError: a backend or a provider cannot be used here.
        SystemFailureError: the system failed on simx's own files.
    """
    names = names_of(select)
    if not names and not models:
        raise InputError("no backbone is named; `simx models` lists all there are")
    if not isinstance(weights, WeightsRequest):
        weights = WeightsRequest.parse(os.fspath(weights))
    config = Config(
        **msgspec.structs.asdict(SEARCHING),
        backbones=names,
        backends=names_of(backends),
        providers=tuple(dict.fromkeys(map(provider_named, names_of(providers)))),
        embedding="pooled",
        precisions=tuple(precisions),
        threads=threads or default_threads(),
        weights=weights.kind,
        profile="default",
    )
    config = msgspec.structs.replace(config, budget_seconds=budget, seed=seed)
    if problem := misfit(msgspec.to_builtins(config), Config, "config"):
        raise InputError(problem)
    inputs = Inputs(
        store=str(store_of(store)),
        weights_file=text_of(weights.path),
        offline=offline,
        models=tuple(os.fspath(each) for each in models),
        preprocess=names_of(preprocess),
    )
    aim = Aim(goal=goal, max_latency_seconds=max_latency)
    return tune_backbones(config, inputs, aim, listener, measuring)
