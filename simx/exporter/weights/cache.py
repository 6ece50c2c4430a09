"""torch's cache of checkpoints, by the rules of ``torch.hub``. Never imports torch."""

import os
import re
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from simx.models.backbone import TIMM_PREFIX, Backbone

_WITHOUT_HASH = ".safetensors"
_HASH_IN_NAME = re.compile(r"-([0-9a-f]{8,64})\.[a-z]+$")


def checkpoints_folder() -> Path:
    """Return the folder of torch's downloaded checkpoints, which need not exist.

    It is ``hub/checkpoints`` in ``$TORCH_HOME``, else in ``$XDG_CACHE_HOME/torch``, else in
    ``~/.cache/torch``.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"))
    home = os.environ.get("TORCH_HOME", str(cache / "torch"))
    # Unlike Path.expanduser, this leaves an unknown ~user alone, as torch does.
    return Path(os.path.expanduser(home)) / "hub" / "checkpoints"  # noqa: PTH111 - see above


def checkpoint_path(backbone: Backbone) -> Path:
    """Return where this backbone's checkpoint lies, or would lie, in torch's cache.

    timm's checkpoints all have one name where they come from, and here that of the weights.
    """
    name = PurePosixPath(urlsplit(backbone.url).path).name
    if backbone.source == "timm":
        architecture = backbone.model.removeprefix(TIMM_PREFIX)
        name = f"{architecture}.{backbone.weights}{_WITHOUT_HASH}"
    return checkpoints_folder() / name


def pretrained_cached(backbone: Backbone) -> Path | None:
    """Return the cached checkpoint's path, or None where there is none.

    Its content is checked when it is loaded, on the same open file: an earlier check could be out
    of date.
    """
    path = checkpoint_path(backbone)
    # Unlike Path.exists, this raises nothing for another user's folder.
    return path if os.path.exists(path) else None  # noqa: PTH110 - see above


def checkpoint_bytes(backbone: Backbone) -> int:
    """Return the size of a backbone's checkpoint in bytes, rounded as the catalogue has it."""
    return round(backbone.file_size * 2**20)


def hash_prefix(name: str) -> str:
    """Return the beginning of the sha256 in a file name such as ``resnet18-f37072fd.pth``.

    It is empty for timm's, whose hash the server states and ``identity`` remembers.

    Raises:
        ValueError: the name carries no hash, so nothing could be verified.
    """
    if name.endswith(_WITHOUT_HASH):
        return ""
    found = _HASH_IN_NAME.search(name)
    if found is None:
        raise ValueError(f"checkpoint name {name!r} carries no hash")
    return found.group(1)
