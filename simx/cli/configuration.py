"""Defaults from ``simx.toml``, or ``[tool.simx]`` in ``pyproject.toml``, in the current folder.

A plain entry (``store = "..."``) holds for every command that has the option, an entry in a
command's table (``[bench]``) for that command alone. The table ``[environments]`` has paths of
environments for ``--backend``, by their names. ``simx.toml`` hides ``pyproject.toml``.
A run that is resumed has the configuration it was begun with, and only what was typed has to agree.
"""

import difflib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
import msgspec

from simx.common.errors import InputError
from simx.common.input_files import InputKind, read_toml
from simx.models.backend_name import BackendName
from simx.models.catalogue import load

SETTINGS = InputKind(label="", mend="mend it or move it away", most_bytes=2**20)

SETTINGS_FILES = (Path("simx.toml"), Path("pyproject.toml"))
"""Of the current folder; the first one that exists is read."""

_ENVIRONMENTS = "environments"

TYPED = click.core.ParameterSource.COMMANDLINE

_FIELDS = {
    **dict.fromkeys(("select", "all", "gflops", "family"), ("backbones",)),
    "model": ("models",),
    "backend": ("backends",),
    "provider": ("providers",),
    "provider_option": ("provider_options",),
    "precision": ("precisions",),
    "weights": ("weights", "weights_file"),
    "launches": ("launches", "half_width"),
    "budget": ("budget_seconds",),
    "batch": ("batch", "batches"),
    "threads": ("threads", "thread_counts"),
    "instances": ("instance_counts",),
    "pin": ("pinned",),
}
"""The fields of a run's configuration that an option sets, where their names differ."""

_MOST_CHARACTERS = 4096  # about the longest path of Linux
_MOST_BITS = 64

Default = str | bool | list[str]
CommandNamed = Callable[[str], click.Command]


def read_defaults(
    name: str, others: Iterable[str], command_named: CommandNamed
) -> dict[str, Default]:
    """Return one command's defaults by its parameters' names, each as a command line has it.

    Args:
        name: The command.
        others: All other commands.
        command_named: Loads a command. The others are loaded only if an entry is not an option of
            ``name`` and could be one of theirs.

    Raises:
        InputError: A file cannot be read, it names an unknown command or option, or an entry's
            value cannot stand on a command line.
    """
    names = [name, *others]
    path, settings = _settings()
    entries = {key: value for key, value in settings.items() if key != _ENVIRONMENTS}
    tables = {key: value for key, value in entries.items() if isinstance(value, dict)}
    shared = {key: value for key, value in entries.items() if key not in tables}
    for table in tables:
        if table not in names:
            known = ", ".join(names)
            raise InputError(f"{path}: there is no command [{table}]; the commands are {known}")
    own = tables.get(name, {})
    _require_options(path, own, [name], command_named)
    _require_options(path, shared, names, command_named)
    options = _options(command_named(name))
    return {
        parameter: _typed(path, key, value, options[parameter])
        for key, value in (*shared.items(), *own.items())
        if (parameter := _parameter(key)) in options
    }


def named_environments() -> dict[str, str]:
    """Return the paths of environments by their names, relative to the current folder.

    Raises:
        InputError: A file cannot be read, or an entry is no name with a path.
    """
    path, settings = _settings()
    table = settings.get(_ENVIRONMENTS, {})
    if not isinstance(table, dict):
        raise InputError(f"{path}: [{_ENVIRONMENTS}] is no table; write NAME = PATH below it")
    for name, value in table.items():
        if not (isinstance(value, str) and value and _is_typeable(value)):
            raise InputError(f'{path}: environment {name} takes a path, such as ".venv-new"')
    return table


def with_path(backend: str) -> str:
    """Return a backend's name with the path of an environment that the settings name.

    Raises:
        InputError: It has another form, or its environment is neither a name nor a path.
    """
    parts = BackendName.parse(backend)
    name = parts.environment
    if not name or "/" in name:
        return backend
    known = named_environments()
    if name not in known and not os.path.lexists(name):
        raise InputError(
            f"backend {backend!r}: there is no environment {name}; name a folder, or one of those "
            f"in [{_ENVIRONMENTS}] of the settings ({', '.join(known) or 'none'})"
        )
    return str(msgspec.structs.replace(parts, environment=known.get(name, name)))


def _settings() -> tuple[Path, dict[str, Any]]:
    own, project = SETTINGS_FILES
    if os.path.lexists(own):
        return own, read_toml(own, SETTINGS)
    if not os.path.lexists(project):
        return own, {}
    settings: object = read_toml(project, SETTINGS)
    for key in ("tool", "simx"):
        settings = settings.get(key, {}) if isinstance(settings, dict) else None
    if not isinstance(settings, dict):
        raise InputError(f"{project}: tool.simx is not a table; put its entries below [tool.simx]")
    return project, settings


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
    options = (option for option in command.params if isinstance(option, click.Option))
    return {option.name: option for option in options if option.name}


def _parameter(key: str) -> str:
    return key.replace("-", "_")


def _typed(path: Path, key: str, value: object, option: click.Option) -> Default:
    """Return an entry as the text of a command line, and a flag as it is."""
    if option.is_flag:
        if not isinstance(value, bool):
            raise InputError(f"{path}: {key} takes true or false")
        return value
    given = value if isinstance(value, list) and option.multiple else [value]
    if not all(map(_is_typeable, given)):
        alternative = ", or a list" if option.multiple else ""
        raise InputError(f"{path}: {key} takes one line of text or a number{alternative}")
    texts = [str(one) for one in given]
    return texts if option.multiple else texts[0]


def _is_typeable(value: object) -> bool:
    """Whether a command line could hold the value."""
    if isinstance(value, str):
        return value.isprintable() and len(value) <= _MOST_CHARACTERS
    if isinstance(value, int):
        return not isinstance(value, bool) and value.bit_length() <= _MOST_BITS
    return isinstance(value, float)


def typed_fields(context: click.Context, output: Path | None, path: Path) -> dict[str, str]:
    """Return the configuration's fields that were typed, with the names of their options.

    Variables and files were read when the run was begun, and do not count again.

    Raises:
        InputError: another report was typed than the one to resume.
    """
    typed = [name for name in context.params if context.get_parameter_source(name) is TYPED]
    if "output" in typed and output not in {None, path}:
        raise InputError(f"--output {output} with --resume {path}: a report stays in place")
    fields = {field: name for name in typed for field in _FIELDS.get(name, (name,))}
    return {
        field: "SELECT" if field == "backbones" else f"--{name.replace('_', '-')}"
        for field, name in fields.items()
    }


def complete_backbone(_context: object, _argument: object, incomplete: str) -> list[str]:
    """Return the backbones that begin like this."""
    return [backbone.name for backbone in load() if backbone.name.startswith(incomplete)]


def complete_backend(_context: object, _option: object, incomplete: str) -> list[str]:
    """Return the backends that begin like this, here and in the environments of the settings."""
    from simx.runner.backends.registry import BACKENDS  # noqa: PLC0415 - slow

    environments = ("", *(f"@{name}" for name in named_environments()))
    names = (f"{backend.name}{each}" for backend in BACKENDS for each in environments)
    return [name for name in names if name.startswith(incomplete)]
