"""A user's folders are in the home folder or where a variable says, and may be missing."""

import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

from simx.common.user_folders import cache_folder, data_folder, homeless

_FOLDERS = [(cache_folder, "XDG_CACHE_HOME"), (data_folder, "XDG_DATA_HOME")]


@pytest.fixture(autouse=True)
def _nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have neither variables nor an entry in the password file."""

    def getpwuid(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", getpwuid)
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(("folder", "variable"), _FOLDERS)
def test_without_a_home_there_is_no_folder(
    folder: Callable[[], Path | None], variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless its own variable names one."""
    assert folder() is None

    monkeypatch.setenv(variable, "/srv/mine")

    assert folder() == Path("/srv/mine/simx")


@pytest.mark.parametrize(("folder", "variable"), _FOLDERS)
def test_older_libraries_leave_the_tilde(
    folder: Callable[[], Path | None], variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of that name in the current folder is never meant."""
    name = "user_cache_path" if variable == "XDG_CACHE_HOME" else "user_data_path"
    monkeypatch.setattr(f"platformdirs.{name}", lambda app: Path("~/.local") / app)

    assert folder() is None


@pytest.mark.parametrize(("folder", "variable"), _FOLDERS)
def test_a_home_that_is_closed_to_the_user_is_none(
    folder: Callable[[], Path | None],
    variable: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As that of another user is, or a file in its place; one that is open is taken."""
    monkeypatch.setenv(variable, str(tmp_path / "new" / "folder"))

    assert folder() == tmp_path / "new" / "folder" / "simx"

    (tmp_path / "new").touch()

    assert folder() is None

    monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)

    assert folder() is None


def test_the_message_says_what_to_name() -> None:
    """After the reason."""
    assert str(homeless("set THIS")).endswith("; set THIS")
