"""Pairs the cells of two reports, and finds what differs besides their times.

A difference that keeps a pair from being compared has a name, for ``simx diff --allow``.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import get_args

import msgspec

from simx.models.pictures import COMPARED_IMAGES, Image
from simx.results.comparison.digest import CellDigest, Digest
from simx.results.comparison.names import DifferenceName, LibraryDifference
from simx.results.comparison.outcome import Difference, OtherChange, OtherName
from simx.results.schema.environment import Environment
from simx.results.schema.partial_placement import without_partial_placement
from simx.results.schema.report import Cell, FailedCell, Identity, MeasuredCell
from simx.results.summaries.backbones import holding
from simx.results.summaries.summary import backbone_of

MACHINE: tuple[DifferenceName, ...] = ("cpu", "cores", "governor", "gpu")
"""Differences of the machine itself, which the canary shows, too."""

OF_KINDS = frozenset[DifferenceName](
    (*MACHINE, "kind", "threads", "settings", "placement", *get_args(LibraryDifference))
)
"""What two kinds of nodes may differ in."""

SIMILARITY_TOLERANCE = 0.01
"""Percentage points by which a similarity may differ: far above the rounding of float32, far below
what would change a decision."""

PARITY_FACTOR = 10.0
PARITY_FLOOR = 1e-6
"""A relative L2 error, or the distance of a cosine from 1, has changed if it is this many times as
large or as small. Below the floor, the order of sums alone makes a difference in float32."""

_HASH_DIGITS = 12

_ORT = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml")
_LIBRARIES: Mapping[str, tuple[DifferenceName, tuple[str, ...]]] = {
    "torch": ("torch", ("torch",)),
    "ort": ("onnxruntime", _ORT),
    "openvino": ("openvino", ("openvino",)),
    "executorch": ("executorch", ("executorch",)),
}
"""By a backend's name without variants: the name of the difference in its library, and the
distributions that may provide the library."""

_SIMILARITIES: Mapping[Image, OtherName] = {
    "positive": "similarity of the positive",
    "negative": "similarity of the negative",
    "negative_resized": "similarity of the resized negative",
}

Pair = tuple[CellDigest, CellDigest]

_Fact = tuple[DifferenceName, str | None, bool]
"""A name, the text that has to be the same on both sides, and whether it is a hash."""


class Matching(msgspec.Struct, frozen=True, kw_only=True):
    """The pairs, base first, and the cells of either report that have no partner."""

    pairs: tuple[Pair, ...]
    only_base: tuple[CellDigest, ...]
    only_new: tuple[CellDigest, ...]


def match(
    base: Sequence[CellDigest], new: Sequence[CellDigest], *, of_two_targets: bool = False
) -> Matching:
    """Pair cells of the same model and backend, each once, those that differ least first.

    The cells of two targets of one report are paired by the backbone and all its settings.

    The identities of a pair may differ: in threads, in the provider, or in the share of its nodes.
    ``differences`` tells whether such a pair can be compared. Pairs of equal identities come
    first, then the others, both in the base's order.
    """

    def kin(cell: CellDigest) -> Hashable:
        its = cell.identity
        backend = without_partial_placement(its.backend)
        return backbone_of(its) if of_two_targets else (its.model, backend)

    by_kin: dict[Hashable, list[int]] = defaultdict(list)
    for there, cell in enumerate(new):
        by_kin[kin(cell)].append(there)
    candidates = sorted(
        (len(_fields_that_differ(cell.identity, new[there].identity)), here, there)
        for here, cell in enumerate(base)
        for there in by_kin[kin(cell)]
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


def _fields_that_differ(one: Identity, other: Identity) -> tuple[str, ...]:
    return tuple(
        name for name in Identity.__struct_fields__ if getattr(one, name) != getattr(other, name)
    )


def differences(base: Digest, new: Digest, pair: Pair) -> tuple[Difference, ...]:
    """Return what differs between two cells that would have to be the same.

    What a report of quoted figures does not give differs from what is known.
    """
    one, other = pair
    before, after = (
        {} if (at := of.environment_of(cell.identity)) is None else _surroundings(at, one.identity)
        for of, cell in zip((base, new), pair, strict=True)
    )
    found = (
        *_identities(one.identity, other.identity),
        *_differing(_execution(one.cell, other.cell), _execution(other.cell, one.cell)),
        *(
            Difference(name=name, base=before.get(name), new=after.get(name))
            for name in {**before, **after}
            if before.get(name) != after.get(name)
        ),
    )
    # A hash says nothing where words of the same name say why.
    explained = {each.name for each in found if not each.opaque}
    return tuple(each for each in found if not (each.opaque and each.name in explained))


def pictures_that_differ(base: Digest, new: Digest) -> tuple[Image, ...]:
    """Return the pictures that are not the same in both, anchor included."""
    before, after = (
        {name: picture.sha256 for name, picture in of.report.config.pictures.items()}
        if of.report.config
        else {}
        for of in (base, new)
    )
    names: tuple[Image, ...] = ("anchor", *COMPARED_IMAGES)
    return tuple(name for name in names if before.get(name) != after.get(name))


def _identities(one: Identity, other: Identity) -> Iterator[Difference]:
    for name in _fields_that_differ(one, other):
        base, new = getattr(one, name), getattr(other, name)
        yield Difference(
            # Backends are paired with themselves: only the share of their nodes can differ.
            name="placement" if name == "backend" else msgspec.convert(name, DifferenceName),
            base=None if base is None else str(base),
            new=None if new is None else str(new),
        )


def _differing(base: Iterable[_Fact], new: Iterable[_Fact]) -> Iterator[Difference]:
    for (name, one, opaque), (_, other, _) in zip(base, new, strict=True):
        if one != other:
            yield Difference(name=name, base=one, new=other, opaque=opaque)


def _execution(cell: Cell, beside: Cell) -> Iterator[_Fact]:
    yield "weights", cell.weights_origin, False
    yield "weights", _hash(cell, "weights_sha256"), True
    yield "graph", _hash(cell, "artefact_sha256"), True
    yield "placement", placement_text(cell) if isinstance(cell, MeasuredCell) else None, False
    if isinstance(cell, MeasuredCell) and isinstance(beside, MeasuredCell):
        for name in sorted({*cell.settings, *beside.settings}):
            yield "settings", f"{name} {cell.settings.get(name, 'unset')}", False


def _hash(cell: Cell, field: str) -> str | None:
    value: str | None = getattr(cell, field, None)
    return value and value[:_HASH_DIGITS]


def _surroundings(at: Environment, its: Identity) -> dict[DifferenceName, str]:
    """Return the texts that have to be the same; other libraries do not matter."""
    quota = "" if at.quota_cores is None else f", quota {at.quota_cores:g}"
    boost = {None: "unknown", True: "on", False: "off"}[at.boost]
    texts: dict[DifferenceName, str] = {
        "cpu": f"{at.cpu}, {at.architecture}",
        "cores": f"{at.affinity_cores} of {at.logical_cores}{quota}",
        "governor": f"{at.governor or 'unknown'}, boost {boost}",
    }
    if its.provider != "CPUExecutionProvider":
        gpus = ", ".join(f"{gpu.name}, driver {gpu.driver}" for gpu in at.gpus)
        texts["gpu"] = gpus or "none reported"
    title = its.backend.partition(":")[0]
    other = at.others.get(title)
    backend, libraries = (other.backend, other.libraries) if other else (title, at.libraries)
    if backend in _LIBRARIES:
        name, distributions = _LIBRARIES[backend]
        found = [f"{each} {libraries[each]}" for each in distributions if each in libraries]
        texts[name] = ", ".join(found) or "none"
    return texts


def other_changes(
    pair: Pair, barred: Sequence[Difference], is_excluded: Callable[[Image], bool]
) -> tuple[OtherChange, ...]:
    """Return what changed between two cells besides their times.

    Args:
        pair: The two.
        barred: Differences between them. Similarities are not compared between different weights,
            embeddings or precisions.
        is_excluded: Whether pictures that differ exclude the similarity with this one.
    """
    one, other = (each.cell for each in pair)
    if isinstance(one, FailedCell) or isinstance(other, FailedCell):
        return ()
    found: list[tuple[OtherName, str, str]] = []
    figures: tuple[OtherName, ...] = ("GFLOPS", "acc1", "acc5")
    for name in figures:
        catalogues = (holding(each.catalogue, each.weights_origin) for each in (one, other))
        base, new = (getattr(catalogue, name.lower()) for catalogue in catalogues)
        if base is not None and new is not None and round(base, 2) != round(new, 2):
            found.append((name, f"{base:g}", f"{new:g}"))
    if one.embedding_dim != other.embedding_dim:
        found.append(("embedding dimension", str(one.embedding_dim), str(other.embedding_dim)))
    if not {"weights", "embedding", "precision"} & {each.name for each in barred}:
        for image, name in _SIMILARITIES.items():
            base, new = getattr(one.similarity, image), getattr(other.similarity, image)
            undefined = base is None or new is None
            is_same = base is new if undefined else abs(base - new) <= SIMILARITY_TOLERANCE
            if not is_excluded(image) and not is_same:
                found.append((name, _percent(base), _percent(new)))
    if isinstance(one, MeasuredCell) and isinstance(other, MeasuredCell):
        found += _measured_changes(one, other)
        if not any(each.busy for each in pair):
            found += _missing_times(pair)
    return tuple(OtherChange(name=name, base=base, new=new) for name, base, new in found)


def _measured_changes(
    one: MeasuredCell, other: MeasuredCell
) -> Iterator[tuple[OtherName, str, str]]:
    base, new = one.parity, other.parity
    if _has_moved(base.relative_l2, new.relative_l2):
        yield "parity, L2 error", f"{base.relative_l2:.0e}", f"{new.relative_l2:.0e}"
    if _has_moved(1 - base.cosine, 1 - new.cosine):
        yield "parity, cosine", f"{base.cosine:.6f}", f"{new.cosine:.6f}"
    if one.placement != other.placement:
        yield "placement", placement_text(one), placement_text(other)


def _missing_times(pair: Pair) -> Iterator[tuple[OtherName, str, str]]:
    base, new = ({(time.scope, time.image): time.scope for time in each.times} for each in pair)
    if base.keys() != new.keys():
        one, other = (
            ", ".join(dict.fromkeys(scope for key, scope in here.items() if key not in there))
            for here, there in ((base, new), (new, base))
        )
        yield "times that the other lacks", one or "none", other or "none"


def _has_moved(base: float, new: float) -> bool:
    low, high = sorted((max(base, PARITY_FLOOR), max(new, PARITY_FLOOR)))
    return high > PARITY_FACTOR * low


def _percent(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f} %"


def placement_text(cell: MeasuredCell) -> str:
    """Return for example ``142 CPUExecutionProvider``."""
    nodes = ", ".join(f"{count} {name}" for name, count in sorted(cell.placement.items()))
    return nodes or "no graph"
