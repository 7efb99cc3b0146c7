"""The trusted end of one worker: messages with a deadline, and the end of the process."""

import contextlib
import os
import queue
import select
import threading
import time
from collections.abc import Callable

from ...records import LostError, TimeLimitError
from ..frames import STEP, read_frame, write_frame

CAN_POLL = hasattr(select, "poll")
"""Whether this process can wait for a pipe until a deadline; on Windows a thread has to, for every message."""


END_SECONDS = 0.5
"""How long a worker may take to end after it has closed its connection."""


class Channel:
    """The trusted end of one worker: messages with a deadline, and the end of the process."""

    def __init__(self, reader: int, writer: int, end: Callable[[float], str]) -> None:
        self._reader, self._writer, self._end = reader, writer, end
        self._open = True
        for descriptor in (reader, writer) if CAN_POLL else ():
            os.set_blocking(descriptor, False)
        self._talker: threading.Thread | None = None

    def exchange(self, request: bytes, seconds: float, what: str, steps: list[bytes] | None = None) -> bytes:
        """Send a message and return the answer; the worker is ended if there is none.

        Args:
            request: the message.
            seconds: how long the answer may take.
            what: what takes that long, in words.
            steps: gets the last message that came before the answer and begins with ``STEP``.

        Raises:
            TimeLimitError: if the answer is not there, and whole, in time.
            LostError: if the worker is gone, or answers with no message.
        """
        until = time.monotonic() + max(seconds, 0.01)
        try:
            return self._talk(request, steps, until) if CAN_POLL else self._talk_aside(request, steps, until)
        except TimeoutError:
            self.close()
            raise TimeLimitError(f"{what} took longer than {seconds:.3g} seconds") from None
        except (OSError, EOFError) as error:
            how = self.close(END_SECONDS)
            raise LostError(f"the code {how or error}", memory="memory" in how) from None

    def _talk(self, request: bytes, steps: list[bytes] | None, until: float | None) -> bytes:
        write_frame(self._writer, request, until)
        reply = read_frame(self._reader, until)
        while steps is not None and reply.startswith(STEP):
            steps[:] = [reply]
            reply = read_frame(self._reader, until)
        return reply

    def _talk_aside(self, request: bytes, steps: list[bytes] | None, until: float) -> bytes:
        """The same in a thread, which is left behind at the deadline."""
        answer: queue.SimpleQueue[bytes | OSError | EOFError] = queue.SimpleQueue()

        def talk() -> None:
            try:
                answer.put(self._talk(request, steps, None))
            except (OSError, EOFError) as error:
                answer.put(error)

        self._talker = threading.Thread(target=talk, daemon=True)
        self._talker.start()
        try:
            reply = answer.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            raise TimeoutError from None
        if isinstance(reply, bytes):
            return reply
        raise reply

    def close(self, patience: float = 0) -> str:
        """End the worker and whatever it started.

        Args:
            patience: seconds in which it may end by itself.

        Returns:
            How it ended by itself, in words, if it did.
        """
        if not self._open:
            return ""
        self._open = False
        how = self._end(patience)
        if self._talker:
            self._talker.join(5)  # it must not go on with a descriptor that means another worker by then
        if not (self._talker and self._talker.is_alive()):
            for descriptor in {self._reader, self._writer}:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
        return how
