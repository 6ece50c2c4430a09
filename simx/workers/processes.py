"""What the interpreters that workers run in are started with."""

import os
import sys
from collections.abc import Iterable

# Isolated from the current folder, where a stray file could shadow a library.
PYTHON = (sys.executable, "-P", "-m")

_PRIVATE = {"ORT_DISABLE_TELEMETRY": "1"}
"""What keeps libraries in workers from talking to anybody. ONNX Runtime sends telemetry by default
since 1.29, and reads this when it is imported. Its sender is a thread, too, and a process with
threads cannot be forked safely."""

ROOT_VARIABLE = "_SIMX_ROOT"
"""Tells workers which process all of this run descends from, to know its processes by."""

Variables = Iterable[tuple[str, str | None]]
"""Names and values that workers see instead of this process's; None removes one."""


def environment(variables: Variables) -> dict[str, str]:
    """Return the variables of a worker's interpreter."""
    private = {**_PRIVATE, ROOT_VARIABLE: str(os.getpid())}
    merged: dict[str, str | None] = {**os.environ, **dict(variables), **private}
    return {name: value for name, value in merged.items() if value is not None}
