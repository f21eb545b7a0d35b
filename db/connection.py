"""A connection that hangs up on a server that has gone silent."""

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from psycopg import AsyncConnection, OperationalError

from db.limits import LONGEST_SILENCE


class Connection(AsyncConnection[tuple[Any, ...]]):
    """As psycopg's; but no wait for the server takes longer than LONGEST_SILENCE."""

    async def wait(self, *args: Any, **kwargs: Any) -> Any:
        """Wait as psycopg does, which would do so for ever.

        Raises:
            OperationalError: the server was silent for too long; the connection is closed.
        """
        with self.patience():
            return await super().wait(*args, **kwargs)

    @contextmanager
    def patience(self) -> Iterator[None]:
        """Hang up if the block takes too long: whoever waits finds the connection closed."""
        loop = asyncio.get_running_loop()
        timer = loop.call_later(LONGEST_SILENCE.total_seconds(), self._hang_up)
        try:
            yield
        finally:
            timer.cancel()

    def _hang_up(self) -> None:
        # Shut down, not closed: the file number stays ours until libpq lets go of it.
        try:
            number = os.dup(self.pgconn.socket)
        except OperationalError:
            return  # it is closed by now
        with socket.socket(fileno=number) as ours, suppress(OSError):  # it was broken already
            ours.shutdown(socket.SHUT_RDWR)
