"""Which backbones a run is about: of the catalogue, of the store, and of the user's own."""

from collections.abc import Sequence

from simx.common.errors import InputError
from simx.exporter.own_models.described import own_models
from simx.exporter.store.lookup import held_backbones
from simx.exporter.store.store import Store
from simx.exporter.weights.request import WeightsRequest
from simx.models.backbone import Backbone, EmbeddingKind
from simx.models.catalogue import load
from simx.models.selection import Selection, select
from simx.results.schema.config import OwnModel


def selected(names: Sequence[str]) -> tuple[Backbone, ...]:
    """Return the backbones of names or globs, in the catalogue's order.

    Raises:
        InputError: a name is unknown, or no name is given.
    """
    if not names:
        raise InputError("no backbone is named; `simx models` lists all there are")
    return select(Selection(names=tuple(names)), load())


def chosen_backbones(
    names: Sequence[str], models: Sequence[str], preprocess: Sequence[str]
) -> tuple[Backbone, ...]:
    """Return the named backbones of the catalogue, and then the models of the user's own.

    Args:
        names: names or globs; those of the user's models may be among them.
        models: ONNX files.
        preprocess: how their inputs are made; see ``own_models``.

    Raises:
        InputError: a name is unknown, or a file is not usable.
    """
    own = own_models(models, preprocess)
    others = [name for name in names if name not in {each.name for each in own}]
    return (*(selected(others) if others else ()), *own)


def facts_of_own(backbones: Sequence[Backbone]) -> dict[str, OwnModel]:
    """Return what a report keeps of the models of the user's own, by their names."""
    return {
        each.name: OwnModel(sha256=each.file.sha256, preset=each.preset)
        for each in backbones
        if each.file is not None
    }


def held(store: Store, embedding: EmbeddingKind, request: WeightsRequest) -> tuple[Backbone, ...]:
    """Return all backbones that a store holds for a request.

    Raises:
        InputError: there is none, or the request is a file, which is for one backbone.
    """
    if request.kind == "file":
        raise InputError(f"--weights {request.path}: name the backbone it is for")
    found = held_backbones(store, load(), embedding, request)
    if not found:
        raise InputError(
            f"store {store.root}: holds nothing to measure; name backbones, or fill it with "
            "'simx export --all' or 'simx export --gflops 0'"
        )
    return found
