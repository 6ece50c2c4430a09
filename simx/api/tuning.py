"""``simx.tune``: the fastest settings on this machine."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

import msgspec

from simx.api.arguments import AnyPath, Names, asked, require_cluster
from simx.cluster.measuring import prepared_on
from simx.cluster.tuning import tune_on
from simx.common.atomic import write_atomically
from simx.common.errors import InputError, SystemFailureError
from simx.common.misfits import misfit
from simx.common.user_folders import new_report_path
from simx.exporter.jobs.plan import ExportListener
from simx.exporter.weights.request import WeightsRequest
from simx.models.backbone import Precision
from simx.report.contents import tuning_content
from simx.results.files.journal import report_path, resume_command
from simx.results.schema.config import Aim, Goal
from simx.results.schema.tuning import Tuning
from simx.runner.bench import session
from simx.runner.tuning.search import SEARCHING, tune_backbones


def tune(  # noqa: PLR0913 - the options of the command
    select: Names = (),
    *,
    goal: Goal = "latency",
    max_latency: float | None = None,
    models: Sequence[AnyPath] = (),
    preprocess: Names = (),
    report: AnyPath | None = None,
    backends: Names = ("torch", "ort"),
    providers: Names = ("cpu",),
    precisions: Sequence[Precision] = ("fp32",),
    weights: AnyPath | WeightsRequest = "auto",
    offline: bool = False,
    threads: int | None = None,
    budget: float | None = None,
    seed: int = 0,
    store: AnyPath | None = None,
    resume: Mapping[str, str] | None = None,
    force: bool = False,
    on: str | None = None,
    kind: str | None = None,
    listener: ExportListener = ExportListener(),  # noqa: B008 - it has no state
    measuring: session.Measuring = lambda _: nullcontext(lambda *_: None),
) -> Tuning:
    """Find the fastest settings of backbones on this machine, confirmed on fresh processes.

    The calling process should be idle meanwhile: its computations disturb the measurement.

    Args:
        select: names or globs of backbones.
        goal: ``latency`` of one picture, or ``throughput``, where batches and instances take part.
        max_latency: seconds that a call may take at the most.
        models: ONNX files of your own, as for ``bench``.
        preprocess: as for ``bench``.
        report: where the result goes as JSON; by default a new file in the user's data folder.
        backends: as for ``bench``. The first one of each name is searched around.
        providers: as for ``bench``.
        precisions: those that take part; the first one is the default's.
        weights: ``auto``, ``pretrained``, ``random``, or a file with a state dict.
        offline: never download.
        threads: the default's, and the most; by default the cores of this process.
        budget: seconds for each backbone; some launches are made in any case.
        seed: random seed of every order.
        store: folder or URL of exports; by default the command's.
        resume: finish the search of ``report`` that ended early, as for ``bench``.
        force: replace the file at ``report`` whatever it holds, unless it is read.
        on: address of a Ray cluster, whose nodes search the settings of a backbone each.
        kind: as for ``bench``.
        listener: gets messages, and hears of exports.
        measuring: as for ``bench``.

    Returns:
        What was found for each backbone. One of which all candidates failed has a ``problem``.

    Raises:
        InputError: an argument is not usable.
        ProviderUnavailableError: a backend or a provider cannot be used here.
        SystemFailureError: the system failed on simx's own files.
    """
    require_cluster(on, kind=kind)
    schedule = msgspec.structs.replace(SEARCHING, budget_seconds=budget, seed=seed)
    config, inputs = asked(
        schedule,
        select=select,
        models=models,
        preprocess=preprocess,
        backends=backends,
        providers=providers,
        precisions=precisions,
        weights=weights,
        offline=offline,
        threads=threads,
        store=store,
        is_resumed=resume is not None,
    )
    aim = Aim(goal=goal, max_latency=max_latency)
    if problem := misfit(msgspec.to_builtins(aim), Aim, "aim"):
        raise InputError(problem)
    path = Path(report) if report else new_report_path()
    if resume is not None:
        path = report_path(path)
    choose_threads = threads is None and resume is None
    preparing = None if on is None else prepared_on(on, kind, {}, choose_threads=choose_threads)
    search = tune_backbones if on is None else tune_on
    with session.journaled(
        config, inputs, path, listener, resume, aim, force=force, preparing=preparing
    ) as (begun, journal):
        assert begun is not None  # noqa: S101 - no search is finished before it is written
        found = search(begun, journal, measuring)
        try:
            write_atomically(path, tuning_content(found).json().encode())
        except SystemFailureError as error:
            command = resume_command(path, "tune")
            raise SystemFailureError(f"{error}; nothing is lost: '{command}' writes it") from None
        journal.remove()
    return found
