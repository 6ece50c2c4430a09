"""Takes the head off a torchvision classifier, so that it returns the embedding instead of logits.

The model's own ``forward`` is kept and only modules inside it are exchanged: many architectures
pool or flatten in ``forward``, which a chain of their children would lose.
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

from simx.exporter.network import timm_networks
from simx.models.backbone import EmbeddingKind

_CLASSIFIER_NAMES = ("classifier", "fc", "head", "heads")

_POOLED_BY_FUNCTION = (DenseNet, MNASNet, MobileNetV2, ShuffleNetV2)
"""Their ``forward`` is their children in order, except for the pooling, which is no module."""


class GlobalPool(nn.Module):
    """The spatial mean of a feature map [N, C, H, W]; pooled features [N, C] pass unchanged."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return [N, C]."""
        return features.mean((2, 3)) if features.dim() == 4 else features  # noqa: PLR2004 - N, C, H, W


def remove_head(model: nn.Module, embedding: EmbeddingKind) -> nn.Module:
    """Turn a classifier into a network that returns an embedding.

    The model is changed: use only the returned module afterwards. The parameters of the head and
    of auxiliary classifiers are gone from it. Dropout may stay; it does nothing in evaluation mode.

    Args:
        model: one of torchvision's or timm's classifiers, as ``architecture.build`` makes them.
        embedding: which vector to return; see ``EmbeddingKind``.

    Returns:
        A module from images [N, 3, crop, crop] to embeddings [N, D], both float32.

    Raises:
        TypeError: the model has no classifier module under any of torchvision's names for it.
    """
    if timm_networks.is_of_timm(model):
        return timm_networks.remove_head(model, embedding)
    name = next((name for name in _CLASSIFIER_NAMES if hasattr(model, name)), None)
    if name is None:
        raise TypeError(
            f"{type(model).__name__} has no classifier module named {', '.join(_CLASSIFIER_NAMES)}"
        )
    if isinstance(model, GoogLeNet | Inception3):
        model.aux_logits = False
        for auxiliary in ("aux1", "aux2", "AuxLogits"):
            if hasattr(model, auxiliary):
                setattr(model, auxiliary, None)
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

    The values stay the same. In-place activations and gradients make ``torch.onnx.export`` 7 to
    38 % slower for the architectures that were tried.

    Args:
        module: any module; it is changed in place.

    Returns:
        The same module.
    """
    for part in module.modules():
        if getattr(part, "inplace", False):
            part.inplace = False  # type: ignore[assignment]  # torch types attributes as modules
    return module.eval().requires_grad_(requires_grad=False)


def _before_last_layer(classifier: nn.Module) -> tuple[nn.Module, ...]:
    """Return the classifier's layers before its last linear layer or 1x1 convolution."""
    layers = tuple(classifier.children())  # none where the classifier is itself that layer
    weighted = [i for i, layer in enumerate(layers) if isinstance(layer, nn.Linear | nn.Conv2d)]
    return layers[: weighted[-1]] if weighted else ()


def _flat(model: nn.Module, classifier_name: str) -> nn.Module:
    """Return a module giving the last feature map, or all tokens, flattened without pooling."""
    if isinstance(model, _POOLED_BY_FUNCTION):
        parts = OrderedDict(model.named_children())
        del parts[classifier_name]
        if isinstance(model, DenseNet):
            parts["relu"] = nn.ReLU()  # in forward(), between the features and the pooling
        parts["flatten"] = nn.Flatten()
        return nn.Sequential(parts)
    if isinstance(model, VisionTransformer):
        # forward() goes on with token 0 of [N, S, E] alone: make all S tokens that one.
        model.encoder = nn.Sequential(model.encoder, nn.Flatten(), nn.Unflatten(1, (1, -1)))
    elif hasattr(model, "avgpool"):
        model.avgpool = nn.Identity()
    setattr(model, classifier_name, nn.Flatten())
    return model
