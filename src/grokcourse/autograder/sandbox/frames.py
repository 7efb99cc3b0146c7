"""How bytes cross between the sandbox's two sides: each message behind its length, with a limit and a deadline."""

import os
import select
import socket
import time

MAX_BYTES = 16 * 2**20
"""A longer message is refused; the answers of an honest exercise hold less than a tenth of a megabyte a test."""
STILL_THERE = -1
"""In the place of an exit status."""
STEP = b"@"
"""Begins what a worker says while it loads a submission: the place where it is."""


def write_frame(descriptor: int, content: bytes, until: float | None = None) -> None:
    """Send a message; raises ``TimeoutError`` if it is not taken by the deadline."""
    left = memoryview(len(content).to_bytes(8, "big") + content)
    while left:
        if until is not None:
            _wait(descriptor, select.POLLOUT, until)
        left = left[os.write(descriptor, left) :]


def read_frame(descriptor: int, until: float | None = None) -> bytes:
    """Receive a message.

    Raises:
        TimeoutError: if it is not there, and whole, by the deadline.
        EOFError: if it ends before, or is too long.
    """
    length = int.from_bytes(_read_exactly(descriptor, 8, until), "big")
    if length > MAX_BYTES:
        raise EOFError(f"answered with more than {MAX_BYTES // 2**20} MB")
    return _read_exactly(descriptor, length, until)


def _read_exactly(descriptor: int, length: int, until: float | None) -> bytes:
    content = bytearray()
    while len(content) < length:
        if until is not None:
            _wait(descriptor, select.POLLIN, until)
        part = os.read(descriptor, min(length - len(content), 2**20))
        if not part:
            raise EOFError("ended its own process")
        content += part
    return bytes(content)


def _wait(descriptor: int, event: int, until: float) -> None:
    """Wait until there is something to read, or room to write; raises ``TimeoutError`` at the deadline."""
    poll = select.poll()
    poll.register(descriptor, event)
    left = until - time.monotonic()
    if left <= 0 or not poll.poll(1000 * left):  # a worker that never stops talking has a deadline, too
        raise TimeoutError


def receive(control: socket.socket, length: int) -> bytes:
    """So many bytes from a socket; raises ``EOFError`` if it ends before."""
    content = b""
    while len(content) < length:
        part = control.recv(length - len(content))
        if not part:
            raise EOFError("it ended")
        content += part
    return content
