"""Defaults from ``simx.toml``, or ``[tool.simx]`` in ``pyproject.toml``, in the current folder.

A plain entry (``store = "..."``) holds for every command that has the option, an entry in a
command's table (``[bench]``) for that command alone. ``simx.toml`` hides ``pyproject.toml``.
"""

import difflib
import os
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from simx.common.errors import InputError
from simx.common.input_files import InputKind, read_whole
from simx.common.safe_text import clean

SETTINGS = InputKind(label="", mend="mend it or move it away", most_bytes=2**20)

_LONGEST = 4096
"""Characters of an entry's text, about what a path may have."""

_WIDEST = 64
"""Bits of a whole number."""

Default = str | bool | list[str]
CommandNamed = Callable[[str], click.Command]


def read_defaults(
    name: str,
    others: Iterable[str],
    command_named: CommandNamed,
    folder: Path | None = None,
) -> dict[str, Default]:
    """Return one command's defaults by its parameters' names, each as it would have been typed.

    Args:
        name: the command.
        others: all other commands.
        command_named: loads a command; the others are asked for only where an entry is not
            ``name``'s and could be one of theirs.
        folder: where the files are looked for; by default the current folder.

    Raises:
        InputError: a file cannot be read, names a command or option that there is not, or gives
            an option what nobody could type.
    """
    names = [name, *others]
    path, settings = _settings(Path() if folder is None else folder)
    tables = {key: value for key, value in settings.items() if isinstance(value, dict)}
    shared = {key: value for key, value in settings.items() if key not in tables}
    own = tables.get(name, {})
    _require_commands(path, tables, names)
    _require_options(path, own, [name], command_named)
    _require_options(path, shared, names, command_named)
    options = _options(command_named(name))
    return {
        _parameter(key): _typed(path, key, value, options[_parameter(key)])
        for key, value in (*shared.items(), *own.items())
        if _parameter(key) in options
    }


def _settings(folder: Path) -> tuple[Path, dict[str, Any]]:
    own, project = folder / "simx.toml", folder / "pyproject.toml"
    if os.path.lexists(own):
        return own, _read(own)
    if not os.path.lexists(project):
        return own, {}
    settings: object = _read(project)
    for key in ("tool", "simx"):
        settings = settings.get(key, {}) if isinstance(settings, dict) else None
    if not isinstance(settings, dict):
        raise InputError(f"{project}: tool.simx is no table; write its entries below [tool.simx]")
    return project, settings


def _read(path: Path) -> dict[str, Any]:
    data = read_whole(path, SETTINGS)
    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise SETTINGS.refused(path, f"is not UTF-8 text (byte {error.start})") from None
    except (ValueError, OverflowError) as error:  # a number of thousands of digits, too
        raise SETTINGS.refused(path, clean(f"is not TOML ({error})")) from None
    except RecursionError:
        raise SETTINGS.refused(path, "is nested too deeply to be read") from None


def _require_commands(path: Path, tables: Iterable[str], names: list[str]) -> None:
    for table in tables:
        if table not in names:
            known = ", ".join(names)
            raise InputError(f"{path}: there is no command [{table}]; the commands are {known}")


def _require_options(
    path: Path, keys: Iterable[str], names: list[str], command_named: CommandNamed
) -> None:
    """Refuse an entry that is an option of none of these commands."""
    for key in keys:
        if not any(_parameter(key) in _options(command_named(name)) for name in names):
            known = {option for name in names for option in _options(command_named(name))}
            close = difflib.get_close_matches(_parameter(key), known) or sorted(known)
            whose = names[0] if len(names) == 1 else "any command"
            raise InputError(f"{path}: {key!r} is no option of {whose}; try {', '.join(close)}")


def _options(command: click.Command) -> dict[str, click.Option]:
    return {
        option.name: option
        for option in command.params
        if isinstance(option, click.Option) and option.name
    }


def _parameter(key: str) -> str:
    return key.replace("-", "_")


def _typed(path: Path, key: str, value: object, option: click.Option) -> Default:
    """Return an entry as the text that would have been typed, and a flag as it is."""
    if option.is_flag:
        if not isinstance(value, bool):
            raise InputError(f"{path}: {key} takes true or false")
        return value
    many = isinstance(value, list) and option.multiple
    given = value if isinstance(value, list) and many else [value]
    if not all(_is_typeable(one) for one in given):
        raise InputError(
            f"{path}: {key} takes one line of text or a number"
            f"{', or a list' if option.multiple else ''}"
        )
    texts = [str(one) for one in given]
    return texts if option.multiple else texts[0]


def _is_typeable(value: object) -> bool:
    """Whether somebody could have typed it, so that it can be handled as if somebody had."""
    if isinstance(value, str):
        return value.isprintable() and len(value) <= _LONGEST
    if isinstance(value, int):
        return not isinstance(value, bool) and value.bit_length() <= _WIDEST
    return isinstance(value, float)
