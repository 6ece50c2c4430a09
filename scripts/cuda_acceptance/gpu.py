"""Is there a GPU here that CUDA's driver can use? Needs nothing but Python; installs nothing."""

import ctypes
import sys
from collections.abc import Callable
from typing import Any


def trouble(load: Callable[[str], Any] = ctypes.CDLL) -> str | None:
    """Return why CUDA's driver has no GPU to offer, or None where it has one.

    Args:
        load: Loads a library; replaced in tests.
    """
    try:
        driver = load("libcuda.so.1")
    except OSError as error:
        return str(error)
    count = ctypes.c_int()
    for name, arguments in (("cuInit", (0,)), ("cuDeviceGetCount", (ctypes.byref(count),))):
        code = getattr(driver, name)(*arguments)
        if code != 0:
            return f"{name} ends with error {code}"
    return None if count.value else "the driver counts none"


def main() -> int:
    """Say so in one line where there is none."""
    why = trouble()
    if why is not None:
        print(
            f"cuda-acceptance: there is no GPU here that CUDA can use ({why}); nothing was tested, "
            "run it on a machine that has one",
            file=sys.stderr,
        )
    return int(why is not None)


if __name__ == "__main__":
    sys.exit(main())
