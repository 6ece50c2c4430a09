"""Which backbones of the catalogue a command line means."""

import difflib
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

import msgspec

from simx.common.errors import InputError
from simx.models.backbone import Backbone
from simx.models.ranges import Range

_GLOB_CHARACTERS = frozenset("*?[")
_COMMON_PREFIX = "imagenet1k_"
"""What nearly every weights name begins with, and nobody wants to type."""
_DEFAULT = "default"


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says about backbones.

    ``names`` are architectures or globs, with ``:weights`` where not the default; ``everything``
    adds each architecture with its default weights. ``ranges`` and ``families``, where given,
    narrow what was named; where nothing was named, they narrow the whole catalogue.
    """

    names: tuple[str, ...] = ()
    everything: bool = False
    ranges: tuple[Range, ...] = ()
    families: tuple[str, ...] = ()


def select(selection: Selection, catalogue: Sequence[Backbone]) -> tuple[Backbone, ...]:
    """Return the backbones that are meant.

    Args:
        selection: What was asked for.
        catalogue: What there is.

    Returns:
        At least one backbone, in the catalogue's order, none twice.

    Raises:
        InputError: A name that is unknown or ambiguous, or nothing fits.
    """
    _require_families(selection.families, catalogue)
    chosen = _named(selection, catalogue)
    fitting = tuple(
        backbone
        for backbone in catalogue
        if backbone in chosen
        and (not selection.ranges or any(backbone.gflops in range_ for range_ in selection.ranges))
        and (not selection.families or backbone.family in _lower(selection.families))
    )
    if not fitting:
        raise InputError(f"no backbone {_asked_for(selection)}; `simx models` lists all there are")
    return fitting


def _named(selection: Selection, catalogue: Sequence[Backbone]) -> set[Backbone]:
    """Return what names and ``everything`` stand for, or all where neither is given."""
    if not selection.names and not selection.everything:
        return set(catalogue)
    chosen = {backbone for name in selection.names for backbone in _resolve(name, catalogue)}
    if selection.everything:
        chosen.update(backbone for backbone in catalogue if backbone.default)
    return chosen


def _resolve(name: str, catalogue: Sequence[Backbone]) -> list[Backbone]:
    """Return what one name or glob, with or without weights, stands for."""
    model_pattern, colon, weights_pattern = name.strip().partition(":")
    models = _matching_models(model_pattern, catalogue)
    pattern = weights_pattern if colon else _DEFAULT
    found = [
        backbone
        for model in models
        for backbone in _matching_weights(pattern, _entries(model, catalogue))
    ]
    if not found and len(models) == 1:
        has = ", ".join(entry.weights for entry in _entries(models[0], catalogue))
        raise InputError(f"{models[0]} has no weights {weights_pattern!r}; it has {has}")
    if not found:
        raise InputError(f"no backbone matches {name!r}; `simx models` lists all there are")
    return found


def _matching_models(pattern: str, catalogue: Sequence[Backbone]) -> list[str]:
    """Return the architectures of a name or glob, refusing a name that is none."""
    models = list(dict.fromkeys(backbone.model for backbone in catalogue))
    lowered = pattern.lower()
    if _is_glob(pattern):
        return [model for model in models if fnmatchcase(model, lowered)]
    if lowered not in models:
        raise InputError(
            f"unknown model {pattern!r}{_did_you_mean(lowered, models)}; "
            "`simx models` lists all there are"
        )
    return [lowered]


def _matching_weights(pattern: str, entries: Sequence[Backbone]) -> list[Backbone]:
    """Return the entries, all of one architecture, that a weights name or glob stands for.

    A name is taken in the strictest sense that fits: as the full name, then without the common
    prefix (``v1`` is ``IMAGENET1K_V1``), then as some of the name's words (``swag_e2e``).
    """
    wanted = pattern.lower()
    if wanted == _DEFAULT:
        return [entry for entry in entries if entry.default]
    if _is_glob(wanted):
        return [entry for entry in entries if fnmatchcase(entry.weights.lower(), wanted)]
    for full_name in (wanted, _COMMON_PREFIX + wanted):
        exact = [entry for entry in entries if entry.weights.lower() == full_name]
        if exact:
            return exact
    found = [entry for entry in entries if f"_{wanted}_" in f"_{entry.weights.lower()}_"]
    if len(found) > 1:
        candidates = ", ".join(f"{entry.model}:{entry.weights}" for entry in found)
        raise InputError(
            f"weights {pattern!r} of {found[0].model} are ambiguous; name one of {candidates}"
        )
    return found


def _entries(model: str, catalogue: Sequence[Backbone]) -> list[Backbone]:
    """Return one architecture's entries."""
    return [backbone for backbone in catalogue if backbone.model == model]


def _require_families(families: Iterable[str], catalogue: Sequence[Backbone]) -> None:
    """Refuse a family that no backbone belongs to."""
    known = sorted({backbone.family for backbone in catalogue})
    for family in families:
        if family.lower() not in known:
            raise InputError(
                f"unknown family {family!r}{_did_you_mean(family.lower(), known)}; "
                f"there are {', '.join(known)}"
            )


def _did_you_mean(name: str, known: Sequence[str]) -> str:
    """Return a question, in brackets, naming what may have been meant, or nothing."""
    close = difflib.get_close_matches(name, known)
    return f" (did you mean {' or '.join(close)}?)" if close else ""


def _asked_for(selection: Selection) -> str:
    """Write the criteria that nothing fits, as what follows ``no backbone``."""
    criteria = []
    if selection.names:
        criteria.append(f"among {' '.join(map(repr, selection.names))}")
    if selection.families:
        criteria.append(f"of family {' or '.join(selection.families)}")
    if selection.ranges:
        criteria.append(f"of {', '.join(r.label for r in selection.ranges)} GFLOPS")
    return " ".join(criteria)


def _is_glob(pattern: str) -> bool:
    return not _GLOB_CHARACTERS.isdisjoint(pattern)


def _lower(names: Iterable[str]) -> set[str]:
    return {name.lower() for name in names}
