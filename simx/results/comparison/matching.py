"""Which cell of one report is to be compared with which of another."""

from collections.abc import Sequence

import msgspec

from simx.results.comparison.digest import CellDigest
from simx.results.schema.partial_placement import without_partial_placement
from simx.results.schema.report import Identity

Pair = tuple[CellDigest, CellDigest]


class Matching(msgspec.Struct, frozen=True, kw_only=True):
    """The pairs, base first, and the cells that the other report has nothing for."""

    pairs: tuple[Pair, ...]
    only_base: tuple[CellDigest, ...]
    only_new: tuple[CellDigest, ...]


def match(base: Sequence[CellDigest], new: Sequence[CellDigest]) -> Matching:
    """Pair cells of the same identity, and then what is left and differs in as little as can be.

    What is left is paired within a model and backend only: with other threads, say, on another
    provider, or with another share of its nodes there. Whether such a pair can be compared is
    ``differences``' to say.
    """
    others = {cell.identity: cell for cell in new}
    pairs = [(cell, others[cell.identity]) for cell in base if cell.identity in others]
    paired = {cell.identity for cell, _ in pairs}
    left_base = [cell for cell in base if cell.identity not in paired]
    left_new = [cell for cell in new if cell.identity not in paired]
    alike = _alike(left_base, left_new)
    of_base = {cell.identity for cell, _ in alike}
    of_new = {cell.identity for _, cell in alike}
    return Matching(
        pairs=(*pairs, *alike),
        only_base=tuple(cell for cell in left_base if cell.identity not in of_base),
        only_new=tuple(cell for cell in left_new if cell.identity not in of_new),
    )


def fields_that_differ(one: Identity, other: Identity) -> tuple[str, ...]:
    """Return the names of the parts in which two identities differ."""
    return tuple(
        name for name in Identity.__struct_fields__ if getattr(one, name) != getattr(other, name)
    )


def _alike(base: Sequence[CellDigest], new: Sequence[CellDigest]) -> list[Pair]:
    """Pair cells of the same model and backend, those that differ least first, each once."""
    by_model: dict[tuple[str, str], list[int]] = {}
    for place, other in enumerate(new):
        by_model.setdefault(_kin(other), []).append(place)
    candidates = sorted(
        (len(fields_that_differ(cell.identity, new[there].identity)), here, there)
        for here, cell in enumerate(base)
        for there in by_model.get(_kin(cell), ())
    )
    used_base: set[int] = set()
    used_new: set[int] = set()
    found = []
    for _, here, there in candidates:
        if here not in used_base and there not in used_new:
            used_base.add(here)
            used_new.add(there)
            found.append((here, there))
    return [(base[here], new[there]) for here, there in sorted(found)]


def _kin(cell: CellDigest) -> tuple[str, str]:
    return cell.identity.model, without_partial_placement(cell.identity.backend)
