"""One backbone: an architecture of torchvision or timm with one set of weights."""

from typing import Generic, Literal, TypeVar, get_args

import msgspec

from simx.common.bounded import Amount, Positive, PositiveAmount

T = TypeVar("T")

EmbeddingKind = Literal["pooled", "penultimate", "flat"]
"""Which vector of the network is the embedding.

``pooled`` is what enters torchvision's classifier module, pooled and flattened; ``penultimate`` is
what enters the last linear layer (or 1x1 classifier convolution, pooled); ``flat`` is the last
feature map (for a ViT all tokens), flattened without pooling.
"""

Precision = Literal["fp32", "fp16", "int8"]
"""The numbers that a network computes in. Weights come in ``fp32``; the others are made from it, so
their embedding is near that of ``fp32``, but not the same."""

PRECISIONS: tuple[Precision, ...] = get_args(Precision)

Layout = Literal["NCHW", "NHWC"]
"""The order of an input's dimensions: picture, channel, row and column."""

OWN_WEIGHTS = "file"
"""The weights' name of every model of the user's own."""

BackboneSource = Literal["torchvision", "timm", "onnx"]
"""The library that builds the network; ``onnx`` is a file of the user's own."""

TIMM_PREFIX = "timm:"
"""Begins the names of timm's architectures, some of which torchvision has too."""


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """How a picture becomes this backbone's input; it belongs to the weights.

    Sizes are pixels: the short side is resized to ``resize``, then the centre ``crop`` x ``crop``
    is taken. ``mean`` and ``std`` are per RGB channel, for values scaled to [0, 1].
    """

    crop: Positive
    resize: Positive
    interpolation: Literal["bilinear", "bicubic"]
    mean: tuple[Amount, Amount, Amount]
    std: tuple[PositiveAmount, PositiveAmount, PositiveAmount]


class ByEmbedding(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One figure for each definition of the embedding, at the preset's crop."""

    pooled: T
    penultimate: T
    flat: T

    def of(self, kind: EmbeddingKind) -> T:
        """Return the figure for one definition."""
        figure: T = getattr(self, kind)
        return figure


EmbeddingDims = ByEmbedding[int]
"""Lengths of the embedding vectors."""

EmbeddingGmacs = ByEmbedding[float]
"""1e9 multiply-accumulates of the networks that compute them."""


class ModelFile(msgspec.Struct, frozen=True, kw_only=True):
    """An ONNX file of the user's own: its absolute path, and what was found in it.

    ``sha256`` is its hash; with external data, the hash of the hashes of all its files. Its input
    has the dimensions of ``layout``. With ``single_picture`` it takes a batch of 1 only. Unless
    ``is_counted``, some of its nodes are not in the figures of multiply-accumulates.
    """

    path: str
    sha256: str
    layout: Layout
    single_picture: bool
    is_counted: bool


class Backbone(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row of the catalogue, or a model of the user's own (``source`` is ``onnx``).

    ``model`` is the architecture; timm's begin with ``timm:``. ``gflops`` is torchvision's figure,
    or for timm torch's count: 1e9 multiply-accumulates (half the floating-point operations) of the
    whole classifier at the preset's crop; ``embedding_gmacs`` is without the head, by torch's
    counter. ``params`` includes the classifier. ``acc1`` and ``acc5`` are percent on ImageNet-1K,
    or None if the classifier was never trained, and for timm. ``file_size`` (of the checkpoint, in
    MB) is what torchvision states, or that of timm's float32 numbers. ``license`` is what the
    source states of the weights.

    A model of the user's own has a ``file``, and no head that is left out: all its figures are
    those of its graph.
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
    source: BackboneSource = "torchvision"
    file: ModelFile | None = None

    @property
    def name(self) -> str:
        """How the command line writes it: ``model``, with its weights where not the default."""
        return self.model if self.default else full_name(self.model, self.weights)

    def batch_of(self, pictures: int) -> int:
        """Return how many of so many pictures the network takes in one call."""
        return 1 if self.file and self.file.single_picture else pictures


def full_name(model: str, weights: str) -> str:
    """Return ``model:weights``, or in timm's way ``timm:model.weights``."""
    return f"{model}{'.' if model.startswith(TIMM_PREFIX) else ':'}{weights}"
