"""How long an export may take, so that one that hangs does not hold up the rest for ever."""

from simx.models.backbone import Backbone, EmbeddingKind

SLOWEST_GMACS = 0.5
"""1e9 multiply-accumulates a second of the slowest supported machine: a quarter of a small board's
single thread. Two cores of a server do 20 to 100."""

SLOWEST_READING = 5e6
"""Bytes of weights a second that the slowest supported machine reads, from a slow network disk."""

_TRANSLATION_SECONDS = 1800.0
"""For tracing and translating, which no figure of the catalogue predicts: twenty times what the
largest network takes on one core of a server."""

_CALLS = 14
"""torch's answers to four pictures, ONNX Runtime's at two batch sizes, and four in float16, which
are in a worker of their own and slower."""

_READINGS = 8
"""Weights are made or read, written, put into a graph, written, hashed, and loaded from it."""

_MOST_SECONDS = 4 * 3600.0


def export_seconds(backbone: Backbone, embedding: EmbeddingKind) -> float:
    """Return how long an export may take; far more than a slow machine needs."""
    calls = _CALLS * backbone.embedding_gmacs.of(embedding) / SLOWEST_GMACS
    reading = _READINGS * 4 * backbone.params / SLOWEST_READING
    return min(_MOST_SECONDS, _TRANSLATION_SECONDS + calls + reading)
