"""Takes the head off a torchvision classifier, so that it returns the embedding instead of logits.

The model's own ``forward`` is kept and only modules inside it are exchanged: many architectures
pool or flatten in ``forward``, and cutting off their children one by one would lose that.
"""

from collections import OrderedDict

import torch
from torch import nn
from torchvision.models import (
    DenseNet,
    GoogLeNet,
    Inception3,
    MNASNet,
    MobileNetV2,
    ShuffleNetV2,
    VisionTransformer,
)

from simx.models.backbone import EmbeddingKind

_CLASSIFIER_NAMES = ("classifier", "fc", "head", "heads")

_POOLED_BY_FUNCTION = (DenseNet, MNASNet, MobileNetV2, ShuffleNetV2)
"""Their ``forward`` is their children in order, but for the pooling, which is no module."""


class GlobalPool(nn.Module):
    """The spatial mean of a feature map [N, C, H, W]; what is pooled already [N, C] passes."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return [N, C]."""
        return features.mean((2, 3)) if features.dim() == 4 else features  # noqa: PLR2004 - N, C, H, W


def remove_head(model: nn.Module, embedding: EmbeddingKind) -> nn.Module:
    """Turn a classifier into a network that returns an embedding.

    The model is taken apart: afterwards only the returned module is of use. The head's parameters,
    auxiliary classifiers included, are gone from it. Dropout stays where it is kept and does
    nothing in evaluation mode.

    Args:
        model: One of torchvision's classifiers, as ``architecture.build`` makes them.
        embedding: Which vector to return; see ``EmbeddingKind``.

    Returns:
        A module from images [N, 3, crop, crop] to embeddings [N, D], both float32.

    Raises:
        TypeError: The model has no classifier module under any of torchvision's names for it.
    """
    name = _classifier_name(model)
    _drop_auxiliary_classifiers(model)
    match embedding:
        case "pooled":
            setattr(model, name, GlobalPool())
        case "penultimate":
            kept = _before_last_layer(getattr(model, name))
            setattr(model, name, nn.Sequential(*kept, GlobalPool()))
        case "flat":
            return _flat(model, name)
    return model


def prepare_for_export(module: nn.Module) -> nn.Module:
    """Make a module cheap to export: evaluation mode, no gradients, nothing computed in place.

    The values stay the same. In-place activations and gradients only make ``torch.onnx.export``
    slower, by 7 to 38 % for the architectures that were tried.

    Args:
        module: Any module; it is changed in place.

    Returns:
        The same module.
    """
    for part in module.modules():
        if getattr(part, "inplace", False):
            part.inplace = False  # type: ignore[assignment]  # torch types attributes as modules
    return module.eval().requires_grad_(requires_grad=False)


def _classifier_name(model: nn.Module) -> str:
    """Return the attribute under which torchvision keeps this model's classifier module."""
    for name in _CLASSIFIER_NAMES:
        if hasattr(model, name):
            return name
    raise TypeError(
        f"{type(model).__name__} has no classifier module named {', '.join(_CLASSIFIER_NAMES)}"
    )


def _drop_auxiliary_classifiers(model: nn.Module) -> None:
    """Remove the classifiers that are attached half-way and used in training only."""
    if isinstance(model, GoogLeNet):
        model.aux_logits = False
        model.aux1 = None
        model.aux2 = None
    if isinstance(model, Inception3):
        model.aux_logits = False
        model.AuxLogits = None


def _before_last_layer(classifier: nn.Module) -> tuple[nn.Module, ...]:
    """Return the classifier's layers before its last linear layer or 1x1 convolution."""
    layers = tuple(classifier.children())  # none where the classifier is itself that layer
    weighted = [i for i, layer in enumerate(layers) if isinstance(layer, nn.Linear | nn.Conv2d)]
    return layers[: weighted[-1]] if weighted else ()


def _flat(model: nn.Module, classifier_name: str) -> nn.Module:
    """Return a module giving the last feature map, or all tokens, flattened without pooling."""
    if isinstance(model, _POOLED_BY_FUNCTION):
        return _trunk(model, classifier_name)
    if isinstance(model, VisionTransformer):
        # forward() goes on with token 0 of [N, S, E] alone: make all S tokens that one.
        model.encoder = nn.Sequential(model.encoder, nn.Flatten(), nn.Unflatten(1, (1, -1)))
    elif hasattr(model, "avgpool"):
        model.avgpool = nn.Identity()
    setattr(model, classifier_name, nn.Flatten())
    return model


def _trunk(model: nn.Module, classifier_name: str) -> nn.Module:
    """Return the children before the classifier as a chain, under the names they had."""
    parts = OrderedDict(model.named_children())
    del parts[classifier_name]
    if isinstance(model, DenseNet):
        parts["relu"] = nn.ReLU()  # in forward(), between the features and the pooling
    parts["flatten"] = nn.Flatten()
    return nn.Sequential(parts)
