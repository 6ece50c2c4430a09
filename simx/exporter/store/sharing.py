"""Where a user's store is, and whether other users may write to it."""

import os
import stat
from pathlib import Path

from simx.common.errors import InputError
from simx.common.user_folders import cache_folder, homeless


def default_store() -> Path | None:
    """Return the store in the user's cache folder; None without a home folder."""
    folder = cache_folder()
    return folder and folder / "store"


def no_store() -> InputError:
    """Return the error of a command that needs a store."""
    return homeless("name a folder for the exports with --store or SIMX_STORE")


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
