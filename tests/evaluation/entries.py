"""A decoder that some pictures end."""

import os

from simx.runner.measure.picture_messages import READ_PICTURES, ReadCrop
from simx.runner.measure.pictures import answer
from simx.workers.connection import Connection


def fragile(connection: Connection) -> None:
    """Read pictures, and end at one whose name begins with ``deadly``."""
    while True:
        try:
            request = connection.receive(READ_PICTURES)
        except EOFError:
            return
        if isinstance(request, ReadCrop) and "deadly" in request.item.path:
            os._exit(7)
        connection.send(answer(request))
