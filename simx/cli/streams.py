"""The standard streams, made fit for use before anything else is done with them."""

import os
import sys
from io import TextIOWrapper

from simx.common.spelling import IN_ASCII, register

_LAST = 2
"""The descriptor of stderr."""


def prepare_streams() -> None:
    """Open closed streams on the null device, and let open ones take any text.

    The number of a closed stream would be given to the next file or socket that is opened, which
    would then get messages that are meant for people.
    """
    while (opened := os.open(os.devnull, os.O_RDWR)) <= _LAST:
        os.set_inheritable(opened, True)  # noqa: FBT003 - it has no name
    os.close(opened)
    register()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # None if it was closed
            stream.reconfigure(errors=IN_ASCII)
