"""``simx tune``: a search for each backbone, and options for ``simx bench``."""

from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec.structs import replace

import simx
from simx.exporter.jobs.plan import ExportListener
from simx.models.backend_name import BackendName
from simx.results.files.journal_lines import Inputs
from simx.results.schema.config import Config
from simx.results.schema.tuning import BenchOptions, TunedModel, Tuning
from simx.runner.bench.environment import describe_environment
from simx.runner.bench.reading import READER, PictureReader
from simx.runner.bench.schedule import USUAL
from simx.runner.bench.session import Measuring, exported, prepared
from simx.runner.bench.targets import located, open_targets
from simx.runner.tuning.tuner import Aim, Tuner
from simx.runner.tuning.workbench import Workbench
from simx.workers.forking import launcher


def tune_backbones(
    config: Config, inputs: Inputs, aim: Aim, listener: ExportListener, measuring: Measuring
) -> Tuning:
    """Search the fastest settings of each backbone, and confirm them on fresh processes.

    Args:
        config: as for a benchmark. Its budget is for each backbone, its threads are the most.
        inputs: the files to use.
        aim: what is to be fast.
        listener: gets messages, and hears of exports.
        measuring: is entered with the backbones when they are measured.

    Raises:
        InputError: an argument is not usable.
        ProviderUnavailableError: a backend or a provider cannot be used here.
        SystemFailureError: the system failed on simx's own files.
    """
    begun = datetime.now(UTC).isoformat(timespec="seconds")
    whole = tuple(map(located, config.backends))
    names = (BackendName.parse(name) for name in whole)
    typed = dict(zip((each.title or each.name for each in names), config.backends, strict=True))
    config = replace(config, backends=whole)
    models = []
    with (
        prepared(config, inputs, listener) as session,
        exported(session.backbones, session.store, session.plan, listener) as workloads,
        launcher(READER) as reading,
        measuring(session.backbones) as progress,
    ):
        with open_targets(session.targets) as opened:
            usable = opened.targets
        for note in (*session.notes, *opened.notes):
            listener.notice(note)
        reader = PictureReader(reading, dict(session.pictures.files()), USUAL.of_pictures)
        for workload in workloads:
            targets = [each for each in usable if each.runs(workload.backbone)]
            bench = Workbench(workload=workload, config=config, reader=reader)
            models.append(Tuner(bench, targets, aim, typed, progress).tuned())
    return Tuning(
        created=begun,
        simx=simx.__version__,
        environment=describe_environment(each.backend for each in session.targets),
        goal=aim.goal,
        max_latency_seconds=aim.max_latency_seconds,
        seed=config.seed,
        settings=_bench_options(models),
        models=tuple(models),
    )


def _bench_options(models: Sequence[TunedModel]) -> BenchOptions:
    """Return the options that measure the best settings of all backbones, and the defaults."""
    found = [each for of in models for each in (of.default, of.best) if each]
    return BenchOptions(
        backend=tuple(dict.fromkeys(each.backend for each in found)),
        provider=tuple(dict.fromkeys(each.provider for each in found)),
        precision=tuple(dict.fromkeys(each.precision for each in found)),
        batch=tuple(sorted({each.batch for each in found})),
        threads=tuple(sorted({each.threads for each in found})),
    )
