"""Finds the backbones of the catalogue that a command line selects."""

import difflib
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

import msgspec

from simx.common.errors import InputError
from simx.models.backbone import TIMM_PREFIX, Backbone, full_name
from simx.models.ranges import Range

_NAME = re.compile(rf"({TIMM_PREFIX}[^.:]*|[^:]*)(?:[.:](.*))?", re.IGNORECASE | re.DOTALL)
"""Architecture and weights; timm has a dot between them, and where it has a colon that is right."""
_GLOB_CHARACTERS = frozenset("*?[")
_COMMON_PREFIX = "imagenet1k_"
"""Most weights names begin with it; it may be left out."""
_DEFAULT = "default"


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says about backbones.

    ``names`` are architectures or globs, with ``:weights`` if not the default, or in timm's way
    ``timm:architecture.weights``. ``everything`` adds each of torchvision's architectures with its
    default weights. ``ranges`` and ``families``, if given, narrow the named backbones, or the whole
    catalogue if none is named.
    """

    names: tuple[str, ...] = ()
    everything: bool = False
    ranges: tuple[Range, ...] = ()
    families: tuple[str, ...] = ()


def select(selection: Selection, catalogue: Sequence[Backbone]) -> tuple[Backbone, ...]:
    """Return the selected backbones of a catalogue.

    Returns:
        At least one backbone, in the catalogue's order, none twice.

    Raises:
        InputError: a name is unknown or ambiguous, or nothing fits.
    """
    known = sorted({backbone.family for backbone in catalogue})
    for family in selection.families:
        if family.lower() not in known:
            raise InputError(
                f"unknown family {family!r}{_did_you_mean(family.lower(), known)}; "
                f"there are {', '.join(known)}"
            )
    families = {family.lower() for family in selection.families}
    chosen = {backbone for name in selection.names for backbone in _resolve(name, catalogue)}
    if selection.everything:
        chosen.update(
            backbone
            for backbone in catalogue
            if backbone.default and backbone.source == "torchvision"
        )
    elif not selection.names:
        chosen.update(catalogue)
    fitting = tuple(
        backbone
        for backbone in catalogue
        if backbone in chosen
        and (not selection.ranges or any(backbone.gflops in range_ for range_ in selection.ranges))
        and (not families or backbone.family in families)
    )
    if not fitting:
        of_torchvision = {each.family for each in catalogue if each.source == "torchvision"}
        of_timm = bool(families - of_torchvision) and not selection.names
        lists = "`simx models` lists all there are"
        mend = "name those of timm, as in 'timm:*'" if of_timm else lists
        raise InputError(f"no backbone {_criteria(selection)}; {mend}")
    return fitting


def _resolve(name: str, catalogue: Sequence[Backbone]) -> list[Backbone]:
    model_pattern, weights_pattern = _NAME.fullmatch(name.strip()).groups(_DEFAULT)  # type: ignore[union-attr]  # matches any text
    models = _matching_models(model_pattern, catalogue)
    entries = [[entry for entry in catalogue if entry.model == model] for model in models]
    found = [backbone for each in entries for backbone in _matching_weights(weights_pattern, each)]
    if not found and len(models) == 1:
        has = ", ".join(entry.weights for entry in entries[0])
        raise InputError(f"{models[0]} has no weights {weights_pattern!r}; it has {has}")
    if not found:
        raise InputError(f"no backbone matches {name!r}; `simx models` lists all there are")
    return found


def _matching_models(pattern: str, catalogue: Sequence[Backbone]) -> list[str]:
    lowered = pattern.lower()
    of_timm = lowered.startswith(TIMM_PREFIX)
    of_source = (each.model for each in catalogue if (each.source == "timm") is of_timm)
    models = list(dict.fromkeys(of_source))
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

    The first match counts: the full name, the name without the common prefix (``v1`` is
    ``IMAGENET1K_V1``), some of the name's words (``swag_e2e``).
    """
    wanted = pattern.lower()
    if wanted == _DEFAULT:
        return [entry for entry in entries if entry.default]
    if _is_glob(wanted):
        return [entry for entry in entries if fnmatchcase(entry.weights.lower(), wanted)]
    for whole in (wanted, _COMMON_PREFIX + wanted):
        exact = [entry for entry in entries if entry.weights.lower() == whole]
        if exact:
            return exact
    found = [entry for entry in entries if f"_{wanted}_" in f"_{entry.weights.lower()}_"]
    if len(found) > 1:
        candidates = ", ".join(full_name(entry.model, entry.weights) for entry in found)
        raise InputError(
            f"weights {pattern!r} of {found[0].model} are ambiguous; name one of {candidates}"
        )
    return found


def _did_you_mean(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known)
    return f" (did you mean {' or '.join(close)}?)" if close else ""


def _criteria(selection: Selection) -> str:
    """Write the criteria so that they follow the words ``no backbone``."""
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
