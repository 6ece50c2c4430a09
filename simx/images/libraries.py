"""Keeps what C libraries write by themselves from a terminal that is not theirs."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = 2

# Pillow tells of some defects in its log, which Python prints where nobody listens to it.
logging.getLogger("PIL").addHandler(logging.NullHandler())


@contextmanager
def without_messages() -> Iterator[None]:
    """Send what is written to the process's stderr nowhere for a while.

    libtiff tells of every defect there, beside the error it returns. Files of other formats are
    decoded by libraries that do not.
    """
    try:
        kept = os.dup(_STDERR)
    except OSError:  # a process without stderr shows nothing anyway
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, _STDERR)
        yield
    finally:
        os.dup2(kept, _STDERR)
        os.close(kept)
        os.close(nowhere)
