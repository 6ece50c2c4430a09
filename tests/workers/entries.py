"""What the tests' workers run: one function for each way a worker can behave."""

import ctypes
import os
import resource
import signal
import sys
import time

import msgspec

from simx.workers.connection import Connection


class Note(msgspec.Struct):
    """The one message of these tests."""

    text: str


class Other(msgspec.Struct):
    """A message that is none of these tests'."""

    number: int


NOTES = msgspec.msgpack.Decoder(Note)


def echo(connection: Connection) -> None:
    """Answer every note with itself and the worker's own facts."""
    while True:
        try:
            note = connection.receive(NOTES)
        except EOFError:
            return
        connection.send(Note(f"{note.text} from {os.getpid()}, child of {os.getppid()}"))


def noisy(connection: Connection) -> None:
    """Print to stdout, which must not disturb the messages."""
    connection.receive(NOTES)
    print("chatter on stdout")  # noqa: T201 - the point of this worker
    os.write(1, b"chatter on the descriptor\n")
    connection.send(Note("clean"))


def dying(connection: Connection) -> None:
    """End as the note says instead of answering."""
    how = connection.receive(NOTES).text
    if how == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if how == "exit":
        sys.stderr.write("out of cheese\n")
        sys.stderr.flush()
        os._exit(3)
    if how == "raise":
        raise RuntimeError("went wrong")
    if how == "hang":
        time.sleep(3600)
    if how == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "server":
        os.kill(os.getppid(), signal.SIGKILL)
    if how == "another answer":
        connection.send(Other(1))
    time.sleep(3600)


def variables(connection: Connection) -> None:
    """Answer with the variables of this test's own."""
    connection.receive(NOTES)
    found = sorted(f"{name}={value}" for name, value in os.environ.items() if "SIMX_TEST" in name)
    connection.send(Note(" ".join(found)))


def allocating(connection: Connection) -> None:
    """Answer with the address of a large block."""
    connection.receive(NOTES)
    block = bytearray(8_000_000)
    connection.send(Note(str(ctypes.addressof(ctypes.c_char.from_buffer(block)))))


def blocked(connection: Connection) -> None:
    """Say that it has begun, and then be in a native call that no signal but one gets out of."""
    connection.receive(NOTES)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    connection.send(Note(str(os.getpid())))
    ctypes.CDLL(None).sleep(3600)


def greedy(connection: Connection) -> None:
    """Ask for more memory than there can be."""
    connection.receive(NOTES)
    held = bytearray(16 * 2**30)
    connection.send(Note(str(len(held))))


def hungry(connection: Connection) -> None:
    """Take more memory than there can be, piece by piece, and use it."""
    connection.receive(NOTES)
    held = []
    while True:
        held.append(b"x" * 10_000_000)


def repetitive(connection: Connection) -> None:
    """Take 60 MB in three blocks and free them, again and again; answer with the page faults."""
    connection.receive(NOTES)
    for _ in range(5):
        _take_and_free()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        _take_and_free()
    after = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    connection.send(Note(str(after - before)))


def _take_and_free() -> None:
    held = [b"x" * 20_000_000 for _ in range(3)]
    held.clear()


def folder(connection: Connection) -> None:
    """Answer with the current folder."""
    connection.receive(NOTES)
    connection.send(Note(os.getcwd()))  # noqa: PTH109 - as a text
