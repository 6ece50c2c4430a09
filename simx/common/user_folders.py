"""The folders of this user, who has none without a home folder, as is common in containers."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from simx.common.errors import InputError, SystemFailureError


def cache_folder() -> Path | None:
    """Return simx's folder for what can be made again; None if there can be none."""
    from platformdirs import user_cache_path  # noqa: PLC0415 - help texts do not need it

    return _in_a_home(user_cache_path)


def data_folder() -> Path | None:
    """Return simx's folder for what is to be kept; None if there can be none."""
    from platformdirs import user_data_path  # noqa: PLC0415 - help texts do not need it

    return _in_a_home(user_data_path)


def new_report_path() -> Path:
    """Return a new report's place in the user's data folder, and make the folder.

    Raises:
        InputError: the user has no data folder.
        SystemFailureError: the folder cannot be made.
    """
    data = data_folder()
    if data is None:
        raise homeless("name the report with -o")
    folder = data / "reports"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SystemFailureError(
            f"{folder}: cannot be made ({error.strerror}); choose the report's place with -o"
        ) from None
    return folder / f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}.json"


def homeless(advice: str) -> InputError:
    """Return the error of a command that needs a home folder."""
    return InputError(
        f"user id {os.getuid()} has no home folder that it may write to (HOME is "
        f"{os.environ.get('HOME') or 'not set'}); {advice}"
    )


def is_unknown(folder: Path) -> bool:
    """Whether a folder lies in a home folder that is not known, so that its ``~`` stayed."""
    return folder.parts[:1] == ("~",)


def _in_a_home(find: Callable[[str], Path]) -> Path | None:
    try:
        folder = find("simx")
    except RuntimeError:
        return None
    return None if is_unknown(folder) or not _is_open(folder) else folder


def _is_open(folder: Path) -> bool:
    """Whether this user can make a folder, or can at least enter it if it exists."""
    # Unlike Path.exists, these functions raise nothing for a folder that is not to be entered.
    if os.path.isdir(folder):  # noqa: PTH112 - see above
        return os.access(folder, os.X_OK)
    above = next(each for each in folder.parents if os.path.exists(each))  # noqa: PTH110 - likewise
    return os.access(above, os.W_OK | os.X_OK)
