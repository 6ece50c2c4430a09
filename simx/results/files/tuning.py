"""Reads the options of ``simx bench`` from a result of ``simx tune``."""

from dataclasses import replace

import msgspec

from simx.common.input_files import InputPath, read_whole
from simx.common.strict_json import JsonDefectError, decode
from simx.results.files.report import REPORT
from simx.results.schema.tuning import BenchOptions

_SETTINGS = replace(
    REPORT, label="settings ", mend="give what `simx tune --format json -o FILE` wrote"
)


class _Result(msgspec.Struct, frozen=True):
    """What is read of a result."""

    settings: BenchOptions


def read_settings(path: InputPath) -> BenchOptions:
    """Read the settings of a result of ``simx tune``.

    Raises:
        InputError: In one line: the file cannot be read, or is no such result.
    """
    try:
        return decode(read_whole(path, _SETTINGS), _Result).settings
    except JsonDefectError as error:
        raise _SETTINGS.refused(path, f"not a sound result: {error}") from error
