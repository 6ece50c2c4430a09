"""Run a command where no network can be reached but the machine's own loopback. Linux only.

    python scripts/without_network.py COMMAND [ARGUMENTS]...

The command gets a network namespace of its own, by ``unshare`` of util-linux, in which nothing but
the loopback interface exists.
"""

import fcntl
import os
import shutil
import socket
import struct
import sys

_INSIDE = "--inside"
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 0x1


def main(arguments: list[str]) -> None:
    """Enter the namespace, or, once inside of it, become the command."""
    if arguments[:1] == [_INSIDE]:
        raise_loopback()
        os.execvp(arguments[1], arguments[1:])  # noqa: S606 - what this script is there for
    unshare = shutil.which("unshare")
    if not arguments or unshare is None:
        sys.exit("usage: without_network.py COMMAND [ARGUMENTS]..., with unshare installed")
    # Who is not root becomes it in a namespace of users, which grants nothing outside of that.
    mapped = [] if os.geteuid() == 0 else ["--map-root-user"]
    again = [sys.executable, __file__, _INSIDE, *arguments]
    os.execv(unshare, [unshare, "--net", *mapped, *again])  # noqa: S606 - likewise


def raise_loopback() -> None:
    """Bring the loopback interface up, which a new namespace has, but down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH14x", b"lo", 0)
        _, flags = struct.unpack_from("16sH", fcntl.ioctl(any_socket, _GET_FLAGS, request))
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sH14x", b"lo", flags | _UP))


if __name__ == "__main__":
    main(sys.argv[1:])
