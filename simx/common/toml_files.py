"""Reads TOML files of the user's."""

import tomllib
from typing import Any

from simx.common.input_files import InputKind, InputPath, read_whole
from simx.common.safe_text import clean


def read_toml(path: InputPath, kind: InputKind) -> dict[str, Any]:
    """Return the content of a TOML file.

    Args:
        path: The file.
        kind: Its kind, for the size and the messages.

    Raises:
        InputError: It cannot be read, or is not TOML.
    """
    data = read_whole(path, kind)
    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise kind.refused(path, f"is not UTF-8 text (byte {error.start})") from None
    except (ValueError, OverflowError) as error:  # a number of thousands of digits, too
        raise kind.refused(path, clean(f"is not TOML ({error})")) from None
    except RecursionError:
        raise kind.refused(path, "is nested too deeply to be read") from None
