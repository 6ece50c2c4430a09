"""Arguments of the functions: what may be given, and what it means."""

import os
import re
from collections.abc import Sequence

import msgspec

from simx.common.errors import InputError
from simx.common.input_files import is_url, refuse_url
from simx.common.misfits import misfit
from simx.exporter.store.sharing import default_store, no_store
from simx.exporter.weights.request import WeightsRequest
from simx.models.backbone import Precision
from simx.results.files.journal_lines import Inputs
from simx.results.schema.config import SINGLE_STREAM, Config, Scenario, Schedule
from simx.results.schema.report import Currency, Price
from simx.runner.backends.providers import provider_named
from simx.runner.bench.threads import default_threads

AnyPath = str | os.PathLike[str]

Names = str | Sequence[str]
"""One name, or several."""

Numbers = int | Sequence[int]
"""One number, or several."""


def numbers_of(numbers: Numbers) -> tuple[int, ...]:
    """Return one number or several in ascending order, each once.

    Raises:
        InputError: There is none.
    """
    found = (numbers,) if isinstance(numbers, int) else tuple(sorted(set(numbers)))
    if not found:
        raise InputError("batches or threads: no number is given")
    return found


def require_load(
    scenario: Scenario, instances: Sequence[int], rate: float | None, latency_bound: float | None
) -> None:
    """Refuse what makes no load.

    Raises:
        InputError: Several instances without a scenario that uses them, a rate or a bound without
            queries that have one, or neither or both where one is needed.
    """
    if scenario == SINGLE_STREAM and max(instances) > 1:
        raise InputError(
            f"--instances {max(instances)}: one query after the other needs one instance; choose "
            "--scenario offline, multi-stream or server"
        )
    given = [
        option
        for option, value in (("--rate", rate), ("--latency-bound", latency_bound))
        if value is not None
    ]
    if scenario != "server" and given:
        raise InputError(f"{given[0]}: only --scenario server takes it; leave it out")
    if scenario == "server" and len(given) != 1:
        raise InputError(
            "--scenario server: give either --rate, the queries per second, or --latency-bound, "
            "which finds the largest rate"
        )


def require_alone(option: str, *others: float | None) -> None:
    """Refuse an option that decides how much is measured beside others that do.

    Raises:
        InputError: One of the others is given.
    """
    if any(other is not None for other in others):
        raise InputError(
            f"{option}: it decides how much is measured; leave --launches, --rounds, --half-width "
            "and --budget out"
        )


def require_cluster(on: str | None, **options: str | None) -> None:
    """Refuse options that mean something on a cluster only.

    Raises:
        InputError: one is given without its address.
    """
    for option, value in options.items():
        if value and on is None:
            raise InputError(f"--{option} {value}: works only with --on")


def names_of(names: Names) -> tuple[str, ...]:
    """Return one name or several as a tuple."""
    return (names,) if isinstance(names, str) else tuple(names)


def text_of(path: AnyPath | None) -> str | None:
    """Return a path as text."""
    return None if path is None else os.fspath(path)


def store_of(store: AnyPath | None) -> str:
    """Return the folder or URL of exports: the named one, or else the command's.

    Raises:
        InputError: There is none, or it is a URL as a ``Path``, which leaves slashes out.
    """
    named = store or os.environ.get("SIMX_STORE") or default_store()
    if named is None:
        raise no_store()
    if not is_url(named):
        refuse_url(named, "store ", "give a URL as text, with two slashes")
    return os.fspath(named)


def asked(  # noqa: PLR0913 - the options of two commands
    schedule: Schedule,
    *,
    select: Names,
    models: Sequence[AnyPath] = (),
    preprocess: Names = (),
    backends: Names,
    providers: Names,
    precisions: Sequence[Precision],
    weights: AnyPath | WeightsRequest,
    offline: bool,
    threads: int | None,
    store: AnyPath | None,
    is_resumed: bool = False,
) -> tuple[Config, Inputs]:
    """Return what ``tune`` and ``explain`` measure, and the files that they use.

    Raises:
        InputError: an argument is not usable.
        ProviderUnavailableError: a provider is not known.
    """
    names = names_of(select)
    if not (names or models or is_resumed):
        raise InputError("no backbone is named; `simx models` lists all there are")
    if not isinstance(weights, WeightsRequest):
        weights = WeightsRequest.parse(os.fspath(weights))
    config = Config(
        **msgspec.structs.asdict(schedule),
        backbones=names,
        backends=names_of(backends),
        providers=tuple(dict.fromkeys(map(provider_named, names_of(providers)))),
        embedding="pooled",
        precisions=tuple(precisions),
        threads=threads or default_threads(),
        weights=weights.kind,
        profile="default",
    )
    require_sound(config)
    inputs = Inputs(
        store=store_of(store),
        weights_file=text_of(weights.path),
        offline=offline,
        models=tuple(os.fspath(each) for each in models),
        preprocess=names_of(preprocess),
    )
    return config, inputs


def require_sound(config: Config) -> None:
    """Refuse a configuration that no report could have.

    Raises:
        InputError: names the field that is out of its range.
    """
    if problem := misfit(msgspec.to_builtins(config), Config, "config"):
        raise InputError(problem)


def request_of(weights: AnyPath | WeightsRequest, key: str | None) -> WeightsRequest:
    """Return which weights are wanted, of a file those with a key.

    Raises:
        InputError: a key is given without a file.
    """
    if not isinstance(weights, WeightsRequest):
        weights = WeightsRequest.parse(os.fspath(weights))
    return weights.with_key(key)


def prices_of(
    texts: Sequence[str], on: str | None, kind: str | None, per: str | None, *, is_new: bool
) -> dict[str, Price]:
    """Return the prices of ``KIND=0.40USD/h``, by the part of the name of a kind of nodes.

    Raises:
        InputError: one is not a price, they are in two currencies, or the options of a cluster do
            not go together.
    """
    require_cluster(on, kind=kind, per=per, price=", ".join(texts))
    if kind is not None and per is not None:
        raise InputError(f"--kind {kind} with --per {per}: omit one of the two")
    if texts and not is_new:
        raise InputError("--price: a run is resumed with the prices that it was begun with")
    found = {}
    for text in texts:
        match = re.fullmatch(r"(.+)=(\d{1,9}(?:\.\d+)?) ?(USD|EUR)(?:/h)?", text.strip(), re.ASCII)
        if match is None or not float(match[2]):
            raise InputError(f"--price {text}: write it as EPYC=0.40USD/h, or with EUR")
        currency = msgspec.convert(match[3], Currency)
        found[match[1]] = Price(amount=float(match[2]), currency=currency)
    if len({each.currency for each in found.values()}) > 1:
        raise InputError("--price: give all prices in one currency")
    return found
