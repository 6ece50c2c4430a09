"""Decide where a backbone's weights come from, and download them if that was requested.

Never imports torch, so that a parent process can plan a whole sweep with it. The source is read
and checked by ``load``.
"""

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
    """Where one backbone's weights come from.

    ``path`` is the file to read and ``sha256`` the hash that it has to have; both are None exactly
    if ``origin`` is ``random``, and ``seed`` matters only then.
    """

    origin: WeightsOrigin
    path: Path | None = None
    sha256: str | None = None
    seed: int = 0

    def label(self) -> str:
        """Name the source exactly: by the hash of a file, or by a seed.

        Two sources of one backbone with equal labels give the same weights, of the same origin.
        Holds no path, so that it can be published.
        """
        if self.sha256 is None:
            return f"seed {self.seed}"
        return f"{'checkpoint ' if self.origin == 'pretrained' else ''}sha256 {self.sha256}"


def locate(
    backbone: Backbone,
    request: WeightsRequest,
    *,
    downloads: Downloads | None = None,
    seed: int = 0,
) -> Source:
    """Find the requested weights.

    ``auto`` never downloads: without a checkpoint in torch's cache it gives random weights, and the
    caller, who sees it in the origin, warns. A checkpoint that is there but damaged is refused by
    name, here or by ``load``; it is never replaced by random weights silently.

    Args:
        backbone: whose weights.
        request: which weights are wanted.
        downloads: how to download; by default from torchvision's server, without callbacks.
        seed: of random weights.

    Raises:
        InputError: the file is absent, unreadable or no regular file, the checkpoint is damaged or
            replaced, or the download failed.
        SystemFailureError: torch's cache cannot be written.
    """
    downloads = downloads or Downloads()
    match request.kind:
        case "file":
            path = require_file_of(request)
            return Source("file", path=path, sha256=file_hash(path))
        case "pretrained":
            path = pretrained_cached(backbone) or downloads.fetch(backbone)
            return _pretrained(path, downloads)
        case "auto" if (cached := pretrained_cached(backbone)) is not None:
            return _pretrained(cached, downloads)
        case _:
            return Source("random", seed=seed)


def require_file_of(request: WeightsRequest) -> Path:
    """Refuse a file that is absent, or would block or never end when read: a pipe, a device.

    Raises:
        InputError: see above.
        ValueError: the request is for no file.
    """
    if request.path is None:
        raise ValueError("a request for a file names none")
    with opened(request.path, WEIGHTS):
        return request.path


def _pretrained(path: Path, downloads: Downloads) -> Source:
    return Source("pretrained", path=path, sha256=checkpoint_hash(path, downloads.notice))
