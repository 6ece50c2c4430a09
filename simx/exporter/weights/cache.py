"""torch's cache of checkpoints: where one would lie, and whether it does.

Never imports torch: the rules are those ``torch.hub`` documents, so that files fetched by torch
and by simx are one set.
"""

import os
import re
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from simx.models.backbone import Backbone

_HASH_IN_NAME = re.compile(r"-([0-9a-f]{8,64})\.[a-z]+$")


def checkpoints_folder() -> Path:
    """Return the folder torch keeps downloaded checkpoints in; it need not exist.

    That is ``hub/checkpoints`` in ``$TORCH_HOME``, else in ``$XDG_CACHE_HOME/torch``, else in
    ``~/.cache/torch``.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"))
    home = os.environ.get("TORCH_HOME", str(cache / "torch"))
    # Unlike Path.expanduser, this leaves an unknown ~user alone, as torch does.
    return Path(os.path.expanduser(home)) / "hub" / "checkpoints"  # noqa: PTH111 - see above


def checkpoint_path(backbone: Backbone) -> Path:
    """Return where this backbone's checkpoint lies, or would lie, in torch's cache."""
    return checkpoints_folder() / PurePosixPath(urlsplit(backbone.url).path).name


def pretrained_cached(backbone: Backbone) -> Path | None:
    """Return the cached checkpoint's path, or None where there is none.

    Presence only: the content is checked by ``identity`` on the very file that is then
    loaded, because anything checked earlier can have been replaced since.
    """
    path = checkpoint_path(backbone)
    return path if path.exists() else None


def hash_prefix(name: str) -> str:
    """Return the beginning of the sha256 that torchvision writes into a checkpoint's file name.

    Args:
        name: such as ``resnet18-f37072fd.pth``.

    Raises:
        ValueError: the name carries no hash, so nothing could be verified.
    """
    found = _HASH_IN_NAME.search(name)
    if found is None:
        raise ValueError(f"checkpoint name {name!r} carries no hash")
    return found.group(1)
