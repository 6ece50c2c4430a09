"""The folders of this user. In containers a user may have no home folder, and then has none."""

import os
from collections.abc import Callable
from pathlib import Path

from simx.common.errors import InputError


def cache_folder() -> Path | None:
    """Return simx's folder for what can be made again; None without a home folder."""
    from platformdirs import user_cache_path  # noqa: PLC0415 - help texts do not need it

    return _in_a_home(user_cache_path)


def data_folder() -> Path | None:
    """Return simx's folder for what is to be kept; None without a home folder."""
    from platformdirs import user_data_path  # noqa: PLC0415 - help texts do not need it

    return _in_a_home(user_data_path)


def homeless(advice: str) -> InputError:
    """Return the error of a command that needs a home folder."""
    return InputError(
        "this user has no home folder (neither HOME nor the password file names one for user id "
        f"{os.getuid()}); {advice}"
    )


def is_unknown(folder: Path) -> bool:
    """Whether a folder lies in a home folder that is not known, so that its ``~`` stayed."""
    return folder.parts[:1] == ("~",)


def _in_a_home(find: Callable[[str], Path]) -> Path | None:
    try:
        folder = find("simx")
    except RuntimeError:
        return None
    return None if is_unknown(folder) else folder
