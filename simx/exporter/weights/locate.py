"""Decide where a backbone's weights come from, and fetch them if that was asked for.

Never imports torch, so that a parent process can plan a whole sweep with it. What is found is
opened and checked by ``load``.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from simx.exporter.weights.cache import pretrained_cached
from simx.exporter.weights.download import Progress, download, ignore_progress
from simx.exporter.weights.request import WEIGHTS, WeightsRequest
from simx.inputs import opened
from simx.models.backbone import Backbone
from simx.results.schema import WeightsOrigin


@dataclass(frozen=True, slots=True)
class Source:
    """Where one backbone's weights come from.

    ``path`` is the file to read, None exactly where ``origin`` is ``random``; ``seed`` matters
    only there.
    """

    origin: WeightsOrigin
    path: Path | None = None
    seed: int = 0

    def label(self) -> str:
        """Name the source exactly: a checkpoint, the hash of a file, or a seed.

        Two sources of one backbone with equal labels give the same weights. Holds no path, so
        that it can be published.

        Raises:
            InputError: the file cannot be read.
        """
        if self.path is None:
            return f"seed {self.seed}"
        if self.origin == "pretrained":
            return self.path.name
        with opened(self.path, WEIGHTS) as file:
            try:
                return f"sha256 {hashlib.file_digest(file, 'sha256').hexdigest()}"
            except OSError as error:
                raise WEIGHTS.refused(self.path, f"cannot be read ({error.strerror})") from error


def locate(
    backbone: Backbone,
    request: WeightsRequest,
    *,
    mirror: str | None = None,
    progress: Progress = ignore_progress,
    seed: int = 0,
) -> Source:
    """Find the weights that were asked for.

    ``auto`` never downloads: where no checkpoint lies in torch's cache it answers with random
    weights, and the caller, who sees it in the origin, warns. A checkpoint that is there but
    damaged is still the answer, so that ``load`` refuses it by name instead of it being
    replaced by random weights in silence.

    Args:
        backbone: whose weights.
        request: what the user asked for.
        mirror: where to download from instead of torchvision's server; see ``download``.
        progress: told how a download gets on.
        seed: what random weights are drawn from.

    Raises:
        InputError: the file is absent or no regular file, or the download failed.
        SystemFailureError: torch's cache cannot be written.
    """
    match request.kind:
        case "file":
            return Source("file", path=_regular_file(request.path))
        case "pretrained":
            cached = pretrained_cached(backbone)
            fetched = cached or download(backbone, mirror=mirror, progress=progress)
            return Source("pretrained", path=fetched)
        case "auto" if (cached := pretrained_cached(backbone)) is not None:
            return Source("pretrained", path=cached)
        case _:
            return Source("random", seed=seed)


def _regular_file(path: Path | None) -> Path:
    """Refuse what would block or never end when read (a pipe, a device), before it is read."""
    if path is None:
        raise ValueError("a request for a file names none")
    with opened(path, WEIGHTS):
        return path
