"""Which cell of one report is to be compared with which of another."""

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from simx.results.comparison.digest import CellDigest
from simx.results.schema.partial_placement import without_partial_placement
from simx.results.schema.report import Identity

Pair = tuple[CellDigest, CellDigest]


class Matching(msgspec.Struct, frozen=True, kw_only=True):
    """The pairs, base first, and the cells of either report that have no partner."""

    pairs: tuple[Pair, ...]
    only_base: tuple[CellDigest, ...]
    only_new: tuple[CellDigest, ...]


def match(base: Sequence[CellDigest], new: Sequence[CellDigest]) -> Matching:
    """Pair cells of the same model and backend, each once, those that differ least first.

    The identities of a pair may differ: in threads, in the provider, or in the share of its nodes.
    ``differences`` decides whether such a pair can be compared. Pairs of equal identities come
    first, then the others, both in the base's order.
    """
    by_kin: dict[tuple[str, str], list[int]] = defaultdict(list)
    for there, cell in enumerate(new):
        by_kin[_kin(cell)].append(there)
    candidates = sorted(
        (len(fields_that_differ(cell.identity, new[there].identity)), here, there)
        for here, cell in enumerate(base)
        for there in by_kin[_kin(cell)]
    )
    left_base, left_new = set(range(len(base))), set(range(len(new)))
    found = []
    for count, here, there in candidates:
        if here in left_base and there in left_new:
            left_base.remove(here)
            left_new.remove(there)
            found.append((count > 0, here, there))
    return Matching(
        pairs=tuple((base[here], new[there]) for _, here, there in sorted(found)),
        only_base=tuple(base[place] for place in sorted(left_base)),
        only_new=tuple(new[place] for place in sorted(left_new)),
    )


def fields_that_differ(one: Identity, other: Identity) -> tuple[str, ...]:
    """Return the names of the fields in which two identities differ."""
    return tuple(
        name for name in Identity.__struct_fields__ if getattr(one, name) != getattr(other, name)
    )


def _kin(cell: CellDigest) -> tuple[str, str]:
    return cell.identity.model, without_partial_placement(cell.identity.backend)
