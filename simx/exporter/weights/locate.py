"""Find a backbone's weights, and download them if that was requested. Never imports torch."""

from simx.exporter.weights.cache import Source, checkpoint_hash, file_hash, pretrained_cached
from simx.exporter.weights.download import Downloads
from simx.exporter.weights.request import WeightsRequest
from simx.models.backbone import Backbone


def locate(
    backbone: Backbone,
    request: WeightsRequest,
    *,
    downloads: Downloads | None = None,
    seed: int = 0,
) -> Source:
    """Find the requested weights.

    ``auto`` never downloads: without a checkpoint in torch's cache it gives random weights. A
    damaged checkpoint is refused, here or by ``load``, and never replaced by random weights.

    The downloads are by default from the libraries' servers, without callbacks. The seed is for
    random weights.

    Raises:
        InputError: the file is absent or unreadable, the checkpoint is damaged or replaced, or
            the download failed.
        SystemFailureError: torch's cache cannot be written.
    """
    downloads = downloads or Downloads()
    if request.kind == "file":
        assert request.path is not None  # noqa: S101 - as the request says
        sha256 = backbone.file.sha256 if backbone.file else file_hash(request.path)
        return Source("file", str(request.path.absolute()), sha256, key=request.key)
    checkpoint = None if request.kind == "random" else pretrained_cached(backbone)
    if checkpoint is None and request.kind == "pretrained":
        checkpoint = downloads.fetch(backbone)
    if checkpoint is None:
        return Source("random", seed=seed)
    sha256 = checkpoint_hash(checkpoint, downloads.notice)
    return Source("pretrained", str(checkpoint.absolute()), sha256)
