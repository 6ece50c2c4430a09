"""Where a user's store is, and who else may write to a store."""

import os
import stat
from pathlib import Path


def default_store() -> Path:
    """Return the store in the user's cache folder."""
    from platformdirs import user_cache_path  # noqa: PLC0415 - help texts do not need it

    return user_cache_path("simx") / "store"


def others_may_write(store: Path) -> str | None:
    """Say why others than this user and the system's own can change a store; None if they cannot.

    A folder that its group may write to is shared on purpose, and nothing is said of it.
    """
    try:
        status = store.stat()
    except OSError:
        return None
    if status.st_mode & stat.S_IWOTH:
        return "every user of this machine may write to it"
    if status.st_uid not in {0, os.geteuid()}:
        return "it belongs to another user, who may write to it"
    return None
