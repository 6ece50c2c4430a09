"""Which weights each backbone of an evaluation gets: those of several files and keywords."""

from collections.abc import Sequence
from itertools import chain, count

import msgspec

from simx.common.errors import InputError
from simx.common.safe_text import clean
from simx.exporter.jobs.plan import ExportPlan
from simx.exporter.jobs.preparation import require_fitting
from simx.exporter.store.store import Store
from simx.exporter.weights.request import WeightsRequest
from simx.models.backbone import Backbone
from simx.runner.bench.backbones import held, selected


class Weighting(msgspec.Struct, frozen=True):
    """Backbones that get the weights of one plan; ``file`` is the name of their file in a report.

    That is the file's own name without its suffix, with a number if an earlier one has it too.
    """

    plan: ExportPlan
    backbones: tuple[Backbone, ...]
    file: str | None = None


def weightings(
    texts: Sequence[str],
    key: str | None,
    names: Sequence[str],
    store: Store,
    plan: ExportPlan,
    models: Sequence[Backbone] = (),
) -> list[Weighting]:
    """Return which backbones get which weights; models of the user's own have theirs.

    ``MODEL=VALUE`` is for one backbone, and a keyword alone for all that are selected. A file alone
    is for the only one.

    Args:
        texts: Values of ``--weights``.
        key: The name of the network to use from every file.
        names: The selected backbones; none for those that values name, or, without models, that
            the store holds.
        store: The exports.
        plan: How to export, but for the weights.
        models: Those of the user's own.

    Raises:
        InputError: A file cannot be read, or is for no backbone or for several; a selected backbone
            gets no weights; or there is a key and no file.
    """
    own = [Weighting(plan, tuple(models))] if models else []
    if own and not names and tuple(texts) == ("auto",):
        return own
    chosen = selected(names) if names else ()
    parsed = [_parsed(text) for text in dict.fromkeys(texts)]
    is_file = [request.kind == "file" for _, request in parsed]
    found: list[Weighting] = []
    for named, request in parsed:
        wanted = request.with_key(key) if request.kind == "file" or not any(is_file) else request
        backbones = named or chosen or held(store, plan.embedding, wanted)
        if chosen and not set(backbones) <= set(chosen):
            raise InputError(f"--weights {named[0].name}=...: {named[0].name} is not selected")
        if wanted.kind == "file" and len(backbones) > 1:
            raise InputError(
                f"--weights {wanted.path}: one file holds the weights of one backbone, but "
                f"{len(backbones)} are selected; name it, as in {backbones[0].name}={wanted.path}"
            )
        require_fitting(wanted, backbones)
        weighted = msgspec.structs.replace(plan, request=wanted)
        found.append(Weighting(weighted, backbones, _file_name(wanted, found)))
    lacking = set(chosen).difference(*(each.backbones for each in found))
    if lacking:
        name = min(each.name for each in lacking)
        raise InputError(f"--weights: {name} gets none; add --weights {name}=FILE or {name}=auto")
    return found + own


def _parsed(text: str) -> tuple[tuple[Backbone, ...], WeightsRequest]:
    name, sign, value = text.partition("=")
    try:
        own = selected((name,)) if sign else ()
    except InputError:
        own = ()  # The path of a file can have the sign too.
    return own, WeightsRequest.parse(value if own else text)


def _file_name(request: WeightsRequest, earlier: Sequence[Weighting]) -> str | None:
    if request.path is None:
        return None
    stem, taken = clean(request.path.stem), {each.file for each in earlier}
    numbered = (f"{stem} ({number})" for number in count(2))
    return next(each for each in chain([stem], numbered) if each not in taken)
