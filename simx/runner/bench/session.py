"""A benchmark from its configuration to its report: prepare, measure, publish, resume."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import msgspec

from simx.common.errors import InputError, Terminated
from simx.common.input_files import InputPath, is_url, shown
from simx.common.temporary import temporary_folder
from simx.exporter.jobs.calibration import calibration_of
from simx.exporter.jobs.memory import default_jobs
from simx.exporter.jobs.plan import ExportListener, ExportPlan
from simx.exporter.jobs.preparation import require_fitting
from simx.exporter.store.lookup import answering
from simx.exporter.store.remote import opened_store
from simx.exporter.store.store import Store
from simx.exporter.weights.cache import checkpoints_folder
from simx.exporter.weights.request import WeightsRequest
from simx.images.pictures import bundled, check_presets, chosen, describe
from simx.models.backbone import Backbone
from simx.models.model_input import is_file_of_input
from simx.models.pictures import PictureSet
from simx.results.files import journal as journals
from simx.results.files.journal import Journal, journal_path, report_path, resume_command
from simx.results.files.journal_lines import Header, Inputs, Noted
from simx.results.files.replacing import claim
from simx.results.files.report import read
from simx.results.schema.config import Aim, Config
from simx.results.schema.report import Report
from simx.runner.bench import resumption
from simx.runner.bench.backbones import chosen_backbones, facts_of_own, held
from simx.runner.bench.bench import Progress, begun_report, finish, run_bench
from simx.runner.bench.cells import exported
from simx.runner.bench.targets import (
    Target,
    located,
    open_targets,
    planned_targets,
    useful_targets,
)
from simx.runner.bench.threads import threads_without_cores
from simx.runner.measure import energy
from simx.workers import variables

Preparing = Callable[[Config, Inputs, ExportListener], AbstractContextManager["Session"]]
"""``prepared``, or what prepares a session that measures elsewhere."""

Measuring = Callable[[Sequence[Backbone]], AbstractContextManager[Progress]]
"""Returns a context for the measurement of backbones; its value is called before each launch."""


def bench(
    config: Config,
    inputs: Inputs,
    path: Path,
    listener: ExportListener,
    measuring: Measuring,
    resumed: Mapping[str, str] | None = None,
    *,
    force: bool = False,
    preparing: Preparing | None = None,
) -> Report:
    """Measure, and write the report; or finish a run that ended early.

    Wrong arguments are refused before any export or measurement. An interrupted run leaves a
    journal beside the report, from which it can be resumed.

    Args:
        config: what to measure, and how. Without ``backbones``, everything in the store.
        inputs: the files to use.
        path: where the report goes.
        listener: gets messages, and hears of exports.
        measuring: is entered with the backbones when they are measured.
        resumed: finish the run of this report or journal, with its own configuration. The fields
            of ``config`` and ``inputs`` that are named here have to agree with it; each has its
            label in messages. Of the others only ``offline`` counts.
        force: replace the file at ``path`` whatever it holds, unless it is read.
        preparing: prepares the session, if it is to measure elsewhere.

    Raises:
        InputError: an argument is not usable, or at a new report's place is a journal, or a file
            that is not an earlier report of the same configuration. A run to resume does not exist
            or does not agree, or machine, software or exports have changed.
        ProviderUnavailableError: a backend or a provider cannot be used here.
        SystemFailureError: the store, the journal or the report cannot be written.
    """
    if resumed is not None:
        path = report_path(path)
        if not journal_path(path).exists():
            report = read(path)
            listener.notice(f"{shown(path)} has no journal: nothing of it is open")
            return report
    with journaled(config, inputs, path, listener, resumed, force=force, preparing=preparing) as (
        session,
        journal,
    ):
        return session.measure(journal, path, measuring) if session else finish(journal, path)


@contextmanager
def journaled(
    config: Config,
    inputs: Inputs,
    path: Path,
    listener: ExportListener,
    resumed: Mapping[str, str] | None,
    aim: Aim | None = None,
    *,
    force: bool,
    preparing: Preparing | None = None,
) -> Iterator[tuple["Session | None", Journal]]:
    """Check the arguments of a run, and begin its journal or go on with it; as for ``bench``.

    With an ``aim`` it is a search of settings. A benchmark that lacks its report alone has no
    session: neither its backends nor its files need to be there any more.
    """
    if resumed is None or "backends" in resumed:
        config = msgspec.structs.replace(config, backends=tuple(map(located, config.backends)))
    preparing = preparing or prepared
    with ExitStack() as held:
        session: Session | None
        if resumed is None:
            session = held.enter_context(preparing(config, inputs, listener))
            header = msgspec.structs.replace(session.header, aim=aim)
            weights = session.weights_sha256()
            # Where a journal lies, its own error names the command that resumes it.
            is_new = not os.path.lexists(journal_path(path))
            if is_new and _claim(path, header, force=force, weights_sha256=weights):
                listener.notice(f"{shown(path)}: will be replaced when this run ends")
            journal = held.enter_context(Journal.begin(journal_path(path), header))
        else:
            journal = held.enter_context(Journal.resume(journal_path(path)))
            header = journal.kept.header
            resumption.require_same_as_asked(header, config, absolute(inputs), resumed, aim)
            assert header.report.config is not None  # noqa: S101 - a journal's report is validated
            _claim(path, header, force=force)
            inputs = msgspec.structs.replace(header.inputs, offline=inputs.offline)
            names = header.report.config.backbones
            backbones = chosen_backbones(names, inputs.models, inputs.preprocess)
            if aim is None and not open_backbones(journal, backbones):
                yield None, journal
                return
            session = held.enter_context(preparing(header.report.config, inputs, listener))
            journal.append(resumption.resumed(header, session.header))
        held.enter_context(_how_to_resume(path, header, listener))
        yield session, journal


def _claim(path: Path, header: Header, *, force: bool, weights_sha256: str | None = None) -> bool:
    """Refuse a place for the report of a run, and return whether a file is replaced.

    Raises:
        InputError: the file cannot be written, is read, or is no earlier report of this run.
    """
    inputs, config = header.inputs, header.report.config
    own = (inputs.weights_file, inputs.anchor, inputs.positive, inputs.negative)
    options = () if config is None else config.provider_options
    reads: list[InputPath] = [
        *filter(None, (*own, *inputs.models, *inputs.preprocess)),
        *(path for _, path in bundled().files()),
        *(option.partition("=")[2] for option in options),
        *opened_store(inputs.store).folders,
        checkpoints_folder(),
    ]
    replaces = claim(
        path,
        header.report,
        reads,
        force=force,
        weights_sha256=weights_sha256,
        is_search=header.aim is not None,
    )
    if path.exists() and not path.is_file():
        raise InputError(
            f"{shown(path)}: is a pipe or device, and a journal is kept beside it; name a file"
        )
    return replaces


def open_backbones(journal: Journal, backbones: Sequence[Backbone]) -> list[Backbone]:
    """Return the backbones that a journal has not finished."""
    finished = journal.kept.finished_everywhere
    return [each for each in backbones if (each.model, each.weights) not in finished]


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A run whose arguments were checked; ``config`` names its backbones and its pictures."""

    config: Config
    inputs: Inputs
    backbones: tuple[Backbone, ...]
    pictures: PictureSet
    targets: tuple[Target, ...]
    notes: tuple[str, ...]
    store: Store
    listener: ExportListener

    @property
    def header(self) -> Header:
        """The first line of its journal."""
        backends = (target.backend for target in self.targets)
        report = begun_report(self.config, self.notes, backends)
        return Header(inputs=absolute(self.inputs), report=report)

    def weights_sha256(self) -> str | None:
        """The weights of the named file, empty if the store lacks them; None without a file."""
        request = _request(self.config, self.inputs)
        if request.kind != "file":
            return None
        entry = answering(self.store, self.backbones[0], self.config.embedding, request)
        return entry.manifest.weights.sha256 if entry else ""

    def measure(self, journal: Journal, path: Path, measuring: Measuring) -> Report:
        """Export what the store lacks, measure what is open, and write the report."""
        if any(launch.node for launch in journal.kept.launches):
            raise InputError("--resume: the run was begun on a cluster; resume it with --on, too")
        left = open_backbones(journal, self.backbones)
        with open_targets(self.targets, self.config.worker_memory) as opened, ExitStack() as held:
            for note in (*self.notes, *opened.notes):
                self.listener.notice(note)
            if opened.notes:
                journal.append(Noted(notes=opened.notes))
            workloads = held.enter_context(exported(left, self.store, self.plan, self.listener))
            progress = held.enter_context(measuring(left))
            return run_bench(self.config, self.pictures, opened, workloads, journal, path, progress)

    @property
    def plan(self) -> ExportPlan:
        """How its exports are made."""
        config, inputs = self.config, self.inputs
        return ExportPlan(
            embedding=config.embedding,
            request=_request(config, inputs),
            precisions=config.precisions,
            threads=config.threads,
            jobs=default_jobs(config.threads),
            mirror=inputs.weights_mirror,
            offline=inputs.offline,
            calibration=calibration_of(inputs.calibrate, config.precisions),
        )


@contextmanager
def prepared(config: Config, inputs: Inputs, listener: ExportListener) -> Iterator[Session]:
    """Check all arguments before anything is started."""
    store = opened_store(inputs.store, listener.notice)
    names, request = config.backbones, _request(config, inputs)
    backbones = chosen_backbones(names, inputs.models, inputs.preprocess) or held(
        store, config.embedding, request
    )
    require_fitting(request, backbones)
    targets, notes = planned_targets(config)
    targets, lacking = useful_targets(targets, backbones)
    passed = {each.partition("=")[0] for of in targets for each in of.backend.variables}
    if config.worker_memory and sys.platform != "linux":
        raise InputError("--worker-memory: only Linux limits a process's memory so; leave it out")
    with temporary_folder() as folder:
        pictures = chosen(
            anchor=inputs.anchor,
            positive=inputs.positive,
            negative=inputs.negative,
            workdir=folder,
        )
        check_presets(pictures, {backbone.preset for backbone in backbones})
        yield Session(
            config=msgspec.structs.replace(
                config,
                backbones=tuple(backbone.name for backbone in backbones),
                pictures={name: describe(path) for name, path in pictures.files()},
                models=facts_of_own(backbones),
            ),
            inputs=inputs,
            backbones=backbones,
            pictures=pictures,
            targets=tuple(targets),
            notes=(
                *notes,
                *lacking,
                *threads_without_cores(_most_threads(config)),
                *variables.notes(passed),
                *energy.notes(),
            ),
            store=store,
            listener=listener,
        )


def _most_threads(config: Config) -> int:
    """Return the threads of a cell's processes together, in the setting with the most."""
    one = config.shared_session
    return max(at.threads * (1 if one else at.instances) for at in config.settings)


def _request(config: Config, inputs: Inputs) -> WeightsRequest:
    file = inputs.weights_file
    return WeightsRequest(config.weights, None if file is None else Path(file), inputs.weights_key)


def absolute(inputs: Inputs) -> Inputs:
    """Make all paths absolute; unlike ``Path.resolve`` this follows no link."""
    paths = {
        name: os.path.abspath(path)  # noqa: PTH100 - see above
        for name in ("store", "weights_file", "calibrate", "anchor", "positive", "negative")
        if (path := getattr(inputs, name)) is not None and not is_url(path)
    }
    models = map(os.path.abspath, inputs.models)
    preprocess = (
        os.path.abspath(each) if is_file_of_input(each) else each  # noqa: PTH100 - see above
        for each in inputs.preprocess
    )
    return msgspec.structs.replace(
        inputs, **paths, models=tuple(models), preprocess=tuple(preprocess)
    )


@contextmanager
def _how_to_resume(path: Path, header: Header, listener: ExportListener) -> Iterator[None]:
    """Name the command that resumes a run, when it is ended early."""
    try:
        yield
    except (KeyboardInterrupt, Terminated):
        kept = journal_path(path)
        lines = journals.read_journal(kept).lines if kept.exists() else ()
        if done := [line for line in lines if not isinstance(line, Noted)]:
            on = " --on ADDRESS" if done[0].node else ""
            command = resume_command(path, header.command)
            listener.notice(f"what is finished is kept; go on: {command}{on}")
        raise
