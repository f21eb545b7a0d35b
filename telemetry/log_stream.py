"""Where the log goes: never waited for. Who reads it may be slow, and sell nothing for that."""

import fcntl
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from queue import SimpleQueue

# Some 8,000 requests' lines: more than a second of them. What comes then is dropped, and counted;
# the last quarter is for warnings and errors.
MOST_WAITING = 2 << 20
MOST_WAITING_AT_LEISURE = MOST_WAITING * 3 // 4
# So much at once no pipe waits with, once it is ready, and nobody writes into the middle of it.
PIECE = select.PIPE_BUF
# The log's own thread may wait, and writes more at once: back from each piece it waits for a busy
# interpreter, up to 5 ms, and in a second without a pause it lost a fifth of the lines by that.
LARGEST_PIECE = 1 << 16
# Lines are gathered for so long: to wake a thread for each would cost more than the line.
GATHERING = timedelta(milliseconds=50)
# Who stops reading gets so long at the end.
LONGEST_CLOSE = timedelta(seconds=1)
POLL = 0.02


class LogStream:
    """Lines for a file, a pipe or a terminal; written in their order, by whoever has time.

    Args:
        number: of the open file.
        notice: the line that says how many were dropped.

    Attributes:
        dropped: how many there was no room for.
    """

    def __init__(self, number: int, notice: Callable[[int], bytes]) -> None:
        self._number = number
        self._notice = notice
        self._lines: deque[bytes] = deque()
        self._size = 0
        self._piece = b""
        # The collector may come at any line, and who is collected may have something to log: to
        # that the thread's own locks must be open.
        self._queue, self._pen = threading.RLock(), threading.Lock()
        self._asked = False
        self._calls: SimpleQueue[None] = SimpleQueue()
        self._poll = select.poll()
        self._poll.register(number, select.POLLOUT)
        self._writer: threading.Thread | None = None
        # How many a notice has told of: ever, and in the piece that is still to be written.
        self.dropped = self._noticed = self._telling = 0

    def write(self, line: bytes, urgent: bool) -> None:
        """Take a line; an urgent one is out when this returns, if its reader is not behind."""
        with self._queue:
            if self._size >= (MOST_WAITING if urgent else MOST_WAITING_AT_LEISURE):
                self.dropped += 1
                return
            self._lines.append(line)
            self._size += len(line)
        if not (urgent and self.flush()) and not self._asked:
            self._wake()

    def flush(self, most: int = PIECE) -> bool:
        """Write what can be written without waiting; returns whether that was all.

        Args:
            most: how many bytes at once. More than PIECE may be waited for.
        """
        if not self._pen.acquire(blocking=False):
            return False  # somebody is at it
        try:
            if not self._begin():
                return False
            while self._piece or self._take(most):
                if not self._poll.poll(0):
                    return False
                written = os.write(self._number, self._piece[:most])
                self._piece = self._piece[written:]
        except BlockingIOError:
            return False
        except OSError:  # nobody reads it, or there is no room on the disk
            self._lose()
        finally:
            if not self._piece:
                self._lock(fcntl.LOCK_UN)
            self._pen.release()
        return True

    def _begin(self) -> bool:
        """Keep other processes from writing into the middle of a long line; False if one is in."""
        return bool(self._piece) or self._lock(fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _lock(self, how: int) -> bool:
        try:
            fcntl.lockf(self._number, how)
        except (BlockingIOError, PermissionError):
            return False
        except OSError:
            pass  # there are no locks for such a file: go on without
        return True

    def close(self) -> None:
        """Write what is left, within LONGEST_CLOSE."""
        deadline = time.monotonic() + LONGEST_CLOSE.total_seconds()
        while not self.flush() and time.monotonic() < deadline:
            time.sleep(POLL)

    def _take(self, most: int) -> bool:
        """Take the next lines, as many as go at once."""
        with self._queue:
            self._telling = 0
            if self.dropped > self._noticed and self._size < MOST_WAITING_AT_LEISURE // 2:
                self._telling, self._noticed = self.dropped - self._noticed, self.dropped
                self._piece = self._notice(self._telling)
            room = most - len(self._piece)
            taken: list[bytes] = []
            while self._lines and (len(self._lines[0]) <= room or not (taken or self._piece)):
                taken.append(self._lines.popleft())
                room -= len(taken[-1])
                self._size -= len(taken[-1])
            self._piece += b"".join(taken)
        return bool(self._piece)

    def _lose(self) -> None:
        """Drop what waits; should there be a way again, a notice says so."""
        with self._queue:
            lines = self._piece.count(b"\n") - bool(self._telling)
            self.dropped += len(self._lines) + lines
            self._noticed -= self._telling
            self._lines.clear()
            self._size, self._piece, self._telling = 0, b"", 0

    def _wake(self) -> None:
        self._asked = True
        self._calls.put(None)
        if self._writer is None:
            self._writer = threading.Thread(target=self._keep_writing, name="log", daemon=True)
            self._writer.start()

    def _keep_writing(self) -> None:
        while True:
            self._calls.get()
            time.sleep(GATHERING.total_seconds())
            self._asked = False
            if not self.flush(LARGEST_PIECE) and not self._asked:
                self._wake()
