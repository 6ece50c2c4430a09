"""A disk that refuses one chosen call: every write, sync and rename there is, one after the other.

The calls of the standard library that simx writes files by are counted, and the one of a number
raises what the system would. Files opened for writing are replaced by ones whose raw writes are
counted, so that buffering is the real one.

Only simx's own calls count, and those of the tests that stand in for its work. How often a library
touches the disk is its own affair, and another in its next release.
"""

import builtins
import io
import os
import stat
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import simx

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_STANDARD_LIBRARY = sysconfig.get_path("stdlib")
_SITE_PACKAGES = (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))
_OWN = (str(Path(simx.__file__).parent), str(Path(__file__).resolve().parent.parent))


def is_own_call() -> bool:
    """Tell whether the nearest caller outside the standard library is simx or a test of it."""
    frame = sys._getframe(1)
    while frame := frame.f_back:  # type: ignore[assignment]  # the loop ends at the outermost
        file = frame.f_code.co_filename
        is_standard = file.startswith(("<frozen", _STANDARD_LIBRARY))
        if file == __file__ or (is_standard and not file.startswith(_SITE_PACKAGES)):
            continue
        return file.startswith(_OWN)
    return False


class FaultyDisk:
    """Counts calls, and lets one of them fail."""

    def __init__(self, fails: int | None = None, error: int = 0) -> None:
        """Begin to count.

        Args:
            fails: the number of the call that fails, from 0 on; None lets all succeed.
            error: the ``errno`` it fails with.
        """
        self.calls: list[str] = []
        self._fails = fails
        self._error = error

    def check(self, name: str, target: object) -> None:
        """Count a call of simx's own, and raise if it is the one."""
        if not is_own_call():
            return
        self.calls.append(f"{name} {target}")
        if len(self.calls) - 1 == self._fails:
            raise OSError(self._error, os.strerror(self._error))

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Stand between the process and its disk for as long as the patch lasts."""
        for name in ("mkdir", "rename", "replace", "link", "symlink", "ftruncate", "truncate"):
            patch.setattr(os, name, self._before(name, getattr(os, name)))
        patch.setattr(os, "open", self._open(os.open))
        patch.setattr(os, "write", self._on_files("write", os.write))
        patch.setattr(os, "fsync", self._on_files("fsync", os.fsync))
        opened = self._opened(io.open)
        patch.setattr(io, "open", opened)
        patch.setattr(builtins, "open", opened)

    def _before(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            self.check(name, args[0])
            return function(*args, **options)

        return call

    def _open(self, function: Callable[..., int]) -> Callable[..., int]:
        def call(path: Any, flags: int, *args: Any, **options: Any) -> int:
            if flags & _WRITING and not str(path).startswith(("/dev/", "/proc/")):
                self.check("open", path)
            return function(path, flags, *args, **options)

        return call

    def _on_files(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Leave pipes alone: what is written to them goes to another process."""

        def call(descriptor: int, *args: Any) -> Any:
            mode = os.fstat(descriptor).st_mode
            if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
                self.check(name, descriptor)
            return function(descriptor, *args)

        return call

    def _opened(self, function: Callable[..., Any]) -> Callable[..., Any]:
        disk = self

        class Raw(io.FileIO):
            def write(self, data: Any, /) -> int:
                disk.check("write", self.name)
                return super().write(data)

        def call(file: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
            if mode not in {"wb", "xb"} or not isinstance(file, str | os.PathLike):
                return function(file, mode, *args, **options)
            self.check("open", file)
            return io.BufferedWriter(Raw(Path(file), mode.replace("b", "")))

        return call
