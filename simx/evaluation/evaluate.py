"""An evaluation from its configuration to its report: find pictures, embed them, judge."""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

import simx
from simx.common.anonymous import anonymous
from simx.common.errors import Terminated
from simx.common.input_files import shown
from simx.common.safe_text import counted
from simx.evaluation.decoding import Decoders, decoding
from simx.evaluation.embedding import EmbeddedCell, Embedding, Reasons, Run, embed, keep
from simx.evaluation.examples import pictured_pairs
from simx.evaluation.judging import RANKED_BY, Candidate, judged
from simx.evaluation.relations import Truth, truth_of
from simx.evaluation.truth import Pictures, collected, readable
from simx.evaluation.weighing import Weighting
from simx.exporter.jobs.plan import ExportListener
from simx.exporter.store.store import Store
from simx.results.files.anonymised import anonymised
from simx.results.schema.config import BATCH, Setting
from simx.results.schema.environment import Environment
from simx.results.schema.evaluation import (
    Evaluation,
    EvaluationConfig,
    EvaluationSchemaId,
    PicturesFacts,
    TruthKind,
    Unreadable,
)
from simx.results.summaries.evaluated import PicturedPair
from simx.runner.backends.registry import FIXED
from simx.runner.bench.backbones import facts_of_own
from simx.runner.bench.cells import Workload, exported
from simx.runner.bench.environment import describe_environment
from simx.runner.bench.targets import Target, located, open_targets, planned_targets, useful_targets
from simx.runner.measure.picture_messages import Item

Progress = Callable[[float, str], None]
"""Called with how many steps are done, and what is done now."""

_CONNECTED = (
    "the lines of the list are connected by pictures that they have in common, so that no part can "
    "be held out"
)

_NOTHING_HELD_OUT: dict[TruthKind, str] = {
    "classes": "it needs four classes, some of several pictures",
    "changes": "it needs four pictures",
    "pairs": _CONNECTED,
    "triplets": _CONNECTED,
}

Steps = Callable[[int], AbstractContextManager[Progress]]
"""Returns a context for so many steps: embeddings, then searches."""


class Embedder(NamedTuple):
    """What embeds; ``config`` may have other threads, and ``notes`` may become more."""

    config: EvaluationConfig
    environment: Environment
    targets: Sequence[Target]
    notes: list[str]
    exported: Callable[[Weighting], AbstractContextManager[list[Workload]]]
    embedding: Embedding


Opening = Callable[
    [EvaluationConfig, Sequence[Target], ExportListener], AbstractContextManager[Embedder]
]

Examples = Callable[[tuple[PicturedPair, ...]], None]
"""Called with pairs of pictures to look at."""


def evaluate(
    config: EvaluationConfig,
    pictures: Pictures,
    weighted: Sequence[Weighting],
    opening: Opening,
    cache: Path,
    listener: ExportListener,
    shown_steps: Steps,
    examples: Examples | None = None,
) -> Evaluation:
    """Embed pictures by every backbone on every target, and judge the embeddings.

    An interrupted run keeps what it has embedded, and the next one goes on from there.

    Args:
        config: How to evaluate; the report's names the backbones and their weights.
        pictures: What to embed.
        weighted: The backbones, and how to export them.
        opening: Opens what embeds: ``opened_here``, or what does the same elsewhere.
        cache: The folder of kept embeddings.
        listener: Gets messages, and hears of exports.
        shown_steps: Is entered with a number of steps before the first of them.
        examples: Gets pairs of pictures, which no report has; without it there are none.

    Raises:
        InputError: A target is not usable, or too few pictures can be read.
        ProviderUnavailableError: A backend or a provider cannot be used here.
        SystemFailureError: The store or the cache cannot be written.
    """
    begun = time.monotonic()
    config, targets, notes = _completed(config, pictures, weighted)
    items, unreadable = collected(pictures, config.seed, config.threads)
    with opening(config, targets, listener) as embedder:
        config = embedder.config
        for note in (*notes, *embedder.notes):
            listener.notice(note)
        run = Run(
            config=config,
            items=items,
            cache=cache,
            environment=embedder.environment,
            notice=listener.notice,
        )
        exports = [(embedder.exported(each), each.file) for each in weighted]
        cells, reasons = _embedded(run, embedder, exports, shown_steps)
        notes += embedder.notes
    unreadable |= {item.path: reasons[item.key] for item in items if item.key in reasons}
    for path, reason in unreadable.items():
        name = shown(Path(path))
        listener.notice(reason if name in reason else f"{name}: {reason}")
    pictures = readable(pictures, [str(path) not in unreadable for path in pictures.files])
    whole = [item for item in items if item.path not in unreadable]
    truth = truth_of(pictures, config.units, config.resamples, config.seed)
    if truth.fold_of is None:
        reason = _NOTHING_HELD_OUT[pictures.kind]
        notes.append(f"no accuracy on held-out pictures: {reason}")
        listener.notice(notes[-1])
    searches = len(whole) * sum(isinstance(each.cell, EmbeddedCell) for each in cells)
    with shown_steps(searches) as progress:
        judgements = judged(cells, [item.key for item in whole], truth, config, progress)
    if examples is not None:
        with Decoders(config.threads) as decoders:
            examples(
                pictured_pairs([each.cell for each in cells], judgements, whole, truth, decoders)
            )
    return Evaluation(
        schema=EvaluationSchemaId(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        simx=simx.__version__,
        environment=run.environment,
        config=anonymised(config),
        pictures=_facts_of(pictures, items, unreadable, truth),
        ranked_by=RANKED_BY[truth.kind],
        cells=judgements,
        seconds=round(time.monotonic() - begun, 3),
        notes=tuple(notes),
    )


@contextmanager
def opened_here(
    store: Store, config: EvaluationConfig, targets: Sequence[Target], listener: ExportListener
) -> Iterator[Embedder]:
    """Open what embeds on this machine.

    Args:
        store: The exports.
        config: Of the evaluation.
        targets: Those that were asked for.
        listener: Hears of exports.
    """
    with open_targets(targets) as opened, decoding(config.threads) as decoders:
        yield Embedder(
            config=config,
            environment=describe_environment(backbones=config.backbones),
            targets=opened.targets,
            notes=[*opened.notes],
            exported=lambda of: exported(of.backbones, store, of.plan, listener),
            embedding=partial(embed, opened, decoders),
        )


def _completed(
    config: EvaluationConfig, pictures: Pictures, weighted: Sequence[Weighting]
) -> tuple[EvaluationConfig, list[Target], list[str]]:
    backbones = [of for each in weighted for of in each.backbones]
    config = msgspec.structs.replace(
        config,
        backbones=tuple(dict.fromkeys(of.name for of in backbones)),
        backends=tuple(map(located, config.backends)),
        models=facts_of_own(backbones),
        weights=tuple(dict.fromkeys(each.plan.request.kind for each in weighted)),
        units=config.units if pictures.kind == "classes" else "classes",
    )
    targets, notes = planned_targets(config)
    targets, lacking = useful_targets(targets, backbones)
    if pictures.skipped:
        lacking.append(f"{counted(pictures.skipped, 'file')} left out: no pictures by their names")
    return config, targets, notes + lacking


def _embedded(
    run: Run,
    by: Embedder,
    exports: Iterable[tuple[AbstractContextManager[list[Workload]], str | None]],
    shown_steps: Steps,
) -> tuple[list[Candidate], Reasons]:
    """Embed all pictures; return the cells, and why pictures were not read, by their keys."""
    cells: list[Candidate] = []
    unreadable: Reasons = {}
    count = len({item.key for item in run.items})
    with ExitStack() as stack:
        workloads = [
            (workload, file) for export, file in exports for workload in stack.enter_context(export)
        ]
        stack.enter_context(_going_on(run.notice))
        progress = stack.enter_context(shown_steps(count * len(workloads)))
        for place, (workload, file) in enumerate(workloads):
            name, before = workload.backbone.name, place * count

            def tell(done: int, speed: float, name: str = name, before: int = before) -> None:
                progress(before + done, f"embedding with {name}, {speed:.0f} pictures/s")

            plans = []
            for target in (each for each in by.targets if each.runs(workload.backbone)):
                # Proven picture by picture, unless its batch is fixed.
                batch = run.config.batch if FIXED in target.backend.variants else BATCH
                setting = Setting(batch, run.config.threads)
                plans.append(workload.cell(target, run.config, setting))
            found, reasons = keep(run, plans, by.embedding, tell)
            cells += [Candidate(cell, workload.backbone, file) for cell in found]
            unreadable |= reasons
    return cells, unreadable


def _facts_of(
    pictures: Pictures, items: Sequence[Item], unreadable: Mapping[str, str], truth: Truth
) -> PicturesFacts:
    by_path = {item.path: item.sha256 for item in items}
    hashes = [by_path[str(path)] for path in pictures.files]
    return PicturesFacts(
        truth=truth.kind,
        pictures=len(hashes),
        embedded=len(hashes) * len(pictures.changes),
        classes=0 if truth.labels is None else len(set(truth.labels.tolist())),
        duplicates=len(hashes) - len(set(hashes)),
        sha256=hashlib.sha256("".join(hashes).encode()).hexdigest(),
        pairs=len(truth.pairs.left),
        all_pairs=truth.pairs.population,
        unreadable=tuple(
            # Without its name.
            Unreadable(
                sha256=by_path.get(path),
                reason=anonymous(reason.replace(f"picture {shown(Path(path))}", "picture")),
            )
            for path, reason in unreadable.items()
        ),
    )


@contextmanager
def _going_on(notice: Callable[[str], None]) -> Iterator[None]:
    try:
        yield
    except (KeyboardInterrupt, Terminated):
        notice("what is embedded is kept; go on by the same command")
        raise
