"""``simx bench --resume``: what is open of a run that ended early, as it was begun.

The journal's options hold. What is typed beside ``--resume`` has to be the same, but for how the
tables look; variables and files were read when the run was begun, and are not looked at again.
"""

from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from simx.cli.bench_options import BenchOptions, invocation_of
from simx.cli.benchmarking import run, show
from simx.cli.options import selected
from simx.cli.output import tell
from simx.common.errors import ExitCode, InputError
from simx.common.input_files import shown
from simx.exporter.weights.request import WeightsRequest
from simx.models.backbone import Backbone
from simx.models.catalogue import load
from simx.results.files.journal import SUFFIX, Journal, journal_path
from simx.results.files.journal_lines import Header, Invocation, Resumption
from simx.results.files.report import read
from simx.runner.backends.providers import provider_named
from simx.runner.bench.bench import finish
from simx.runner.bench.resumption import environment_changes, name_of, require_same_configuration

_SELECTING = frozenset({"select", "all", "gflops", "family"})


def resume(given: Path, options: BenchOptions, typed: Collection[str]) -> ExitCode:
    """Measure what is open of a report, write it, and print it.

    Args:
        given: the report, or its journal.
        options: as they were read.
        typed: the names of those that stood on the command line.
    """
    path = given.with_name(given.name.removesuffix(SUFFIX))
    if "output" in typed and options.output != path:
        raise InputError(f"--output {options.output} with --resume {path}: a report stays in place")
    if not journal_path(path).exists():
        report = read(path)
        tell(f"{shown(path)} has no journal: nothing of it is open")
        return show(options, report, path)
    with Journal.resume(journal_path(path)) as journal:
        begun = journal.kept.header.invocation
        _require_same(begun, options, typed)
        backbones = _backbones(begun)
        if {name_of(backbone) for backbone in backbones} <= journal.kept.finished:
            return show(options, finish(journal, path), path)

        def take_up(header: Header) -> Journal:
            journal.append(_resumption(journal.kept.header, header))
            return journal

        return show(options, run(_as_begun(begun, options), backbones, path, take_up), path)


def _resumption(begun: Header, now: Header) -> Resumption:
    """Return the journal's line for going on.

    Raises:
        InputError: the run would not go on as it was begun.
    """
    require_same_configuration(begun.report, now.report)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    notes = [f"this run ended early and was taken up again at {created}"]
    if begun.report.environment and now.report.environment:
        notes += environment_changes(begun.report.environment, now.report.environment)
    return Resumption(created=created, notes=tuple(notes))


def _require_same(begun: Invocation, options: BenchOptions, typed: Collection[str]) -> None:
    """Refuse what was typed and is not what the run was begun with."""
    now = invocation_of(options, _typed_backbones(begun, options, typed))
    changed = [
        _difference(name, getattr(begun, name), getattr(now, name))
        for name in begun.__struct_fields__
        if (name in typed or name == "backbones")
        and _comparable(name, begun) != _comparable(name, now)
    ]
    if changed:
        raise InputError(
            f"--resume goes on with what the run was begun with, and {'; '.join(changed)}; leave "
            "that out, or measure anew with -o for another report"
        )


def _comparable(name: str, invocation: Invocation) -> object:
    value: object = getattr(invocation, name)
    match name:
        case "backbones":
            return set(invocation.backbones)
        case "provider":
            return tuple(map(provider_named, invocation.provider))
        case _:
            return value


def _typed_backbones(
    begun: Invocation, options: BenchOptions, typed: Collection[str]
) -> tuple[Backbone, ...]:
    if not _SELECTING & set(typed):
        return _backbones(begun)
    return selected(
        options.select, everything=options.all, gflops=options.gflops, families=options.family
    )


def _backbones(begun: Invocation) -> tuple[Backbone, ...]:
    """Return the backbones of a run, in its order."""
    known = {backbone.name: backbone for backbone in load()}
    for name in begun.backbones:
        if name not in known:
            raise InputError(f"backbone {name!r} of the journal: this simx has none of that name")
    return tuple(known[name] for name in begun.backbones)


def _as_begun(begun: Invocation, options: BenchOptions) -> BenchOptions:
    """Return the options of the run, with what was asked for now of how the tables look."""
    same = {
        name: getattr(begun, name)
        for name in options.__struct_fields__
        if name in begun.__struct_fields__
    }
    paths = {
        name: None if same[name] is None else Path(same[name])
        for name in ("anchor", "positive", "negative", "store")
    }
    weights = WeightsRequest.parse(begun.weights)
    return msgspec.structs.replace(options, **{**same, **paths, "weights": weights})


def _difference(name: str, was: object, now: object) -> str:
    label = "SELECT" if name == "backbones" else f"--{name.replace('_', '-')}"
    return f"{label} was {_shown(was)} and is {_shown(now)}"


def _shown(value: object) -> str:
    if value is None:
        return "not given"
    return ", ".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value)
