"""Finds the reason why a provider failed, in ONNX Runtime's errors and in its log.

Often only the log names the missing library or the old driver, and no error is raised.
"""

import re

from simx.common.anonymous import anonymous
from simx.common.safe_text import clean

_ERROR = re.compile(r"\[E:onnxruntime:[^\]]*\] (.*)")
_HOST = re.compile(r"\s*;?\s*hostname=\S+")
_CODE = re.compile(r"\[ONNXRuntimeError\] : \d+ : \w+ : ")
_PLACE = re.compile(r"^\S+\.(?:cc|cpp|h):\d+ [^()]*\([^()]*\)(?: const)? (?=\S)")

_TOO_NEW = {
    "IR version": re.compile(r"Unsupported model IR version: (\d+), max supported .*: (\d+)"),
    "opset": re.compile(r"Opset (\d+) is under development .* for domain \S+ is till opset (\d+)"),
}
"""How ONNX Runtime refuses a graph of a newer format: the graph's version, and its own latest."""


def too_new(error: Exception, runtime: str) -> str | None:
    """Return why a graph is too new for a runtime, such as ``onnxruntime 1.17.3``, or None."""
    for what, pattern in _TOO_NEW.items():
        if found := pattern.search(str(error)):
            return (
                f"the graph has {what} {found[1]}, and {runtime} supports {found[2]} at most; "
                "install a newer one there with pip install --upgrade"
            )
    return None


def cause_of(error: Exception) -> str:
    """Return the message of an ONNX Runtime error, without codes, source locations and paths."""
    text = _CODE.split(str(error).strip())[-1].strip()
    first = (text.splitlines() or [type(error).__name__])[0]
    return anonymous(clean(_PLACE.sub("", first)))


def cause_in(stderr: str) -> str | None:
    """Return the first error of a log, without its prefix, paths and hosts, or None."""
    for line in stderr.splitlines():
        if found := _ERROR.search(clean(line)):
            text = found[1].rpartition("with error: ")[2]
            return anonymous(_HOST.sub("", text)).strip()
    return None
