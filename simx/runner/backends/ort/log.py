"""Finds in what ONNX Runtime logged or raised why a provider did not come up.

Its Python interface often says nothing of it: a session without the provider is made, and only the
log has the library that is missing or the driver that is too old. Where it does raise, the reason
stands behind the places in its source that it came by.
"""

import re

_ERROR = re.compile(r"\[E:onnxruntime:[^\]]*\] (.*)")
_FOLDERS = re.compile(r"(?<![\w.])/(?:[^\s:/]+/)+")
"""A path's folders: whose they are is nobody's business."""

_HOST = re.compile(r"\s*;?\s*hostname=\S+")

_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


_CODE = re.compile(r"\[ONNXRuntimeError\] : \d+ : \w+ : ")
_PLACE = re.compile(r"^\S+\.(?:cc|cpp|h):\d+ [^()]*\([^()]*\)(?: const)? (?=\S)")


def cause_of(error: Exception) -> str:
    """Return what an error of ONNX Runtime's says, without codes, its source's places and paths.

    ``[ONNXRuntimeError] : 1 : FAIL : /src/x.cc:1053 void f(int) Invalid option: colour`` becomes
    ``Invalid option: colour``.
    """
    text = _CODE.split(str(error).strip())[-1].strip()
    first = (text.splitlines() or [type(error).__name__])[0]
    return _FOLDERS.sub("", _PLACE.sub("", first)).strip()


def cause_in(stderr: str) -> str | None:
    """Return the first error of a log, without its prologue, paths and hosts, or None.

    ``Failed to load library .../libX.so with error: libY.so.13: cannot open shared object file``
    becomes ``libY.so.13: cannot open shared object file``.
    """
    for line in _ESCAPES.sub("", stderr).splitlines():
        found = _ERROR.search(line)
        if found:
            text = found[1].rpartition("with error: ")[2]
            return _FOLDERS.sub("", _HOST.sub("", text)).strip()
    return None
