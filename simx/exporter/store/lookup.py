"""Which of the store's exports is used for a backbone, given the requested weights.

Where exports can be made, it is the one that would be made now: an export by an earlier recipe, by
other libraries or from other weights is made again. Where none can be made, any is used, and
``cache_key.outdated`` gives the reason why it is outdated.
"""

from collections.abc import Iterable, Sequence

from simx.exporter.store.cache_key import can_export, outdated
from simx.exporter.store.entry import Entry
from simx.exporter.store.store import Store
from simx.exporter.weights.cache import pretrained_cached
from simx.exporter.weights.locate import Source, locate
from simx.exporter.weights.request import WeightsRequest
from simx.models.backbone import Backbone, EmbeddingKind, Precision
from simx.results.schema.report import WeightsOrigin

_PREFERENCE: tuple[WeightsOrigin, ...] = ("pretrained", "file", "random")


def find_export(
    store: Store,
    backbone: Backbone,
    embedding: EmbeddingKind,
    request: WeightsRequest,
    precision: Precision = "fp32",
    *,
    seed: int = 0,
) -> Entry | None:
    """Return the export that answers a request, or None where it is still to be made.

    ``auto`` is answered by pretrained weights where they are here, in the store or as a
    checkpoint that could be exported, and otherwise by random ones. Exports from a file answer
    only a request that names that file. Another precision is the one that was made from the fp32
    export that answers it.

    Raises:
        InputError: the named file cannot be read.
    """
    if precision != "fp32":
        full = find_export(store, backbone, embedding, request, seed=seed)
        return None if full is None else _converted(store, backbone, full, precision)
    found = answering(store, backbone, embedding, request, seed=seed)
    if found is None or outdated(found, backbone) is None or not can_export():
        return found
    return found if request.kind == "auto" and _is_last_of_its_weights(found, backbone) else None


def _converted(store: Store, backbone: Backbone, full: Entry, precision: Precision) -> Entry | None:
    held = store.held(backbone, full.manifest.identity.embedding, precision)
    return best(
        backbone,
        (
            entry
            for entry in held
            if entry.manifest.made_from == full.manifest.graph_sha256
            and outdated(entry, backbone) is None
        ),
    )


def answering(
    store: Store,
    backbone: Backbone,
    embedding: EmbeddingKind,
    request: WeightsRequest,
    *,
    seed: int = 0,
) -> Entry | None:
    """Return the best export of the requested weights, outdated or not.

    Raises:
        InputError: the named file cannot be read.
    """
    entries = store.held(backbone, embedding)
    pretrained = [e for e in entries if e.manifest.identity.weights_origin == "pretrained"]
    label = Source("random", seed=seed).label()
    random = [e for e in entries if _is_of(e, "random", label)]
    match request.kind:
        case "file":
            label = locate(backbone, request).label()
            return best(backbone, (e for e in entries if _is_of(e, "file", label)))
        case "pretrained":
            return best(backbone, pretrained)
        case "random":
            return best(backbone, random)
        case "auto":
            is_here = bool(pretrained) or pretrained_cached(backbone) is not None
            return best(backbone, pretrained if is_here else random)


def best(backbone: Backbone, entries: Iterable[Entry]) -> Entry | None:
    """Return the export that serves best: by origin, then one made as here, then the latest."""
    return max(entries, key=lambda entry: _merit(entry, backbone), default=None)


def held_backbones(
    store: Store,
    catalogue: Sequence[Backbone],
    embedding: EmbeddingKind,
    request: WeightsRequest,
) -> tuple[Backbone, ...]:
    """Return the backbones the store has an export of for this request, in catalogue order.

    Outdated ones count. Not for a file, which is for the one backbone that is named with it.
    """
    return tuple(
        backbone
        for backbone in catalogue
        if answering(store, backbone, embedding, request) is not None
    )


def _merit(entry: Entry, backbone: Backbone) -> tuple[int, bool, int, str]:
    manifest = entry.manifest
    return (
        -_PREFERENCE.index(manifest.identity.weights_origin),
        outdated(entry, backbone) is None,
        manifest.recipe,
        manifest.created,
    )


def _is_of(entry: Entry, origin: WeightsOrigin, label: str) -> bool:
    manifest = entry.manifest
    return manifest.identity.weights_origin == origin and manifest.source == label


def _is_last_of_its_weights(entry: Entry, backbone: Backbone) -> bool:
    """Whether the checkpoint of exported pretrained weights is gone.

    ``auto`` downloads nothing, so that it could not make the export again.
    """
    is_pretrained = entry.manifest.identity.weights_origin == "pretrained"
    return is_pretrained and pretrained_cached(backbone) is None
