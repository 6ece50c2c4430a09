"""Which of the store's exports stands for a backbone, given the weights that were asked for."""

from collections.abc import Sequence

from simx.exporter.store import Entry, Store
from simx.exporter.weights.cache import pretrained_cached
from simx.exporter.weights.locate import locate
from simx.exporter.weights.request import WeightsRequest
from simx.models.backbone import Backbone, EmbeddingKind
from simx.results.schema import WeightsOrigin


def find_export(
    store: Store, backbone: Backbone, embedding: EmbeddingKind, request: WeightsRequest
) -> Entry | None:
    """Return the export that answers a request, or None where the store lacks it.

    ``auto`` is answered by pretrained weights where they are here, in the store or as a
    checkpoint that could be exported, and otherwise by random ones. Exports from a file answer
    only a request that names that file.

    Raises:
        InputError: the named file cannot be read.
    """
    match request.kind:
        case "file":
            source = locate(backbone, request).label()
            return store.find(backbone, embedding, ("file",), source)
        case "auto":
            pretrained = store.find(backbone, embedding, ("pretrained",))
            if pretrained is not None or pretrained_cached(backbone) is not None:
                return pretrained
            return store.find(backbone, embedding, ("random",))
        case kind:
            origin: WeightsOrigin = kind
            return store.find(backbone, embedding, (origin,))


def held_backbones(
    store: Store,
    catalogue: Sequence[Backbone],
    embedding: EmbeddingKind,
    request: WeightsRequest,
) -> tuple[Backbone, ...]:
    """Return the backbones the store can answer this request for, in catalogue order.

    Not for a file, which is for the one backbone that is named with it.
    """
    return tuple(
        backbone
        for backbone in catalogue
        if find_export(store, backbone, embedding, request) is not None
    )
