"""timm's networks, built and beheaded by timm itself. timm is imported when one is built."""

import torch
from torch import nn

from simx.models.backbone import TIMM_PREFIX, Backbone, EmbeddingKind


def build(backbone: Backbone) -> nn.Module:
    """Build the network that timm builds for this entry, with its random initialisation.

    The number of classes and, for a vision transformer, the size of the pictures come from timm's
    configuration of the weights.

    Returns:
        The classifier in evaluation mode: float32 images [N, 3, crop, crop] to logits.

    Raises:
        ImportError: timm is not installed.
    """
    import timm  # noqa: PLC0415 - an extra, and slow

    name = f"{backbone.model.removeprefix(TIMM_PREFIX)}.{backbone.weights}"
    model: nn.Module = timm.create_model(name, pretrained=False)
    return model.eval()


def is_of_timm(model: nn.Module) -> bool:
    """Whether a network has timm's methods; torchvision's have none of that name."""
    return hasattr(model, "reset_classifier")


def remove_head(model: nn.Module, embedding: EmbeddingKind) -> nn.Module:
    """Return the network that gives an embedding, as ``num_classes=0`` makes it.

    That is what enters the last linear layer, pooled in timm's way, so ``pooled`` and
    ``penultimate`` are the same. ``flat`` is what ``forward_features`` returns, flattened.
    """
    model.reset_classifier(0)  # type: ignore[operator]  # torch types attributes as modules
    return _Features(model) if embedding == "flat" else model


class _Features(nn.Module):
    """The last feature map of a network, or all its tokens, flattened."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return [N, D]."""
        features: torch.Tensor = self.model.forward_features(images)  # type: ignore[operator]  # as above
        return features.flatten(1)
