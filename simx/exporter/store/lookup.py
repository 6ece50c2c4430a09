"""Which of the store's exports is used for a backbone, given the requested weights.

An outdated one (``cache_key.outdated``) is used only where no export can be made.
"""

from collections.abc import Iterable, Sequence

from simx.exporter.store.cache_key import RECIPE, can_export, outdated
from simx.exporter.store.entry import Entry
from simx.exporter.store.store import Store
from simx.exporter.weights.cache import Source, pretrained_cached
from simx.exporter.weights.locate import locate
from simx.exporter.weights.request import WeightsRequest
from simx.models.backbone import Backbone, EmbeddingKind, Precision
from simx.results.schema.report import WeightsOrigin

_PREFERENCE: tuple[WeightsOrigin, ...] = ("random", "file", "pretrained")


def find_export(
    store: Store,
    backbone: Backbone,
    embedding: EmbeddingKind,
    request: WeightsRequest,
    precision: Precision = "fp32",
    *,
    seed: int = 0,
    calibration: str | None = None,
    newest: bool = False,
) -> Entry | None:
    """Return the export for a request, or None where it has to be made.

    For ``auto`` it has pretrained weights where they are in the store or in torch's cache, and
    otherwise random ones. One of another precision was made from the fp32 export for the request,
    and calibrated on the pictures of this hash. With ``newest`` it is of the present recipe, even
    if that only changed names.

    Raises:
        InputError: the named file cannot be read.
    """
    found = answering(store, backbone, embedding, request, seed=seed)
    if found is None:
        return None
    can_renew = can_export(backbone.source)
    if request.kind == "auto" and found.manifest.identity.weights_origin == "pretrained":
        can_renew &= pretrained_cached(backbone) is not None  # ``auto`` downloads nothing
    is_old = newest and backbone.file is None and found.manifest.recipe != RECIPE
    if can_renew and (is_old or outdated(found, backbone) is not None):
        return None
    if precision == "fp32":
        return found
    made_from = found.manifest.graph_sha256
    converted = [
        entry
        for entry in store.held(backbone, embedding, precision)
        if entry.manifest.made_from == made_from
        and entry.manifest.calibration_sha256 == calibration
        and outdated(entry, backbone) is None
    ]
    return best(backbone, converted)


def answering(
    store: Store,
    backbone: Backbone,
    embedding: EmbeddingKind,
    request: WeightsRequest,
    *,
    seed: int = 0,
) -> Entry | None:
    """Return the best export of the requested weights in fp32, outdated or not.

    Raises:
        InputError: the named file cannot be read.
    """
    request = request.of(backbone)
    entries = store.held(backbone, embedding)
    pretrained = [e for e in entries if e.manifest.identity.weights_origin == "pretrained"]
    if request.kind == "pretrained":
        return best(backbone, pretrained)
    if request.kind == "auto" and (pretrained or pretrained_cached(backbone) is not None):
        return best(backbone, pretrained)
    is_file = request.kind == "file"
    source = locate(backbone, request) if is_file else Source("random", seed=seed)
    of_source = [
        entry
        for entry in entries
        if entry.manifest.identity.weights_origin == source.origin
        and entry.manifest.source == source.label()
    ]
    return best(backbone, of_source)


def best(backbone: Backbone, entries: Iterable[Entry]) -> Entry | None:
    """Return the best export: by its weights' origin, current before outdated, then newest."""

    def merit(entry: Entry) -> tuple[int, bool, int, str]:
        manifest = entry.manifest
        origin = _PREFERENCE.index(manifest.identity.weights_origin)
        is_current = outdated(entry, backbone) is None
        return origin, is_current, manifest.recipe, manifest.created

    return max(entries, key=merit, default=None)


def held_backbones(
    store: Store, catalogue: Sequence[Backbone], embedding: EmbeddingKind, request: WeightsRequest
) -> tuple[Backbone, ...]:
    """Return the backbones with an export for this request, outdated or not, in catalogue order."""
    return tuple(
        backbone
        for backbone in catalogue
        if answering(store, backbone, embedding, request) is not None
    )
