"""Where a user's store is, and whether other users may write to it."""

import os
import stat
from pathlib import Path


def default_store() -> Path:
    """Return the store in the user's cache folder."""
    from platformdirs import user_cache_path  # noqa: PLC0415 - help texts do not need it

    return user_cache_path("simx") / "store"


def others_may_write(store: Path) -> str | None:
    """Say why users besides this one, root and the folder's group can change a store, or None."""
    try:
        status = store.stat()
    except OSError:
        return None
    if status.st_mode & stat.S_IWOTH:
        return "every user of this machine may write to it"
    if status.st_uid not in {0, os.geteuid()}:
        return "it belongs to another user, who may write to it"
    return None
