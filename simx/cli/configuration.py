"""Defaults from ``simx.toml``, or ``[tool.simx]`` in ``pyproject.toml``, in the current folder."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simx.errors import InputError

Defaults = dict[str, dict[str, Any]]


def read_defaults(commands: Sequence[str], folder: Path | None = None) -> Defaults:
    """Return each command's defaults, in the form click takes them.

    A plain entry (``store = "..."``) holds for every command that has the option, an entry in a
    command's table (``[bench]``) for that command alone. ``simx.toml`` hides ``pyproject.toml``.

    Args:
        commands: names of all commands.
        folder: where the files are looked for; by default the current folder.

    Raises:
        InputError: a file cannot be read, or names a command that there is not.
    """
    folder = Path() if folder is None else folder
    path, settings = _settings(folder)
    shared = {_name(key): value for key, value in settings.items() if not isinstance(value, dict)}
    tables = {key: value for key, value in settings.items() if isinstance(value, dict)}
    unknown = sorted(set(tables) - set(commands))
    if unknown:
        raise InputError(
            f"{path}: there is no command [{unknown[0]}]; the commands are {', '.join(commands)}"
        )
    return {
        command: shared | {_name(key): value for key, value in tables.get(command, {}).items()}
        for command in commands
    }


def _settings(folder: Path) -> tuple[Path, dict[str, Any]]:
    own, project = folder / "simx.toml", folder / "pyproject.toml"
    if own.is_file():
        return own, _read(own)
    if project.is_file():
        tool = _read(project).get("tool", {})
        settings = tool.get("simx", {}) if isinstance(tool, dict) else {}
        return project, settings if isinstance(settings, dict) else {}
    return own, {}


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: is not TOML ({error}); mend it or move it away") from None


def _name(key: str) -> str:
    return key.replace("-", "_")
