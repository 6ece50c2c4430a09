"""Find a backbone's weights, and download them if that was requested. Never imports torch."""

from dataclasses import dataclass
from pathlib import Path

from simx.common.input_files import opened
from simx.exporter.weights.cache import pretrained_cached
from simx.exporter.weights.download import Downloads
from simx.exporter.weights.identity import checkpoint_hash, file_hash
from simx.exporter.weights.request import WEIGHTS, WeightsRequest
from simx.models.backbone import Backbone
from simx.results.schema.report import WeightsOrigin


@dataclass(frozen=True, slots=True)
class Source:
    """Where one backbone's weights come from: a file and the hash it has to have, or a seed.

    ``key`` names one of several networks in the file.
    """

    origin: WeightsOrigin
    path: Path | None = None
    sha256: str | None = None
    seed: int = 0
    key: str | None = None

    def label(self) -> str:
        """Name the source exactly, without a path: by the hash of a file, or by a seed.

        Two sources of one backbone with equal labels give the same weights, of the same origin.
        """
        if self.sha256 is None:
            return f"seed {self.seed}"
        label = f"{'checkpoint ' if self.origin == 'pretrained' else ''}sha256 {self.sha256}"
        return label if self.key is None else f"{label} key {self.key}"


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
        path = require_file_of(request)
        sha256 = backbone.file.sha256 if backbone.file else file_hash(path)
        return Source("file", path, sha256, key=request.key)
    checkpoint = None if request.kind == "random" else pretrained_cached(backbone)
    if checkpoint is None and request.kind == "pretrained":
        checkpoint = downloads.fetch(backbone)
    if checkpoint is None:
        return Source("random", seed=seed)
    return Source("pretrained", checkpoint, checkpoint_hash(checkpoint, downloads.notice))


def require_file_of(request: WeightsRequest) -> Path:
    """Return the requested file.

    Raises:
        InputError: it is absent, or no regular file (a pipe would block, a device never end).
        ValueError: the request is for no file.
    """
    if request.path is None:
        raise ValueError("a request for a file names none")
    with opened(request.path, WEIGHTS):
        return request.path
