"""The licences of pretrained weights that restrict their use, or may."""

from collections.abc import Iterable

from simx.models.catalogue import load

_PERMISSIVE = frozenset({"apache-2.0", "bsd-3-clause", "mit"})

_NON_COMMERCIAL = ("/SWAG/", "-nc-", "noncommercial")
"""Parts of the names of licences that allow no commercial use; SWAG's is CC BY-NC 4.0."""

_NAMED_AT_MOST = 4


def licence_notes(weights: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Return a sentence for each licence that is not Apache 2.0, BSD or MIT.

    Args:
        weights: architecture and name of each set of pretrained weights; those that the catalogue
            lacks, or whose licence it does not know, are in no sentence.
    """
    wanted = frozenset(weights)
    names: dict[str, list[str]] = {}
    for each in load():
        if (each.model, each.weights) in wanted and each.license not in {None, *_PERMISSIVE}:
            names.setdefault(str(each.license), []).append(each.name)
    return tuple(_sentence(licence, found) for licence, found in names.items())


def _sentence(licence: str, names: list[str]) -> str:
    more = len(names) - _NAMED_AT_MOST
    listed = ", ".join(names[:_NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")
    is_restrictive = any(part in licence for part in _NON_COMMERCIAL)
    use = "no commercial use" if is_restrictive else "read it before you use them"
    return f"licence of the pretrained weights of {listed}: {licence} ({use})"
