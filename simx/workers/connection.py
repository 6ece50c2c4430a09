"""Messages over a pair of file descriptors.

A message is its length in eight bytes, then a msgspec struct as MessagePack. Both ends decode into
declared types, so every message is checked, and nothing is unpickled.
"""

import os
import select
import time
from typing import TypeVar

import msgspec

T = TypeVar("T")

_LENGTH_BYTES = 8
_CHUNK = 1 << 20
_LARGEST = 1 << 32
"""Bytes; a longer message is an error."""


class Connection:
    """One end of the pipe between the parent and a worker."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self._read_fd = read_fd
        self._write_fd = write_fd

    def send(self, message: msgspec.Struct) -> None:
        """Write one message.

        Raises:
            OSError: The other end is gone.
        """
        payload = msgspec.msgpack.encode(message)
        view = memoryview(len(payload).to_bytes(_LENGTH_BYTES, "big") + payload)
        while view:
            view = view[os.write(self._write_fd, view[:_CHUNK]) :]

    def receive(self, decoder: msgspec.msgpack.Decoder[T], timeout: float | None = None) -> T:
        """Wait for one message and decode it.

        Args:
            decoder: Of the type, or union of types, that may arrive.
            timeout: Seconds to wait for the whole message; None for no limit.

        Raises:
            EOFError: The other end is gone.
            TimeoutError: No complete message arrived in time.
            msgspec.DecodeError: The message is not of a declared type.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        length = int.from_bytes(self._read(_LENGTH_BYTES, deadline), "big")
        if length > _LARGEST:
            raise msgspec.DecodeError(f"a message of {length} bytes")
        return decoder.decode(self._read(length, deadline))

    def close(self) -> None:
        """Close both descriptors, which may be the same."""
        for descriptor in {self._read_fd, self._write_fd}:
            os.close(descriptor)

    def _read(self, count: int, deadline: float | None) -> bytes:
        chunks = bytearray()
        while len(chunks) < count:
            if deadline is not None:
                remaining = max(0.0, deadline - time.monotonic())
                if not select.select([self._read_fd], [], [], remaining)[0]:
                    raise TimeoutError("no answer within the time allowed")
            try:
                chunk = os.read(self._read_fd, min(count - len(chunks), _CHUNK))
            except ConnectionError:
                chunk = b""
            if not chunk:
                raise EOFError("the other end of the connection is gone")
            chunks += chunk
        return bytes(chunks)
