"""What simx knows of one backbone: a torchvision architecture with one set of weights."""

from typing import Generic, Literal, TypeVar, get_args

import msgspec

T = TypeVar("T")

EmbeddingKind = Literal["pooled", "penultimate", "flat"]
"""Which vector of the network is the embedding.

``pooled`` is what enters torchvision's classifier module, pooled and flattened; ``penultimate`` is
what enters the last linear layer (or 1x1 classifier convolution, pooled); ``flat`` is the last
feature map (for a ViT all tokens), flattened without pooling.
"""

Precision = Literal["fp32", "fp16", "int8"]
"""In which numbers a network is computed. ``fp32`` is what its weights come in; the others are made
from that, and are no longer the same vector, but one that is near it."""

PRECISIONS: tuple[Precision, ...] = get_args(Precision)


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


class ByEmbedding(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One figure for each definition of the embedding, at the preset's crop."""

    pooled: T
    penultimate: T
    flat: T

    def of(self, kind: EmbeddingKind) -> T:
        """Return the figure for one definition."""
        figures: dict[EmbeddingKind, T] = {
            "pooled": self.pooled,
            "penultimate": self.penultimate,
            "flat": self.flat,
        }
        return figures[kind]


EmbeddingDims = ByEmbedding[int]
"""Lengths of the embedding vectors."""

EmbeddingGmacs = ByEmbedding[float]
"""1e9 multiply-accumulates of the networks that compute them."""


class Backbone(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the catalogue.

    ``gflops`` is torchvision's own figure: 1e9 multiply-accumulates (not floating-point
    operations, of which there are twice as many) of the whole classifier at the preset's crop.
    ``acc1`` and ``acc5`` are percent on ImageNet-1K, or None where the weights cannot classify
    (their classifier was never trained). ``params`` counts the classifier's parameters too.
    ``embedding_gmacs`` counts the same without the head, as torch's own counter has it.
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
    embedding_gmacs: EmbeddingGmacs

    @property
    def name(self) -> str:
        """How the command line writes it: ``model``, with ``:weights`` where not the default."""
        return self.model if self.default else f"{self.model}:{self.weights}"
