"""What simx knows of one backbone: a torchvision architecture with one set of weights."""

from typing import Literal

import msgspec

EmbeddingKind = Literal["pooled", "penultimate", "flat"]
"""Which vector of the network is the embedding.

``pooled`` is what enters torchvision's classifier module, pooled and flattened; ``penultimate`` is
what enters the last linear layer (or 1x1 classifier convolution, pooled); ``flat`` is the last
feature map (for a ViT all tokens), flattened without pooling.
"""


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """How a picture becomes this backbone's input; it belongs to the weights.

    Sizes are pixels: the short side is resized to ``resize``, then the centre ``crop`` x ``crop``
    is taken. ``mean`` and ``std`` are per RGB channel, for values scaled to [0, 1].
    """

    crop: int
    resize: int
    interpolation: Literal["bilinear", "bicubic"]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


class EmbeddingDims(msgspec.Struct, frozen=True, kw_only=True):
    """Length of the embedding vector for each definition of it, at the preset's crop."""

    pooled: int
    penultimate: int
    flat: int

    def of(self, kind: EmbeddingKind) -> int:
        """Return the length for one definition."""
        lengths: dict[EmbeddingKind, int] = {
            "pooled": self.pooled,
            "penultimate": self.penultimate,
            "flat": self.flat,
        }
        return lengths[kind]


class Backbone(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the catalogue.

    ``gflops`` is torchvision's own figure: 1e9 multiply-accumulates (not floating-point
    operations, of which there are twice as many) of the whole classifier at the preset's crop.
    ``acc1`` and ``acc5`` are percent on ImageNet-1K, or None where the weights cannot classify
    (their classifier was never trained). ``params`` counts the classifier's parameters too.
    ``file_size`` is the checkpoint's size in MB as torchvision states it, ``license`` is what
    torchvision states, or None.
    """

    model: str
    weights: str
    default: bool
    family: str
    gflops: float
    params: int
    acc1: float | None
    acc5: float | None
    file_size: float
    license: str | None
    url: str
    preset: Preset
    embedding_dims: EmbeddingDims

    @property
    def name(self) -> str:
        """How the command line writes it: ``model``, with ``:weights`` where not the default."""
        return self.model if self.default else f"{self.model}:{self.weights}"
