"""What is written and not taken: how long it may lie about before it is thrown away."""

import asyncio
from datetime import timedelta

from transport.patience import Waiting, clock_of

# An answer need not be taken at once, but in each such time so much of it.
READ_TIMEOUT = timedelta(seconds=30)
LEAST_READ = 131_072


class UnreadProtocol(asyncio.Protocol):
    """Cuts off who takes next to nothing of what is written, also where it is closed already."""

    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop
    _unread = 0

    def pause_writing(self) -> None:
        """They don't read as fast as we write."""
        super().pause_writing()
        self._unread = self.transport.get_write_buffer_size()
        self._readers.begin(self)

    def resume_writing(self) -> None:
        """They have read."""
        super().resume_writing()
        self._readers.end(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is thrown away."""
        super().connection_lost(exc)
        self._readers.end(self)

    @property
    def _readers(self) -> Waiting:
        return clock_of(self.loop).waiting(READ_TIMEOUT, UnreadProtocol._look)

    def _look(self) -> None:
        unread = self.transport.get_write_buffer_size()
        if unread > self._unread - LEAST_READ:
            self.transport.abort()
        else:
            self._unread = unread
            self._readers.begin(self)
