"""Finds the reason why a provider failed in what ONNX Runtime logged or raised.

Often its Python interface gives no reason: it makes a session without the provider, and only the
log names the missing library or the old driver. Where it raises an error, the reason follows a list
of places in its source.
"""

import re

from simx.common.anonymous import anonymous
from simx.common.safe_text import clean

_ERROR = re.compile(r"\[E:onnxruntime:[^\]]*\] (.*)")
_HOST = re.compile(r"\s*;?\s*hostname=\S+")

_CODE = re.compile(r"\[ONNXRuntimeError\] : \d+ : \w+ : ")
_PLACE = re.compile(r"^\S+\.(?:cc|cpp|h):\d+ [^()]*\([^()]*\)(?: const)? (?=\S)")


def cause_of(error: Exception) -> str:
    """Return the message of an ONNX Runtime error, without codes, places in its source and paths.

    ``[ONNXRuntimeError] : 1 : FAIL : /src/x.cc:1053 void f(int) Invalid option: colour`` becomes
    ``Invalid option: colour``.
    """
    text = _CODE.split(str(error).strip())[-1].strip()
    first = (text.splitlines() or [type(error).__name__])[0]
    return anonymous(clean(_PLACE.sub("", first)))


def cause_in(stderr: str) -> str | None:
    """Return the first error of a log, without its prefix, paths and hosts, or None.

    ``Failed to load library .../libX.so with error: libY.so.13: cannot open shared object file``
    becomes ``libY.so.13: cannot open shared object file``.
    """
    for line in stderr.splitlines():
        found = _ERROR.search(clean(line))
        if found:
            text = found[1].rpartition("with error: ")[2]
            return anonymous(_HOST.sub("", text)).strip()
    return None
