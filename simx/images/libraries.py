"""Keep messages of image libraries off the terminal."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = 2

# Pillow logs some defects, and Python prints log records that have no handler.
logging.getLogger("PIL").addHandler(logging.NullHandler())


@contextmanager
def without_messages() -> Iterator[None]:
    """Discard everything that is written to the process's stderr meanwhile.

    libtiff writes each defect there, besides the error that it returns. The libraries of other
    formats write nothing.
    """
    try:
        kept = os.dup(_STDERR)
    except OSError:  # the process has no stderr
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
